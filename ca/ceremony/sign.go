package ceremony

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca/lint"
)

// signed is the outer form that certificates and CRLs share:
//
//	SEQUENCE { tbs SEQUENCE, signatureAlgorithm AlgorithmIdentifier, signature BIT STRING }
//
// (RFC 5280 sections 4.1 and 5.1).
type signed struct {
	tbs, algorithm []byte // DER elements
}

func parseSigned(b []byte) (s signed, err error) {
	input := cryptobyte.String(b)
	var outer, tbs, algorithm, signature cryptobyte.String
	if !input.ReadASN1(&outer, der.SEQUENCE) || !input.Empty() ||
		!outer.ReadASN1Element(&tbs, der.SEQUENCE) || !outer.ReadASN1Element(&algorithm, der.SEQUENCE) ||
		!outer.ReadASN1(&signature, der.BIT_STRING) || !outer.Empty() {
		return s, errors.New("not a signed structure")
	}
	return signed{tbs, algorithm}, nil
}

// sign returns the prepared bytes with the key's signature in place of the
// worthless one: exactly what was linted is signed.
func sign(prepared []byte, key crypto.Signer) ([]byte, error) {
	s, err := parseSigned(prepared)
	if err != nil {
		return nil, err
	}
	hash := crypto.SHA256
	if algorithmOf(key.Public()) == "P-384" {
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write(s.tbs)
	signature, err := key.Sign(rand.Reader, h.Sum(nil), hash)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(s.tbs)
		b.AddBytes(s.algorithm)
		b.AddASN1BitString(signature)
	})
	return b.Bytes()
}

// checkCertificate refuses a certificate that does not say what was prepared,
// that parent did not sign, or that breaks a lint. A nil parent is itself.
func checkCertificate(b, prepared []byte, parent *x509.Certificate) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(b)
	if err != nil {
		return nil, err
	}
	want, err := parseSigned(prepared)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(c.RawTBSCertificate, want.tbs) {
		return nil, errors.New("the certificate does not say what was prepared")
	}
	if parent == nil {
		parent = c
	}
	if err := c.CheckSignatureFrom(parent); err != nil {
		return nil, err
	}
	return c, lint.Authority(b)
}

// checkCRL is checkCertificate for a CRL of the root.
func checkCRL(b, prepared []byte, root *x509.Certificate) (*x509.RevocationList, error) {
	l, err := x509.ParseRevocationList(b)
	if err != nil {
		return nil, err
	}
	want, err := parseSigned(prepared)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(l.RawTBSRevocationList, want.tbs) {
		return nil, errors.New("the CRL does not say what was prepared")
	}
	if err := l.CheckSignatureFrom(root); err != nil {
		return nil, err
	}
	return l, lint.CRL(b)
}
