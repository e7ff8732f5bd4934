package ca_test

import (
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
)

func TestSigningKeyKeepsItsCertificateUntilTwoThirdsOfItsLife(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	for _, test := range []struct {
		service ca.Service
		renewed time.Duration // two thirds of the time in which the key may be used
	}{
		{ca.Service{Profile: ca.ServiceTLS, CommonName: "localhost", DNSNames: []string{"localhost"}, IPs: []string{"127.0.0.1"}}, 60 * day},
		{ca.Service{Profile: ca.OCSPResponder, CommonName: "OCSP", Issuer: ca.SignIssuer}, 20 * day},
		{ca.Service{Profile: ca.TimeStamping, CommonName: "Stamps"}, 243 * day},
		{ca.Service{Profile: ca.Audit, CommonName: "Audit"}, 486 * day},
		{ca.Service{Profile: ca.Credential, CommonName: "Credential"}, 486 * day},
		{ca.Service{Profile: ca.OperatorAuth, CommonName: "operator-1"}, 243 * day},
	} {
		t.Run(test.service.Profile, func(t *testing.T) {
			get := func() ca.SigningKey { return f.SigningKey(t, test.service.Profile, test.service) }
			k := get()
			c.move(test.renewed - day)
			if !get().Certificate.Equal(k.Certificate) {
				t.Error("a new certificate before its time")
			}
			roots, between := x509.NewCertPool(), x509.NewCertPool()
			roots.AddCert(f.Hierarchy.Root)
			between.AddCert(k.Chain[0])
			if _, err := k.Certificate.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: c.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
				t.Error(err)
			}
			c.move(3 * day)
			next := get()
			if next.Certificate.Equal(k.Certificate) || !next.Certificate.NotBefore.Equal(c.now()) {
				t.Errorf("two thirds are over and the certificate is of %s", next.Certificate.NotBefore)
			}
			if !get().Certificate.Equal(next.Certificate) {
				t.Error("a third certificate")
			}
		})
	}
}

var auditor = ca.Service{Profile: ca.Audit, CommonName: "Audit"}

func TestSigningKeyOverManyYears(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	s := ca.Service{Profile: ca.OCSPResponder, CommonName: "OCSP", Issuer: ca.SignIssuer}
	seen := map[string]bool{}
	for range 60 {
		k := f.SigningKey(t, "ocsp", s)
		if at := c.now(); at.Before(k.Certificate.NotBefore) || at.After(k.Certificate.NotAfter) {
			t.Fatalf("at %s a certificate from %s to %s", at, k.Certificate.NotBefore, k.Certificate.NotAfter)
		}
		seen[k.Certificate.SerialNumber.Text(16)] = true
		c.move(45 * day) // the service was off; the last one has expired
	}
	if len(seen) != 60 {
		t.Errorf("%d certificates in 60 periods", len(seen))
	}
}

func TestSigningKeyWhenTheClockMovesBack(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	first := f.SigningKey(t, "audit", auditor)
	c.move(600 * day)
	ahead := f.SigningKey(t, "audit", auditor)
	c.move(-590 * day)
	if got := f.SigningKey(t, "audit", auditor); !got.Certificate.Equal(first.Certificate) {
		t.Errorf("not the one that is valid then, but one from %s", got.Certificate.NotBefore)
	}
	tls := ca.Service{Profile: ca.ServiceTLS, CommonName: "a", DNSNames: []string{"a.test"}}
	f.SigningKey(t, "tls", tls) // valid from now on
	c.move(-5 * day)            // the clock had been wrong
	if got := f.SigningKey(t, "tls", tls); c.now().Before(got.Certificate.NotBefore) {
		t.Errorf("a certificate that is not valid before %s", got.Certificate.NotBefore)
	}
	c.move(595 * day)
	if got := f.SigningKey(t, "audit", auditor); !got.Certificate.Equal(ahead.Certificate) {
		t.Errorf("after the clock was set right: one from %s", got.Certificate.NotBefore)
	}
}

func TestSigningKeyAfterRevocation(t *testing.T) {
	for _, test := range []struct {
		reason ca.Reason
		code   string
	}{
		{ca.Unspecified, ""},
		{ca.KeyCompromise, "key_compromised"},
	} {
		t.Run(string(test.reason), func(t *testing.T) {
			f := catest.New(t, nil)
			k := f.SigningKey(t, "audit", auditor)
			if err := f.Revoke(t.Context(), k.Certificate.SerialNumber.Text(16), test.reason, "test"); err != nil {
				t.Fatal(err)
			}
			next, err := f.Authority.SigningKey(t.Context(), k.Signer, auditor)
			wantCode(t, "the key after its certificate was revoked", err, test.code)
			if err == nil && next.Certificate.Equal(k.Certificate) {
				t.Error("the revoked certificate")
			}
		})
	}
}

// TestSigningKeyPassesOverWhatTheSweepGaveUp: else a service whose issuing key
// was out of reach for a day would never start again.
func TestSigningKeyPassesOverWhatTheSweepGaveUp(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	key, err := f.Keys.Key(t.Context(), "audit")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := failing(t, f, c.now).SigningKey(t.Context(), key, auditor); !errors.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	c.move(25 * time.Hour)
	if s, err := f.Sweep(t.Context()); err != nil || len(s.Voided) != 1 {
		t.Fatalf("sweep %+v, %v", s, err)
	}
	f.SigningKey(t, "audit", auditor)
}

func TestSigningKeyOfAnIssuerThatIsGoneIsAnError(t *testing.T) {
	f := catest.New(t, nil)
	k := f.SigningKey(t, "audit", auditor)
	less := with(t, f, func(c *ca.Config) { c.Issuers = c.Issuers[:1] })
	if _, err := less.SigningKey(t.Context(), k.Signer, auditor); err == nil {
		t.Error("a chain without its issuer")
	}
}
