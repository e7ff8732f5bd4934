package suite

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // to say of old signatures whether they are right, never to rely on
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
)

// The sizes of an RSA modulus in bits. Below strongRSA a key is weak (ETSI TS
// 119 312); keys outside the other two are not looked at, so that a hostile
// certificate costs no more than ours do.
const (
	minRSA    = 1024
	strongRSA = 2048
	maxRSA    = 8192
)

// Family is a kind of signature.
type Family string

// The families.
const (
	ECDSA Family = "ECDSA"
	PKCS1 Family = "RSASSA-PKCS1-v1_5"
	PSS   Family = "RSASSA-PSS"
)

// Algorithm is how a digest is signed, beside the key. The zero Algorithm is
// one that is not known here.
type Algorithm struct {
	Family Family
	Hash   crypto.Hash
	Salt   int // octets, of PSS
}

// String returns a name for people, "ECDSA with SHA-256".
func (a Algorithm) String() string {
	if a.Family == "" {
		return "unknown"
	}
	return string(a.Family) + " with " + a.Hash.String()
}

// Digest hashes b.
func (a Algorithm) Digest(b []byte) []byte { return Digest(a.Hash, b) }

// Digest returns the digest of b; nil if the hash is not known here.
func Digest(h crypto.Hash, b []byte) []byte {
	if !h.Available() {
		return nil
	}
	d := h.New()
	d.Write(b)
	return d.Sum(nil)
}

// Verify reports whether sig is a signature over input by the key. That of
// ECDSA is the DER of Ecdsa-Sig-Value (RFC 3279 section 2.2.3).
func (a Algorithm) Verify(pub crypto.PublicKey, input, sig []byte) bool {
	digest := a.Digest(input)
	if digest == nil {
		return false
	}
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		known := k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521()
		return known && a.Family == ECDSA && ecdsa.VerifyASN1(k, digest, sig)
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA || k.N.BitLen() > maxRSA {
			return false
		}
		switch a.Family {
		case PKCS1:
			return rsa.VerifyPKCS1v15(k, a.Hash, digest, sig) == nil
		case PSS:
			return rsa.VerifyPSS(k, a.Hash, digest, sig, &rsa.PSSOptions{SaltLength: a.Salt}) == nil
		}
	}
	return false
}

// Weak says why a signature of this algorithm and key proves nothing, "" if
// it does: SHA-1 and RSA below 2048 bits (ETSI TS 119 312).
func (a Algorithm) Weak(pub crypto.PublicKey) string {
	if a.Hash == crypto.SHA1 {
		return "SHA-1"
	}
	if k, ok := pub.(*rsa.PublicKey); ok && k.N.BitLen() < strongRSA {
		return fmt.Sprintf("RSA-%d", k.N.BitLen())
	}
	return ""
}

// For returns how we sign with a key: SHA-256, and SHA-384 on P-384. pss is
// the way of JOSE, PKCS #1 v1.5 that of CMS, which every reader knows.
func For(pub crypto.PublicKey, pss bool) (Algorithm, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return Algorithm{Family: ECDSA, Hash: crypto.SHA256}, nil
		case elliptic.P384():
			return Algorithm{Family: ECDSA, Hash: crypto.SHA384}, nil
		}
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < strongRSA || n > maxRSA {
			break
		}
		if pss {
			return Algorithm{Family: PSS, Hash: crypto.SHA256, Salt: crypto.SHA256.Size()}, nil
		}
		return Algorithm{Family: PKCS1, Hash: crypto.SHA256}, nil
	}
	return Algorithm{}, errors.New("the key is not P-256, P-384 or RSA of at least 2048 bits")
}

// Sign signs input and verifies the result: a key that is not the
// certificate's, or a device that answers nonsense, must not put a broken
// signature into the world.
func (a Algorithm) Sign(key crypto.Signer, pub crypto.PublicKey, input []byte) ([]byte, error) {
	var opts crypto.SignerOpts = a.Hash
	if a.Family == PSS {
		opts = &rsa.PSSOptions{SaltLength: a.Salt, Hash: a.Hash}
	}
	sig, err := key.Sign(rand.Reader, a.Digest(input), opts)
	if err != nil {
		return nil, fmt.Errorf("sign digest: %w", err)
	}
	if !a.Verify(pub, input, sig) {
		return nil, errors.New("the signature does not verify under the certificate's key")
	}
	return sig, nil
}
