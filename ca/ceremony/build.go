package ceremony

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony/plan"
	"mohr/ca/lint"
	"mohr/hsm"
)

const caUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign

// rootTemplate is all of a root's certificate but serial and key.
func rootTemplate(p *plan.Plan, r plan.Root) *x509.Certificate {
	return &x509.Certificate{
		Subject:   p.Subject.Distinguished(r.CommonName),
		NotBefore: r.Begins(p), NotAfter: r.Life.Last(r.Begins(p)),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: caUsage,
	}
}

// issuerTemplate is all of an issuing CA's certificate but serial and key. A
// life beyond the root's is an error, or cut off where cut is set.
func issuerTemplate(p *plan.Plan, i plan.Issuer, root *x509.Certificate, cut bool) (*x509.Certificate, error) {
	t := &x509.Certificate{
		Subject:   p.Subject.Distinguished(i.CommonName),
		NotBefore: i.Begins(p), NotAfter: i.Life.Last(i.Begins(p)),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: caUsage,
	}
	point(t, p, i.Root)
	for _, o := range i.Policies {
		oid, err := x509.ParseOID(o)
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", o, err)
		}
		t.Policies = append(t.Policies, oid)
	}
	if t.NotAfter.After(root.NotAfter) && cut {
		t.NotAfter = root.NotAfter
	}
	if t.NotBefore.Before(root.NotBefore) || t.NotAfter.After(root.NotAfter) {
		return nil, fmt.Errorf("the life of %s, %s to %s, is not within that of %s, %s to %s", i.ID, stamp(t.NotBefore), stamp(t.NotAfter), i.Root, stamp(root.NotBefore), stamp(root.NotAfter))
	}
	return t, nil
}

// crossTemplate is all of a cross-certificate but its serial: one root's name
// and key under another, for as long as both live.
func crossTemplate(p *plan.Plan, c plan.Cross, subject, by *x509.Certificate) (*x509.Certificate, error) {
	t := &x509.Certificate{
		RawSubject: subject.RawSubject, SubjectKeyId: subject.SubjectKeyId,
		NotBefore: p.Date.UTC(), NotAfter: subject.NotAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: caUsage,
	}
	if by.NotAfter.Before(t.NotAfter) {
		t.NotAfter = by.NotAfter
	}
	if !t.NotBefore.Before(t.NotAfter) {
		return nil, fmt.Errorf("%s and %s do not live at the same time", c.Subject, c.By)
	}
	anyPolicy, err := x509.ParseOID("2.5.29.32.0") // RFC 5280 section 4.2.1.4
	if err != nil {
		return nil, err
	}
	t.Policies = []x509.OID{anyPolicy}
	point(t, p, c.By)
	return t, nil
}

// point says where the root that signs t publishes.
func point(t *x509.Certificate, p *plan.Plan, root string) {
	t.CRLDistributionPoints = []string{p.Publish + ca.CRLPath(ca.IssuerID(root), 0)}
	t.IssuingCertificateURL = []string{p.Publish + "/ca/" + root + ".cer"}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// newSerial returns 127 random bits, as a positive serial.
func newSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails (crypto/rand)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// bench builds and lints what is to be signed, with keys that nobody keeps.
type bench struct {
	throwaway map[hsm.Algorithm]crypto.Signer // by algorithm
}

func newBench() *bench { return &bench{map[hsm.Algorithm]crypto.Signer{}} }

// key returns the throwaway key of an algorithm.
func (b *bench) key(a hsm.Algorithm) (crypto.Signer, error) {
	if k, ok := b.throwaway[a]; ok {
		return k, nil
	}
	k, err := generate(a)
	if err == nil {
		b.throwaway[a] = k
	}
	return k, err
}

func generate(a hsm.Algorithm) (crypto.Signer, error) {
	switch a {
	case hsm.P256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case hsm.P384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case hsm.RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	}
	return nil, fmt.Errorf("no key of algorithm %q", a)
}

// algorithmOf returns the algorithm of a key, "" for one that plans do not know.
func algorithmOf(public crypto.PublicKey) hsm.Algorithm {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return hsm.Algorithm(k.Curve.Params().Name)
	case *rsa.PublicKey:
		return hsm.Algorithm(fmt.Sprintf("RSA-%d", k.N.BitLen()))
	}
	return ""
}

// certificate returns the certificate with a worthless signature, linted. A
// nil parent makes it self-signed.
func (b *bench) certificate(t, parent *x509.Certificate, public crypto.PublicKey) ([]byte, error) {
	signer := public
	if parent != nil {
		signer = parent.PublicKey
	}
	k, err := b.key(algorithmOf(signer))
	if err != nil {
		return nil, err
	}
	own := *t
	if own.SubjectKeyId == nil {
		if own.SubjectKeyId, err = keyIdentifier(public); err != nil {
			return nil, err
		}
	}
	if parent == nil {
		// RFC 5280 section 4.2.1.1 lets a root leave it out; with it in, no
		// lint has to tell a root by a signature that is not there yet.
		own.AuthorityKeyId = own.SubjectKeyId
	}
	above := own
	if parent != nil {
		above = *parent
	}
	above.PublicKey = k.Public()
	der, err := x509.CreateCertificate(rand.Reader, &own, &above, public, k)
	if err != nil {
		return nil, fmt.Errorf("build certificate: %w", err)
	}
	return der, lint.Authority(der)
}

// crl returns the CRL with a worthless signature, linted.
func (b *bench) crl(t *x509.RevocationList, root *x509.Certificate) ([]byte, error) {
	k, err := b.key(algorithmOf(root.PublicKey))
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateRevocationList(rand.Reader, t, root, k)
	if err != nil {
		return nil, fmt.Errorf("build CRL: %w", err)
	}
	return der, lint.CRL(der)
}

// keyIdentifier is the SHA-256 of the public key's bits, cut to 160 bits
// (RFC 7093 section 2, method 1).
func keyIdentifier(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(info.Key.Bytes)
	return sum[:20], nil
}
