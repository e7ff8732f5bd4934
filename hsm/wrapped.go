package hsm

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	"mohr/hsm/keyuri"
	"mohr/internal/fault"
)

// Wrapped is a P-256 key that its home keeps nowhere: it gave the private half
// out encrypted, and nobody but this home can use that. What is altered, or
// put beside another public key, never signs.
type Wrapped struct {
	Public  []byte `json:"public"`  // SubjectPublicKeyInfo, DER
	Private []byte `json:"private"` // in the home's own format
}

// Wrap makes a key that is kept outside its home. The URI names what wraps
// it, made at the first use: an AES key in a token, which never leaves it; in
// a TPM the storage root key does that, whatever the name; or a file. It has
// signed once and the signature held.
func (k *Keyring) Wrap(ctx context.Context, uri string) (Wrapped, error) {
	u, b, err := k.backend(uri)
	if err != nil {
		return Wrapped{}, err
	}
	k.creating.Lock()
	defer k.creating.Unlock()
	public, private, err := b.wrap(ctx, u)
	if err != nil {
		return Wrapped{}, fmt.Errorf("wrap key at %s: %w", u.Name(), err)
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return Wrapped{}, fmt.Errorf("wrap key at %s: %w", u.Name(), err)
	}
	w := Wrapped{Public: spki, Private: private}
	try := sha256.Sum256(private)
	_, err = k.SignWrapped(ctx, uri, w, try[:])
	return w, err
}

// SignWrapped has the home take the key in for one signature over a digest of
// SHA-256: an Ecdsa-Sig-Value, which holds. A key that does not open there is
// Denied (wrapped_key_refused); errors of the home are as those of Signer.
//
// It asks nobody whether the holder wants it: in this program only the
// ceremony of ca/held calls it, and internal/arch sees to that.
func (k *Keyring) SignWrapped(ctx context.Context, uri string, w Wrapped, digest []byte) ([]byte, error) {
	if len(digest) != sha256.Size {
		return nil, fmt.Errorf("sign: a digest of %d octets is not of SHA-256", len(digest))
	}
	u, b, err := k.backend(uri)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(w.Public)
	public, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok || public.Curve != elliptic.P256() {
		return nil, errWrapped()
	}
	// After a timeout the home may still read them, the caller may reuse them.
	signature, err := b.signWrapped(ctx, u, bytes.Clone(w.Private), bytes.Clone(digest))
	if err != nil {
		return nil, fmt.Errorf("sign at %s: %w", u.Name(), err)
	}
	if !ecdsa.VerifyASN1(public, digest, signature) {
		return nil, errWrapped()
	}
	return signature, nil
}

func errWrapped() error {
	return fault.New(fault.Denied, "wrapped_key_refused", "the kept key does not open in this key store, or is another one; restore the key store and the records that belong together")
}

// made is a fresh key outside its home.
type made struct {
	public  *ecdsa.PublicKey
	private []byte
}

func (v *vault) wrap(ctx context.Context, u keyuri.URI) (*ecdsa.PublicKey, []byte, error) {
	m, err := do(ctx, v, slower*v.timeout, func(s *session) (m made, err error) {
		m.public, m.private, err = s.wrap(u)
		return m, err
	})
	return m.public, m.private, err
}

func (v *vault) signWrapped(ctx context.Context, _ keyuri.URI, private, digest []byte) ([]byte, error) {
	return do(ctx, v, v.timeout, func(s *session) ([]byte, error) { return s.signWrapped(private, digest) })
}

func (l tokenLogin) wrap(u keyuri.URI) (*ecdsa.PublicKey, []byte, error) { return l.raw.Make(u.Object) }

func (l tokenLogin) signWrapped(private, digest []byte) ([]byte, error) {
	return l.raw.Sign(private, digest)
}

func (l chipLogin) wrap(keyuri.URI) (*ecdsa.PublicKey, []byte, error) { return l.device.Make() }

func (l chipLogin) signWrapped(private, digest []byte) ([]byte, error) {
	return l.device.Sign(private, digest)
}
