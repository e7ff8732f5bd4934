package hsm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"

	"mohr/internal/fault"
)

// signer is the face of every key: its type tells nothing of the backend and
// gives no way to the private half.
type signer struct {
	public crypto.PublicKey
	sign   func(digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

// Public returns the public half, as it was when the key was opened.
func (s *signer) Public() crypto.PublicKey { return s.public }

// Sign signs a digest. The source of randomness is the backend's own.
func (s *signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts == nil || opts.HashFunc() == 0 || !opts.HashFunc().Available() {
		return nil, fmt.Errorf("sign: a digest and its hash function are needed")
	}
	// crypto11 signs any octets as an ECDSA digest: the length is checked here.
	if len(digest) != opts.HashFunc().Size() {
		return nil, fmt.Errorf("sign: a digest of %d octets is not of %s", len(digest), opts.HashFunc())
	}
	// After a timeout the backend may still read it, the caller may reuse it.
	return s.sign(bytes.Clone(digest), opts)
}

// tried ends an opening: the key's kind is checked and it signs once.
func tried(u keyURI, s *signer, err error) (crypto.Signer, error) {
	if err == nil {
		err = checkKind(s.public)
	}
	if err == nil {
		err = selfTest(s)
	}
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", u.name(), err)
	}
	return s, nil
}

func checkKind(public crypto.PublicKey) error {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		if p.Curve == elliptic.P256() || p.Curve == elliptic.P384() {
			return nil
		}
	case *rsa.PublicKey:
		if bits := p.N.BitLen(); bits >= 2048 && bits <= 4096 {
			return nil
		}
	}
	return fault.New(fault.Invalid, "key_kind_unsupported", "this key is neither P-256 nor P-384 nor RSA of 2048 to 4096 bits; make one that is")
}

// selfTest signs fresh random octets and verifies the signature.
func selfTest(s *signer) error {
	message := make([]byte, 32)
	rand.Read(message) // never fails (crypto/rand)
	digest := sha256.Sum256(message)
	sig, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	held := false
	switch p := s.public.(type) {
	case *ecdsa.PublicKey:
		held = ecdsa.VerifyASN1(p, digest[:], sig)
	case *rsa.PublicKey:
		held = rsa.VerifyPKCS1v15(p, crypto.SHA256, digest[:], sig) == nil
	}
	if !held {
		return fault.New(fault.Unavailable, "key_self_test_failed", "the key's test signature does not verify with its public half; do not use it, check the key store")
	}
	return nil
}

// samePublic reports whether a and b are the same public key.
func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
