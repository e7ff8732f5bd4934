package timestamp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
)

// forger signs whatever it is told to, with a key under a root of its own.
type forger struct {
	root    *x509.Certificate
	rootKey *ecdsa.PrivateKey
	key     *ecdsa.PrivateKey
}

func newForger(t *testing.T) *forger {
	t.Helper()
	f := &forger{}
	for _, k := range []**ecdsa.PrivateKey{&f.rootKey, &f.key} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		*k = key
	}
	f.root = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	f.root = f.certify(t, f.root, f.rootKey.Public())
	return f
}

func (f *forger) certify(t *testing.T, c *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	t.Helper()
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, f.root, key, f.rootKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// unit certifies the key for time stamping.
func (f *forger) unit(t *testing.T, name string, critical bool) *unitKey {
	t.Helper()
	stamping := pkix.Extension{Id: oidExtKeyUsage, Critical: critical, Value: []byte{0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 8}}
	c := f.certify(t, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{stamping}}, f.key.Public())
	a, err := algorithmOf(f.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return &unitKey{SigningKey: ca.SigningKey{Certificate: c, Signer: f.key}, algorithm: a}
}

func TestWellSignedForgeriesAreRefused(t *testing.T) {
	f := newForger(t)
	sum := sha256.Sum256([]byte("data"))
	info, err := tstInfo{policy: []int{1, 2, 3}, hash: crypto.SHA256, digest: sum[:], serial: big.NewInt(7), at: time.Now().UTC().Truncate(time.Second), accuracy: time.Second}.der()
	if err != nil {
		t.Fatal(err)
	}
	// with lengthens TSTInfo by the bytes at its end.
	with := func(tail ...byte) []byte {
		b := append(bytes.Clone(info), tail...)
		b[1] += byte(len(tail))
		return b
	}
	replace := func(old, new string) []byte { return bytes.Replace(info, []byte(old), []byte(new), 1) }
	year := time.Now().UTC().Format("2006")
	tests := []struct {
		name  string
		info  []byte
		unit  *unitKey
		swap  bool // the certificate inside for another of the same key and serial
		holds bool
	}{
		{name: "the honest token", info: info, holds: true},
		{name: "an extension that may be ignored", info: with(0xa1, 9, 0x30, 7, 6, 2, 0x2a, 3, 4, 1, 0), holds: true},
		{name: "a critical extension", info: with(0xa1, 12, 0x30, 10, 6, 2, 0x2a, 3, 1, 1, 0xff, 4, 1, 0)},
		{name: "bytes behind the content", info: with(5, 0)},
		{name: "version 2", info: bytes.Replace(info, []byte{2, 1, 1, 6}, []byte{2, 1, 2, 6}, 1)},
		{name: "a time with another year's digits", info: replace("\x18\x0f"+year, "\x18\x0f2OOO")},
		{name: "a certificate that is not critically for stamping", info: info, unit: f.unit(t, "unit", false)},
		{name: "another certificate of the same key and serial", info: info, swap: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := test.unit
			if k == nil {
				k = f.unit(t, "unit", true)
			}
			token, err := k.sign(test.info, true)
			if err != nil {
				t.Fatal(err)
			}
			tsr, err := granted(token)
			if err != nil {
				t.Fatal(err)
			}
			for test.swap {
				other := f.unit(t, "unit", true).Certificate.Raw
				if len(other) != len(k.Certificate.Raw) { // ECDSA signatures vary in length
					continue
				}
				tsr, test.swap = bytes.Replace(tsr, k.Certificate.Raw, other, 1), false
			}
			_, err = Verify(tsr, sum[:], f.root)
			if test.holds && err != nil || !test.holds && fault.Code(err) != "timestamp_invalid" {
				t.Errorf("Verify: %v, want to hold: %v", err, test.holds)
			}
		})
	}
}
