// Package doctest is a small PKI of tests' own, at times of their choosing.
package doctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/document"
	"mohr/ca/timestamp"
)

// Start is when the authorities of a PKI begin; they live for ten years.
var Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Address is where the lists of a PKI are published.
const Address = "http://pki.example/"

// Policy is the certificate policy of the holders.
var Policy = asn1.ObjectIdentifier{2, 999, 1}

// PKI is a root with one issuing CA.
type PKI struct {
	Root, Issuing       *x509.Certificate
	rootKey, issuingKey *ecdsa.PrivateKey
	serial              int64
}

// Key returns a fresh P-256 key.
func Key(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// New returns a PKI.
func New(t testing.TB) *PKI {
	t.Helper()
	p := &PKI{rootKey: Key(t), issuingKey: Key(t)}
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{
			Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: Start, NotAfter: Start.AddDate(10, 0, 0),
		}
	}
	p.Root = ca("Test Root")
	p.Root = p.certify(t, p.Root, p.Root, p.rootKey.Public(), p.rootKey)
	p.Issuing = ca("Test Issuing")
	p.Issuing.CRLDistributionPoints = []string{Address + "root.crl"}
	p.Issuing = p.certify(t, p.Issuing, p.Root, p.issuingKey.Public(), p.rootKey)
	return p
}

func (p *PKI) certify(t testing.TB, c, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	p.serial++
	c.SerialNumber = big.NewInt(p.serial)
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Issue certifies a holder's key for a year from Start, as change says
// otherwise; a nil key is a fresh one.
func (p *PKI) Issue(t testing.TB, key crypto.Signer, change func(*x509.Certificate)) ca.SigningKey {
	t.Helper()
	if key == nil {
		key = Key(t)
	}
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Sara Test", Country: []string{"IR"}}, KeyUsage: x509.KeyUsageContentCommitment,
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 36}}, NotBefore: Start, NotAfter: Start.AddDate(1, 0, 0),
		CRLDistributionPoints: []string{Address + "issuing.crl"}, OCSPServer: []string{Address + "ocsp"},
		Policies: []x509.OID{oid(t, Policy)}, SubjectKeyId: []byte{byte(p.serial >> 8), byte(p.serial), 1},
	}
	if change != nil {
		change(c)
	}
	return ca.SigningKey{Certificate: p.certify(t, c, p.Issuing, key.Public(), p.issuingKey), Chain: []*x509.Certificate{p.Issuing}, Signer: key}
}

func oid(t testing.TB, o asn1.ObjectIdentifier) x509.OID {
	t.Helper()
	var arcs []uint64
	for _, n := range o {
		arcs = append(arcs, uint64(n))
	}
	out, err := x509.OIDFromInts(arcs)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Unit returns a stamping unit with a clock; its certificate lives for a year
// from Start, as change says otherwise.
func (p *PKI) Unit(t testing.TB, now func() time.Time, change func(*x509.Certificate)) *timestamp.Unit {
	t.Helper()
	key := p.Issue(t, nil, func(c *x509.Certificate) {
		c.Subject.CommonName = "Test Stamping Unit"
		c.KeyUsage, c.UnknownExtKeyUsage, c.Policies = x509.KeyUsageDigitalSignature, nil, nil
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: []byte{0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 8}}}
		if change != nil {
			change(c)
		}
	})
	u, err := timestamp.New(timestamp.Config{
		Key: key, Policy: asn1.ObjectIdentifier{2, 999, 3}, Clock: func() error { return nil }, Now: now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Revoked is an entry of a CRL.
type Revoked struct {
	Certificate *x509.Certificate
	At          time.Time
	Reason      int
}

// CRL returns the issuing CA's CRL of a time, good for a day.
func (p *PKI) CRL(t testing.TB, at time.Time, revoked ...Revoked) []byte {
	t.Helper()
	return p.crl(t, p.Issuing, p.issuingKey, at, at.AddDate(0, 0, 1), revoked)
}

// RootCRL returns the root's CRL of a time, good for a year.
func (p *PKI) RootCRL(t testing.TB, at time.Time, revoked ...Revoked) []byte {
	t.Helper()
	return p.crl(t, p.Root, p.rootKey, at, at.AddDate(1, 0, 0), revoked)
}

func (p *PKI) crl(t testing.TB, issuer *x509.Certificate, key crypto.Signer, at, next time.Time, revoked []Revoked) []byte {
	t.Helper()
	p.serial++
	l := &x509.RevocationList{Number: big.NewInt(p.serial), ThisUpdate: at, NextUpdate: next}
	for _, r := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: r.Certificate.SerialNumber, RevocationTime: r.At, ReasonCode: r.Reason,
		})
	}
	raw, err := x509.CreateRevocationList(rand.Reader, l, issuer, key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// OCSP returns what the issuing CA says of a certificate at a time, good for an hour.
func (p *PKI) OCSP(t testing.TB, c *x509.Certificate, at time.Time) []byte {
	t.Helper()
	raw, err := ocsp.CreateResponse(p.Issuing, p.Issuing, ocsp.Response{
		Status: ocsp.Good, SerialNumber: c.SerialNumber, ThisUpdate: at, NextUpdate: at.Add(time.Hour),
	}, p.issuingKey)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Good returns the values of a time at which nothing was revoked.
func (p *PKI) Good(t testing.TB, at time.Time, revoked ...Revoked) document.Values {
	t.Helper()
	return document.Values{CRLs: [][]byte{p.CRL(t, at, revoked...), p.RootCRL(t, at)}}
}
