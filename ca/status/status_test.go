package status_test

import (
	"bytes"
	"context"
	"crypto"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/status"
)

func TestOCSPSaysWhatTheRecordSays(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	cert, _ := s.issue(t, "application-1")
	if got := s.ask(t, cert); got.Status != ocsp.Good || !got.ThisUpdate.Equal(c.at) || !got.NextUpdate.Equal(c.at.Add(time.Hour)) || !got.ProducedAt.Equal(c.at) {
		t.Errorf("an issued certificate: %+v", got)
	}
	other, record := s.issue(t, "application-2")
	s.revoke(t, record.Serial, ca.KeyCompromise)
	if got := s.ask(t, other); got.Status != ocsp.Revoked || got.RevocationReason != ocsp.KeyCompromise || !got.RevokedAt.Equal(c.at) {
		t.Errorf("a revoked certificate: %+v", got)
	}
	third, record := s.issue(t, "application-3")
	s.revoke(t, record.Serial, ca.Unspecified)
	if got := s.ask(t, third); got.Status != ocsp.Revoked || got.RevocationReason != ocsp.Unspecified {
		t.Errorf("a certificate revoked for no stated reason: %+v", got)
	}
	raw := take(t, s.askRaw(t, request(t, third, s.issuer, crypto.SHA1)))
	if len(raw.details[0]) != 2+len("20060102150405Z") {
		t.Errorf("RevokedInfo is %x, want the time alone: unspecified is not spelled out", raw.details[0])
	}
	if got := s.ask(t, withSerial(cert, "1234")); got.Status != ocsp.Unknown {
		t.Errorf("a serial that was never issued: %+v", got)
	}
	pending := s.pend(t, "application-4")
	if got := s.ask(t, withSerial(cert, pending.Serial)); got.Status != ocsp.Unknown {
		t.Errorf("a pending certificate: %+v", got)
	}
	c.at = c.at.Add(25 * time.Hour)
	s.key = s.SigningKey(t, "ocsp-"+string(ca.SignIssuer), ca.Service{Profile: ca.OCSPResponder, Issuer: ca.SignIssuer, CommonName: "Mohr Test OCSP"})
	if swept, err := s.Sweep(t.Context()); err != nil || len(swept.Voided) != 1 {
		t.Fatalf("Sweep: %+v, %v", swept, err)
	}
	if got := s.ask(t, withSerial(cert, pending.Serial)); got.Status != ocsp.Revoked {
		t.Errorf("a void certificate: %+v", got)
	}
	if got := s.ask(t, withSerial(cert, s.key.Certificate.SerialNumber.Text(16))); got.Status != ocsp.Good {
		t.Errorf("the responder's own certificate: %+v", got)
	}
	tls := s.SigningKey(t, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: "localhost", DNSNames: []string{"localhost"}})
	if got := s.ask(t, withSerial(cert, tls.Certificate.SerialNumber.Text(16))); got.Status != ocsp.Unknown {
		t.Errorf("the serial of another issuer's certificate: %+v", got)
	}
}

func TestARevocationShowsInTheNextAnswer(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	cert, record := s.issue(t, "application-1")
	ask := func() []byte { return s.askRaw(t, request(t, cert, s.issuer, crypto.SHA1)) }
	first := ask()
	if !bytes.Equal(first, ask()) {
		t.Error("the second answer was signed anew though nothing changed")
	}
	_, neighbour := s.issue(t, "application-2")
	s.revoke(t, neighbour.Serial, ca.Superseded)
	for range 2 { // the second finds what the first put back into the cache
		if !bytes.Equal(first, ask()) {
			t.Error("the answer was signed anew though only another certificate changed")
		}
	}
	c.at = c.at.Add(46 * time.Minute)
	if bytes.Equal(first, ask()) {
		t.Error("the answer was not renewed near the end of its life")
	}
	// Another node revokes: this one has the good answer in its cache.
	s.revoke(t, record.Serial, ca.Superseded)
	if got := s.ask(t, cert); got.Status != ocsp.Revoked {
		t.Errorf("after the revocation: %+v", got)
	}
	if !bytes.Equal(ask(), ask()) {
		t.Error("the revoked answer is not kept")
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	s := serve(t, newClock(), func(c *status.Config) { c.Cached = 3 })
	for n := range 10 {
		cert, record := s.issue(t, "application-"+string(rune('a'+n)))
		if got := s.ask(t, cert); got.Status != ocsp.Good {
			t.Errorf("certificate %d: %+v", n, got)
		}
		s.revoke(t, record.Serial, ca.Superseded)
		if got := s.ask(t, cert); got.Status != ocsp.Revoked {
			t.Errorf("certificate %d after revocation: %+v", n, got)
		}
	}
}

func TestTheResponderCertificateIsRenewedWhileServing(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	cert, _ := s.issue(t, "application-1")
	old := s.key
	end := old.Certificate.NotAfter
	c.at = end.Add(-10 * time.Minute)
	if got := s.ask(t, cert); !got.NextUpdate.Equal(end) {
		t.Errorf("the answer lives to %v, beyond its responder's certificate (%v)", got.NextUpdate, end)
	}
	c.at = end.Add(time.Minute)
	if got := s.askRaw(t, request(t, cert, s.issuer, crypto.SHA1)); !bytes.Equal(got, ocsp.TryLaterErrorResponse) {
		t.Errorf("an expired responder answered %x", got)
	}
	s.key = s.SigningKey(t, "ocsp-"+string(ca.SignIssuer), ca.Service{Profile: ca.OCSPResponder, Issuer: ca.SignIssuer, CommonName: "Mohr Test OCSP"})
	if got := s.ask(t, cert); got.Certificate.SerialNumber.Cmp(old.Certificate.SerialNumber) == 0 {
		t.Error("the answer carries the old responder's certificate")
	}
}

func TestAKeyThatIsNoResponderDoesNotAnswer(t *testing.T) {
	s := serve(t, newClock())
	cert, _ := s.issue(t, "application-1")
	good := s.key
	holder, _ := s.IssueTo(t, catest.Zahra, ca.NaturalSign, "application-2")
	foreign := s.SigningKey(t, "ocsp-auth", ca.Service{Profile: ca.OCSPResponder, Issuer: ca.AuthIssuer, CommonName: "Mohr Test OCSP"})
	tests := []struct {
		name string
		key  ca.SigningKey
	}{
		{"a holder's key", holder},
		{"another issuer's responder", foreign},
		{"a certificate with another key", ca.SigningKey{Certificate: good.Certificate, Signer: holder.Signer}},
		{"nothing", ca.SigningKey{}},
		{"a token that was pulled", ca.SigningKey{Certificate: good.Certificate, Signer: unreachable{good.Signer}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.key = test.key
			if got := s.askRaw(t, request(t, cert, s.issuer, crypto.SHA1)); !bytes.Equal(got, ocsp.TryLaterErrorResponse) {
				t.Errorf("the answer is %x, want tryLater", got)
			}
		})
	}
}

func TestAStoreThatIsDownIsTryLater(t *testing.T) {
	s := serve(t, newClock())
	cert, _ := s.issue(t, "application-1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, err := s.OCSP(ctx, ca.SignIssuer, request(t, cert, s.issuer, crypto.SHA1))
	if err != nil || !bytes.Equal(a.DER, ocsp.TryLaterErrorResponse) {
		t.Errorf("the answer is %x, %v, want tryLater", a.DER, err)
	}
}
