package status_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/status"
	"mohr/internal/store"
)

// rekeyed is the authority with another key, and certificate, of the same
// name for the signing CA. No ceremony does that: a new key comes with a new
// generation. A store that was put under another hierarchy has it.
func (s *service) rekeyed(t *testing.T) (*ca.Authority, *x509.Certificate) {
	t.Helper()
	root, err := s.Keys.Key(t.Context(), "root")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(77), Subject: pkix.Name{}, RawSubject: s.issuer.RawSubject, NotBefore: s.issuer.NotBefore, NotAfter: s.issuer.NotAfter,
		KeyUsage: s.issuer.KeyUsage, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, Policies: s.issuer.Policies,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.Root, key.Public(), root)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	c := s.Fixture.Authority.Config
	c.Issuers = nil
	for _, i := range s.Fixture.Issuers {
		if i.ID == ca.SignIssuer {
			i.Certificate, i.Signer = cert, key
		}
		c.Issuers = append(c.Issuers, i)
	}
	a, err := ca.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a, cert
}

func TestNumbersRiseWhateverHappens(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	_, record := s.issue(t, "application-1")
	last := s.list(t).Number.Int64()
	rises := func(what string, r *status.Responder, by *x509.Certificate) {
		t.Helper()
		got, err := r.CRL(t.Context(), ca.SignIssuer, 0)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		l, err := x509.ParseRevocationList(got.DER)
		if err == nil {
			err = l.CheckSignatureFrom(by)
		}
		if err != nil || l.Number.Int64() <= last || got.Number != l.Number.Int64() {
			t.Errorf("%s: CRL %v after %d, %v", what, l.Number, last, err)
		}
		last = l.Number.Int64()
	}
	s.revoke(t, record.Serial, ca.Superseded)
	rises("a revocation in the same second", s.Responder, s.issuer)

	a, cert := s.rekeyed(t)
	other, _ := s.second(t, func(c *status.Config) { c.Authority = a })
	rises("another key", other, cert)
	again, _ := s.second(t)
	rises("the first key again, after a restart", again, s.issuer)

	c.at = c.at.Add(time.Minute)
	err := s.Store.Update(t.Context(), func(tx store.Tx) error {
		for _, bucket := range []string{"status_crls", "status_crl_states", "status_crl_numbers"} {
			if err := tx.Delete(bucket, "sign-p256/0000"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	restarted, _ := s.second(t)
	rises("a store that forgot its numbers", restarted, s.issuer)
}

func TestACRLOfAnEarlierVersionIsReplaced(t *testing.T) {
	s := serve(t, newClock())
	l := s.list(t)
	err := s.Store.Update(t.Context(), func(tx store.Tx) error {
		c := map[string]any{"number": 7, "revision": 0, "this_update": l.ThisUpdate, "next_update": l.NextUpdate, "der": l.Raw}
		if err := store.Save(tx, "status_crls", "sign-p256/0000", c); err != nil {
			return err
		}
		return tx.Delete("status_crl_states", "sign-p256/0000")
	})
	if err != nil {
		t.Fatal(err)
	}
	other, _ := s.second(t)
	if got, err := other.CRL(t.Context(), ca.SignIssuer, 0); err != nil || got.Number <= 7 {
		t.Errorf("CRL %d, %v", got.Number, err)
	}
}
