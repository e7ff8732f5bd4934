package status_test

import (
	"crypto"
	"crypto/x509"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/lint"
	"mohr/ca/status"
)

// everyReason issues and ends a certificate for each reason there is.
func (s *service) everyReason(t *testing.T) (ended []*x509.Certificate) {
	t.Helper()
	for _, reason := range ca.Endings() {
		cert, record := s.issue(t, "application-"+string(reason))
		s.revoke(t, record.Serial, reason)
		ended = append(ended, cert)
	}
	cert, record := s.issue(t, "application-hold")
	if err := s.Suspend(t.Context(), record.Serial, "operator:test"); err != nil {
		t.Fatal(err)
	}
	return append(ended, cert)
}

func TestEveryCRLPassesTheLints(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	check := func(what string, l status.CRL, err error) {
		t.Helper()
		if err == nil {
			err = lint.CRL(l.DER)
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, i := range s.Fixture.Issuers {
		l, err := s.CRL(t.Context(), i.ID, 0)
		check("an empty one of "+string(i.ID), l, err)
	}
	s.everyReason(t)
	l, err := s.CRL(t.Context(), ca.SignIssuer, 0)
	check("one of all reasons", l, err)
	c.at = c.at.Add(40 * 24 * time.Hour)
	short, _ := s.second(t, func(c *status.Config) { c.Retention, c.CRLLife = 30*24*time.Hour, time.Hour })
	l, err = short.CRL(t.Context(), ca.SignIssuer, 0)
	check("one with a bounded retention", l, err)
	l, err = s.RootCRL(t.Context(), ca.RootName)
	check("the root's", l, err)
}

func TestEveryOCSPResponsePassesTheLints(t *testing.T) {
	s := serve(t, newClock())
	check := func(what string, der []byte) {
		t.Helper()
		if err := lint.OCSP(der); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	cert, _ := s.issue(t, "application-1")
	der := request(t, cert, s.issuer, crypto.SHA256)
	check("good", s.askRaw(t, der))
	check("good, from the cache", s.askRaw(t, der))
	check("unknown", s.askRaw(t, request(t, withSerial(cert, "7f"), s.issuer, crypto.SHA1)))
	var singles [][]byte
	for _, cert := range s.everyReason(t) {
		der := request(t, cert, s.issuer, crypto.SHA1)
		check("revoked", s.askRaw(t, der))
		singles = append(singles, singleOf(t, der))
	}
	check("all at once, with a nonce", s.askRaw(t, build(singles, nonce(32))))
	for _, i := range s.Fixture.Issuers {
		key := s.SigningKey(t, "ocsp-"+string(i.ID), ca.Service{Profile: ca.OCSPResponder, Issuer: i.ID, CommonName: "Mohr Test OCSP"})
		other, _ := s.second(t, func(c *status.Config) { c.Responder = func(ca.IssuerID) (ca.SigningKey, bool) { return key, true } })
		a, err := other.OCSP(t.Context(), i.ID, request(t, key.Certificate, i.Certificate, crypto.SHA1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ocsp.ParseResponseForCert(a.DER, key.Certificate, i.Certificate); err != nil {
			t.Errorf("%s: %v", i.ID, err)
		}
		check("of "+string(i.ID), a.DER)
	}
}

func TestWhatIsKeptIsWhatIsPromised(t *testing.T) {
	c := newClock()
	s := serve(t, c, func(c *status.Config) { c.Retention = 30 * 24 * time.Hour })
	cert, _ := s.issue(t, "application-1")
	cutoff := func() string {
		return string(take(t, s.askRaw(t, build([][]byte{singleOf(t, request(t, cert, s.issuer, crypto.SHA1))}, nonce(8)))).single[oidCutoff.String()][2:])
	}
	since := func() string {
		for _, e := range s.list(t).Extensions {
			if e.Id.String() == "2.5.29.60" {
				return string(e.Value[2:])
			}
		}
		return ""
	}
	const layout = "20060102150405Z"
	if want := s.issuer.NotBefore.Format(layout); cutoff() != want || since() != want {
		t.Errorf("in its first days a CA keeps all: archiveCutoff %s, expiredCertsOnCRL %s, want %s", cutoff(), since(), want)
	}
	c.at = c.at.Add(60 * 24 * time.Hour)
	s.key = s.SigningKey(t, "ocsp-"+string(ca.SignIssuer), ca.Service{Profile: ca.OCSPResponder, Issuer: ca.SignIssuer, CommonName: "Mohr Test OCSP"})
	if want := c.at.Add(-30 * 24 * time.Hour).Format(layout); cutoff() != want || since() != want {
		t.Errorf("later it keeps 30 days: archiveCutoff %s, expiredCertsOnCRL %s, want %s", cutoff(), since(), want)
	}
}
