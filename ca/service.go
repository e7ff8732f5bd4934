package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"mohr/internal/fault"
)

// SigningKey is a key of the service itself with its certificate: a time
// stamping unit, a responder, the audit and credential keys.
type SigningKey struct {
	Certificate *x509.Certificate
	Chain       []*x509.Certificate // the issuing CA and those above it, not the root
	Signer      crypto.Signer
}

// maxServiceCertificates bounds how many certificates SigningKey goes through:
// a responder renewed each 20 days is there after 500 years.
const maxServiceCertificates = 10_000

// SigningKey returns signer with a certificate for s: the one it has, or a
// new one where there is none that is valid or its time to be renewed has
// come. Calling it again, from a job, is how the service's own certificates
// are renewed. A compromised key gets no certificate any more.
func (a *Authority) SigningKey(ctx context.Context, signer crypto.Signer, s Service) (SigningKey, error) {
	csr, err := csrOf(signer)
	if err != nil {
		return SigningKey{}, fmt.Errorf("request for %s: %w", s.CommonName, err)
	}
	p, err := profileOf(s.Profile)
	if err != nil {
		return SigningKey{}, fmt.Errorf("certificate for %s: %w", s.CommonName, err)
	}
	var last *Certificate // that still counts
	for n := range maxServiceCertificates {
		c, err := a.Issue(ctx, Order{Request: serviceRequest(csr, s, n), Service: s, CSR: csr})
		if a.Keyless && last != nil && fault.Code(err) == fault.Code(errElsewhere()) {
			return a.signingKey(signer, *last) // the node with the keys has not renewed it yet
		}
		if fault.Code(err) == fault.Code(errRequestVoid()) {
			continue // the sweep gave this one up
		}
		if err != nil {
			return SigningKey{}, fmt.Errorf("certificate for %s: %w", s.CommonName, err)
		}
		// Not valid yet: the clock was set back since.
		if now := a.now(); c.Revoked != nil || a.endedIssuer(c.Issuer) || now.Before(c.NotBefore) || now.After(p.renewAt(c)) {
			if c.Revoked == nil && !now.Before(c.NotBefore) && !now.After(c.NotAfter) {
				last = &c
			}
			continue
		}
		return a.signingKey(signer, c)
	}
	return SigningKey{}, fmt.Errorf("certificate for %s: more than %d were made for this key", s.CommonName, maxServiceCertificates)
}

// signingKey joins a key with its certificate and chain.
func (a *Authority) signingKey(signer crypto.Signer, c Certificate) (SigningKey, error) {
	issuer, ok := a.issuers[c.Issuer]
	if !ok {
		return SigningKey{}, fmt.Errorf("certificate %s: issuer %s is not here", c.Serial, c.Issuer)
	}
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return SigningKey{}, fmt.Errorf("certificate %s: %w", c.Serial, err)
	}
	return SigningKey{Certificate: cert, Chain: issuer.Delivery(), Signer: signer}, nil
}

// renewAt returns when a service's certificate is to be renewed: when two
// thirds of the time are over in which its key may be used.
func (p profile) renewAt(c Certificate) time.Time {
	return c.NotBefore.Add(p.keyLife(c.NotAfter.Sub(c.NotBefore)) * 2 / 3)
}

// keyLife returns how long the key of a certificate may be used: half of its
// life where the profile says privateKeyUsagePeriod, so that what it stamped
// last can be checked for as long again.
func (p profile) keyLife(life time.Duration) time.Duration {
	if p.keyPeriod {
		return life / 2
	}
	return life
}

// serviceRequest names the n-th certificate of a key for a subject.
func serviceRequest(csr CSR, s Service, n int) string {
	sum := sha256.Sum256([]byte(strings.Join(append(append([]string{string(s.Issuer), s.CommonName}, s.DNSNames...), s.IPs...), "\x00")))
	return fmt.Sprintf("service/%s/%s/%s/%d", s.Profile, csr.SPKISHA256()[:16], hexOf(sum[:8]), n)
}

// csrOf makes a request for the service's own key and reads it like any other.
func csrOf(signer crypto.Signer) (CSR, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, signer)
	if err != nil {
		return CSR{}, err
	}
	return ParseCSR(der)
}

// ChainPEM writes certificates as a PEM chain (RFC 8555 section 9.1), in the
// order given.
func ChainPEM(chain ...*x509.Certificate) []byte {
	var b []byte
	for _, c := range chain {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}
