package status

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// signatureAlgorithm is how a responder's key signs.
type signatureAlgorithm struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
	null bool // parameters are NULL (RFC 4055 section 5), else absent (RFC 5758 section 3.2)
}

// algorithmOf returns the algorithm for the key; the hash goes with the curve.
func algorithmOf(s crypto.Signer) (signatureAlgorithm, error) {
	switch k := s.Public().(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return signatureAlgorithm{oid: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, hash: crypto.SHA256}, nil
		case elliptic.P384():
			return signatureAlgorithm{oid: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, hash: crypto.SHA384}, nil
		}
	case *rsa.PublicKey:
		return signatureAlgorithm{oid: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, hash: crypto.SHA256, null: true}, nil
	}
	return signatureAlgorithm{}, fmt.Errorf("a key of type %T cannot sign here", s.Public())
}

// add writes the AlgorithmIdentifier.
func (a signatureAlgorithm) add(b *cryptobyte.Builder) {
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(a.oid)
		if a.null {
			b.AddASN1NULL()
		}
	})
}

// sign signs tbs; the key may sit in a token.
func (a signatureAlgorithm) sign(s crypto.Signer, tbs []byte) ([]byte, error) {
	h := a.hash.New()
	h.Write(tbs)
	return s.Sign(rand.Reader, h.Sum(nil), a.hash)
}
