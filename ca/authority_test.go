package ca_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
)

func TestAnAuthorityThatCouldNotServeIsRefused(t *testing.T) {
	f := catest.New(t, nil)
	leaf := f.SigningKey(t, "audit", auditor)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	first := func(change func(*ca.Issuer)) func(*ca.Config) {
		return func(c *ca.Config) {
			c.Issuers = slices.Clone(c.Issuers)
			change(&c.Issuers[0])
		}
	}
	for _, test := range []struct {
		name   string
		change func(*ca.Config)
		want   string // in the error
	}{
		{"nothing is wrong", func(*ca.Config) {}, ""},
		{"no store", func(c *ca.Config) { c.Store = nil }, "no store"},
		{"no root", func(c *ca.Config) { c.Root = nil }, "no root certificate"},
		{"no issuer", func(c *ca.Config) { c.Issuers = nil }, "no issuer"},
		{"an issuer without a certificate", first(func(i *ca.Issuer) { i.Certificate = nil }), "issuer sign-p256 has no certificate or no key"},
		{"an issuer without a key", first(func(i *ca.Issuer) { i.Signer = nil }), "issuer sign-p256 has no certificate or no key"},
		{"an issuer twice", func(c *ca.Config) { c.Issuers = append(slices.Clone(c.Issuers), c.Issuers[0]) }, "issuer sign-p256 is there twice"},
		{"an issuer without a name", first(func(i *ca.Issuer) { i.ID = "" }), "an issuer has no name"},
		{"an issuer with another key", first(func(i *ca.Issuer) { i.Signer = other }), "the key is not the one in the certificate"},
		{"an issuer that is no CA", first(func(i *ca.Issuer) { i.Certificate, i.Signer = leaf.Certificate, leaf.Signer }), "issuer sign-p256"},
		{"the issuer of another root", func(c *ca.Config) { c.Root = catest.New(t, nil).Hierarchy.Root }, "issuer sign-p256"},
		{"an address that ends with a slash", func(c *ca.Config) { c.Publish = "http://127.0.0.1:8080/" }, "publication"},
		{"an address over TLS where certificates are looked up", func(c *ca.Config) { c.Publish = "https://127.0.0.1:8080" }, "publication"},
		{"no address", func(c *ca.Config) { c.Publish = "" }, "publication"},
		{"a portal without TLS", func(c *ca.Config) { c.Portal = "http://localhost:8443" }, "portal"},
		{"a portal with a path", func(c *ca.Config) { c.Portal = "https://localhost:8443/mohr" }, ""},
		{"a prefix that makes serials negative", func(c *ca.Config) { c.Prefix = 0x80 }, "serial prefix"},
		{"a short holder key", func(c *ca.Config) { c.HolderKey = make([]byte, 31) }, "holder key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := f.Authority.Config
			test.change(&c)
			_, err := ca.New(c)
			if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestSerialsBeginWithTheNodesPrefixAndArePositive(t *testing.T) {
	f := catest.New(t, nil)
	for _, prefix := range []byte{0, 1, 0x7f} {
		a := with(t, f, func(c *ca.Config) { c.Prefix = prefix })
		seen := map[string]bool{}
		for range 20 {
			_, csr := catest.NewKey(t)
			c := issue(t, a, tlsOrder(randomRequest(), csr))
			cert, err := x509.ParseCertificate(c.DER)
			if err != nil {
				t.Fatal(err)
			}
			b := cert.SerialNumber.Bytes()
			if cert.SerialNumber.Sign() <= 0 || len(b) != 18 || b[0] != max(prefix, 1) || seen[c.Serial] {
				t.Errorf("serial %x", b)
			}
			if parsed, err := ca.ParseSerial("00" + strings.ToUpper(c.Serial)); err != nil || parsed != c.Serial {
				t.Errorf("%s read as %s, %v", c.Serial, parsed, err)
			}
			seen[c.Serial] = true
		}
	}
}

func TestParseSerialRefusesWhatIsNone(t *testing.T) {
	for _, s := range []string{"", "0", "00", "-1", "+1", "0x1", "1 ", "g", "1_0", "۱", strings.Repeat("1", 41)} {
		if got, err := ca.ParseSerial(s); err == nil {
			t.Errorf("%q read as %s", s, got)
		}
	}
}
