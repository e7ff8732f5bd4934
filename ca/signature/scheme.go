package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes a scheme may name
	_ "crypto/sha512"
	"errors"
	"fmt"
)

// The sizes of an RSA modulus, in bits, that our profiles certify. The upper
// bound keeps a hostile certificate from costing more than ours do.
const (
	minRSA = 2048
	maxRSA = 4096
)

// scheme is how a digest is signed, beside the key.
type scheme struct {
	hash crypto.Hash
	rsa  bool // RSA, else ECDSA
	pss  bool // RSASSA-PSS instead of PKCS #1 v1.5
	salt int  // octets of PSS salt
	old  bool // what we write names PKCS #1 v1.5 without its hash (RFC 3370 section 3.2)
}

// digest hashes b.
func (s scheme) digest(b []byte) []byte {
	h := s.hash.New()
	h.Write(b)
	return h.Sum(nil)
}

// usableKey reports whether the key is of a kind and size that our profiles
// certify: P-256, P-384, RSA of 2048 to 4096 bits.
func usableKey(pub crypto.PublicKey) bool {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384()
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSA && k.N.BitLen() <= maxRSA
	}
	return false
}

// verifyDER reports whether sig is a signature over digest by a usable key.
// ECDSA signatures are the DER of Ecdsa-Sig-Value (RFC 3279 section 2.2.3).
func (s scheme) verifyDER(pub crypto.PublicKey, digest, sig []byte) bool {
	if !usableKey(pub) {
		return false
	}
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return !s.rsa && ecdsa.VerifyASN1(k, digest, sig)
	case *rsa.PublicKey:
		switch {
		case s.pss:
			return rsa.VerifyPSS(k, s.hash, digest, sig, &rsa.PSSOptions{SaltLength: s.salt}) == nil
		case s.rsa:
			return rsa.VerifyPKCS1v15(k, s.hash, digest, sig) == nil
		}
	}
	return false
}

// errKeyKind is an own key of a kind that no profile certifies.
var errKeyKind = errors.New("the key is not P-256, P-384 or RSA of 2048 to 4096 bits")

// ownScheme returns how we sign with a key: SHA-256, and SHA-384 on P-384.
func ownScheme(pub crypto.PublicKey, pss bool) (scheme, error) {
	if !usableKey(pub) {
		return scheme{}, errKeyKind
	}
	if k, ok := pub.(*ecdsa.PublicKey); ok {
		if k.Curve == elliptic.P384() {
			return scheme{hash: crypto.SHA384}, nil
		}
		return scheme{hash: crypto.SHA256}, nil
	}
	return scheme{hash: crypto.SHA256, rsa: true, pss: pss, salt: crypto.SHA256.Size()}, nil
}

// sign signs b and verifies the result: a key that is not the certificate's,
// or a device that answers nonsense, must not put a broken object into the world.
func (s scheme) sign(key crypto.Signer, pub crypto.PublicKey, b []byte) ([]byte, error) {
	var opts crypto.SignerOpts = s.hash
	if s.pss {
		opts = &rsa.PSSOptions{SaltLength: s.salt, Hash: s.hash}
	}
	digest := s.digest(b)
	sig, err := key.Sign(rand.Reader, digest, opts)
	if err != nil {
		return nil, fmt.Errorf("sign digest: %w", err)
	}
	if !s.verifyDER(pub, digest, sig) {
		return nil, errors.New("the signature does not verify under the certificate's key")
	}
	return sig, nil
}
