package hsm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"mohr/hsm/keyuri"
	"mohr/internal/fault"
)

// signer is the face of every key: its type tells nothing of the backend and
// gives no way to the private half.
type signer struct {
	public crypto.PublicKey
	sign   func(digest []byte, opts crypto.SignerOpts) ([]byte, error)
	vault  *vault // nil: a file

	// Set once, by Keyring.keep.
	uri keyuri.URI
	now func() time.Time

	made, failed atomic.Uint64
	last         atomic.Int64 // Unix time of the last signature, 0: none
	asked        atomic.Int64 // of the last try, in ns; tests count
	broken       atomic.Bool  // the last try failed
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
	sig, err := s.try(bytes.Clone(digest), opts)
	if err != nil {
		s.failed.Add(1)
		return nil, err
	}
	s.made.Add(1)
	s.last.Store(s.now().Unix())
	return sig, nil
}

func (s *signer) try(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	sig, err := s.sign(digest, opts)
	s.asked.Store(time.Now().UnixNano())
	s.broken.Store(err != nil)
	return sig, err
}

// test signs fresh random octets and verifies the signature.
func (s *signer) test() error {
	hash := crypto.SHA256
	if p, ok := s.public.(*ecdsa.PublicKey); ok && p.Curve == elliptic.P384() {
		hash = crypto.SHA384
	}
	digest := make([]byte, hash.Size())
	rand.Read(digest) // never fails (crypto/rand)
	sig, err := s.try(digest, hash)
	if err != nil {
		return err
	}
	held := false
	switch p := s.public.(type) {
	case *ecdsa.PublicKey:
		held = ecdsa.VerifyASN1(p, digest, sig)
	case *rsa.PublicKey:
		held = rsa.VerifyPKCS1v15(p, hash, digest, sig) == nil
	}
	if !held {
		s.broken.Store(true)
		return fault.New(fault.Unavailable, "key_self_test_failed", "the key's test signature does not verify with its public half; do not use it, check the key store")
	}
	return nil
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

// samePublic reports whether a and b are the same public key.
func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
