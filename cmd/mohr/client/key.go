package client

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"mohr/ca"
	"mohr/hsm"
	"mohr/internal/fault"
)

// Key is a holder's key with its certificate and those above it, without the
// root. Its Signer may be any crypto.Signer: a key of hsm.Keyring, of a token
// or a cloud.
type Key = ca.SigningKey

// NewKey joins a signer and its certificate with its issuers, in PEM as
// Issued has them.
func NewKey(signer crypto.Signer, chain []byte) (Key, error) {
	certs, err := ParseChain(chain)
	if err != nil {
		return Key{}, err
	}
	if k, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(certs[0].PublicKey) {
		return Key{}, errors.New("the key does not belong to the certificate; give the pair that was made together")
	}
	return Key{Certificate: certs[0], Chain: certs[1:], Signer: signer}, nil
}

// OpenSigner opens the key that where names: a key URI (file:, pkcs11:,
// tpmkms:) or a bare file name. With create a P-256 key is made where there is
// none.
func OpenSigner(ctx context.Context, ring *hsm.Keyring, where string, create bool) (crypto.Signer, error) {
	uri := KeyURI(where)
	s, err := ring.Signer(ctx, uri)
	if create && errors.Is(err, fault.NotFound) {
		return ring.Create(ctx, uri, hsm.P256)
	}
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	return s, nil
}

// KeyURI is the URI of a key that is named by one or by a bare file name.
func KeyURI(where string) string {
	if strings.HasPrefix(where, "file:") || strings.HasPrefix(where, "pkcs11:") || InTPM(where) {
		return where
	}
	return hsm.FileURI(where)
}

// InTPM reports whether a key URI names a key in a TPM.
func InTPM(uri string) bool { return strings.HasPrefix(uri, "tpmkms:") }

// NewCSR makes a certification request (PEM) for the key: it proves that the
// key is here and says nothing else, for nothing else of it would be read.
func NewCSR(signer crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, signer)
	if err != nil {
		return nil, fmt.Errorf("make certification request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// ParseChain reads certificates from PEM, at least one.
func ParseChain(b []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		return nil, errors.New("no PEM certificate found")
	}
	return chain, nil
}

// ProfileOf names the certificate's profile: one for an organisation names it.
func ProfileOf(c *x509.Certificate) string {
	if len(c.Subject.Organization) > 0 {
		return ca.OrganisationSign
	}
	return ca.NaturalSign
}
