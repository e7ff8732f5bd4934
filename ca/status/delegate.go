package status

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
)

// delegate is a responder key whose certificate was looked at.
type delegate struct {
	ca.SigningKey
	keyHash   []byte // SHA-1 of the public key's bits: ResponderID byKey
	algorithm signatureAlgorithm
}

// responder returns the key that answers for the issuer now.
func (r *Responder) responder(i *issuer, now time.Time) (*delegate, error) {
	key, ok := r.Config.Responder(i.ID)
	if !ok || key.Certificate == nil || key.Signer == nil {
		return nil, fmt.Errorf("no responder key for %s", i.ID)
	}
	c := key.Certificate
	if now.Before(c.NotBefore) || !now.Before(c.NotAfter) {
		return nil, fmt.Errorf("responder certificate for %s: %x is not valid now", i.ID, c.SerialNumber)
	}
	public, ok := key.Signer.Public().(interface{ Equal(x crypto.PublicKey) bool })
	if !ok || !public.Equal(c.PublicKey) {
		return nil, fmt.Errorf("responder certificate for %s: it is for another key", i.ID)
	}
	if d := i.delegate.Load(); d != nil && d.Certificate == c {
		again := *d
		again.Signer = key.Signer // the same key, perhaps opened anew
		return &again, nil
	}
	d, err := i.trust(key)
	if err != nil {
		return nil, fmt.Errorf("responder certificate for %s: %w", i.ID, err)
	}
	i.delegate.Store(d)
	return d, nil
}

// trust refuses a certificate that relying parties would refuse (RFC 6960
// section 4.2.2.2): it comes directly from the CA it answers for and names
// OCSP signing.
func (i *issuer) trust(key ca.SigningKey) (*delegate, error) {
	if err := key.Certificate.CheckSignatureFrom(i.Certificate); err != nil {
		return nil, err
	}
	if !slices.Contains(key.Certificate.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
		return nil, errors.New("it is not for OCSP signing")
	}
	names, err := hashesOf(key.Certificate)
	if err != nil {
		return nil, err
	}
	algorithm, err := algorithmOf(key.Signer)
	return &delegate{SigningKey: key, keyHash: names.key[crypto.SHA1], algorithm: algorithm}, err
}
