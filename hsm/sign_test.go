package hsm_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"sync"
	"testing"
)

// mustVerify signs and verifies by the standard library.
func mustVerify(t *testing.T, s crypto.Signer) {
	t.Helper()
	if err := signOnce(s); err != nil {
		t.Fatal(err)
	}
}

// signOnce signs a fresh digest and verifies by the standard library.
func signOnce(s crypto.Signer) error {
	hash := crypto.SHA256
	if p, ok := s.Public().(*ecdsa.PublicKey); ok && p.Curve == elliptic.P384() {
		hash = crypto.SHA384
	}
	digest := make([]byte, hash.Size())
	rand.Read(digest)
	sig, err := s.Sign(rand.Reader, digest, hash)
	if err != nil {
		return err
	}
	if !verifies(s.Public(), hash, digest, sig) {
		return errWrong
	}
	return nil
}

// sign signs a digest and does not look at the signature.
func sign(s crypto.Signer) error {
	_, err := s.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	return err
}

// errWrong is what must never happen.
var errWrong = errors.New("the signature does not verify")

func verifies(public crypto.PublicKey, hash crypto.Hash, digest, sig []byte) bool {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(p, digest, sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(p, hash, digest, sig) == nil
	}
	return false
}

// signMany signs with the keys from 40 goroutines and verifies all.
func signMany(t *testing.T, keys ...crypto.Signer) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 40 {
		s := keys[i%len(keys)]
		wg.Go(func() {
			for range 4 {
				if err := signOnce(s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
