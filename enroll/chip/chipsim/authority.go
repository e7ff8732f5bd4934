package chipsim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"
)

// Authority is a simulated CSCA.
type Authority struct {
	Key         *ecdsa.PrivateKey
	Certificate *x509.Certificate
}

// Signer is a key with its certificate in DER.
type Signer struct {
	Key         crypto.Signer
	Certificate []byte
}

const year = 365 * 24 * time.Hour

// NewAuthority makes the authority of a country, by its two letters.
func NewAuthority(country string, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: subject(country, "Simulated CSCA"),
		NotBefore: now.Add(-year), NotAfter: now.Add(15 * year),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a := &Authority{Key: key}
	a.Certificate, err = x509.ParseCertificate(raw)
	return a, err
}

func subject(country, name string) pkix.Name {
	return pkix.Name{Country: []string{country}, Organization: []string{"Simulated"}, CommonName: name}
}

// serial is positive and below 2^64.
func serial() *big.Int {
	b := make([]byte, 8)
	rand.Read(b) // never fails (crypto/rand)
	return new(big.Int).SetBytes(append([]byte{1}, b...))
}

// Template is what a document signer's certificate says; edit it to make
// another one.
func (a *Authority) Template(now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(), Subject: subject(a.Certificate.Subject.Country[0], "Simulated Document Signer"),
		NotBefore: now.Add(-30 * 24 * time.Hour), NotAfter: now.Add(11 * year), KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

// Sign makes a signer with a key of its own and the template's certificate.
func (a *Authority) Sign(t *x509.Certificate) (Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Signer{}, err
	}
	raw, err := a.Certify(t, key.Public())
	return Signer{key, raw}, err
}

// Certify makes the template's certificate for a key.
func (a *Authority) Certify(t *x509.Certificate, key crypto.PublicKey) ([]byte, error) {
	return x509.CreateCertificate(rand.Reader, t, a.Certificate, key, a.Key)
}

// CRL makes a CRL that is current for thirty days.
func (a *Authority) CRL(now time.Time, revoked ...*big.Int) ([]byte, error) {
	t := &x509.RevocationList{Number: big.NewInt(now.Unix()), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(30 * 24 * time.Hour)}
	for _, n := range revoked {
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: n, RevocationTime: now.Add(-time.Hour)})
	}
	return x509.CreateRevocationList(rand.Reader, t, a.Certificate, a.Key)
}

// masterListSigning is the extended key usage of who signs master lists.
var masterListSigning = asn1.ObjectIdentifier{2, 23, 136, 1, 1, 3}

// MasterList makes a list of authorities' certificates, signed under a.
func (a *Authority) MasterList(now time.Time, certificates ...[]byte) ([]byte, error) {
	t := a.Template(now)
	t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{masterListSigning}
	s, err := a.Sign(t)
	if err != nil {
		return nil, err
	}
	return SignedData(MasterListType, masterList(certificates), crypto.SHA256, now, s)
}
