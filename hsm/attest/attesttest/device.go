// Package attesttest makes PIV devices in software, for tests.
package attesttest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"testing/fstest"
	"time"

	"mohr/hsm/attest"
)

// Device is a device of a maker of its own, in the format of YubiKeys. It
// vouches for any key.
type Device struct {
	Roots       fstest.MapFS      // the maker's
	Certificate *x509.Certificate // the device's own

	t      testing.TB
	secret *ecdsa.PrivateKey
}

// New makes a device. Its certificates count from long ago to long after.
func New(t testing.TB) *Device {
	t.Helper()
	d := &Device{t: t, secret: newKey(t)}
	maker, root := newKey(t), authority("Test PIV Root", 1)
	cert := d.Sign(root, root, maker.Public(), maker)
	d.Roots = fstest.MapFS{"root.cer": {Data: cert.Raw}}
	d.Certificate = d.Sign(authority("Test PIV Attestation", 0), cert, d.secret.Public(), maker)
	return d
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The certificates of a device count between these.
var (
	begin = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	end   = time.Date(2052, 4, 17, 0, 0, 0, 0, time.UTC)
)

func authority(name string, below int) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: begin, NotAfter: end,
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: below, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

// Sign makes a certificate.
func (d *Device) Sign(template, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	d.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// Extension is one of YubiKeys' extensions, by its last number.
func Extension(n int, value ...byte) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, n}, Value: value}
}

// Usual are the extensions of a key that asks for its PIN once: firmware,
// serial number, policy.
func Usual() []pkix.Extension {
	return []pkix.Extension{Extension(3, 5, 7, 1), Extension(7, 2, 2, 0x12, 0x34), Extension(8, 2, 2)}
}

// Attest makes a statement about key under b.
func (d *Device) Attest(key crypto.Signer, b attest.Binding) attest.Statement {
	d.t.Helper()
	return d.AttestWith(key, b, Usual())
}

// AttestWith is Attest with the extensions of the attestation certificate.
func (d *Device) AttestWith(key crypto.Signer, b attest.Binding, extensions []pkix.Extension) attest.Statement {
	d.t.Helper()
	c := d.Sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "YubiKey PIV Attestation 9c"},
		NotBefore: begin, NotAfter: end, ExtraExtensions: extensions,
	}, d.Certificate, key.Public(), d.secret)
	hash := crypto.SHA256
	if k, ok := key.Public().(*ecdsa.PublicKey); ok && k.Curve == elliptic.P384() {
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write(b.Message())
	sig, err := key.Sign(rand.Reader, h.Sum(nil), hash)
	if err != nil {
		d.t.Fatal(err)
	}
	return attest.Statement{Format: attest.PIV, Nonce: b.Nonce, Certificates: [][]byte{c.Raw, d.Certificate.Raw}, Signature: sig}
}

// Verifier believes the device's maker, in the environment.
func (d *Device) Verifier(environment string) *attest.Verifier {
	d.t.Helper()
	v, err := attest.New(attest.Config{PIV: d.Roots, Environment: environment, Secret: bytes.Repeat([]byte{9}, 32)})
	if err != nil {
		d.t.Fatal(err)
	}
	return v
}

// Key is a key that the device vouched for, verified at now.
func (d *Device) Key(key crypto.Signer, environment string, now time.Time) attest.Key {
	d.t.Helper()
	b := attest.Binding{Audience: "https://mohr.test", Purpose: "test", Nonce: "nonce"}
	k, err := d.Verifier(environment).Verify(d.Attest(key, b), b, now)
	if err != nil {
		d.t.Fatal(err)
	}
	return k
}
