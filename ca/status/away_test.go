package status_test

import (
	"bytes"
	"crypto"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/status"
	"mohr/internal/fault"
)

// counted is a signer that counts, and can be out of reach.
type counted struct {
	crypto.Signer
	uses atomic.Int64
	away atomic.Bool
}

func (c *counted) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	c.uses.Add(1)
	if c.away.Load() {
		return nil, errors.New("token removed")
	}
	return c.Signer.Sign(r, digest, o)
}

func (s *service) counted() *counted {
	c := &counted{Signer: s.key.Signer}
	s.key.Signer = c
	return c
}

func TestAnAnswerOutlivesItsKeyButNoRevocation(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	key := s.counted()
	cert, _ := s.issue(t, "application-1")
	ended, record := s.issue(t, "application-2")
	ask := func() []byte { return s.askRaw(t, request(t, cert, s.issuer, crypto.SHA1)) }
	first := ask()
	s.askRaw(t, request(t, ended, s.issuer, crypto.SHA1))
	key.away.Store(true)
	c.at = c.at.Add(50 * time.Minute) // late: a reader would wait for a new one
	if !bytes.Equal(ask(), first) {
		t.Error("the answer does not serve on without its key")
	}
	used := key.uses.Load()
	for range 5 {
		ask()
	}
	if n := key.uses.Load() - used; n != 0 {
		t.Errorf("a key that had just failed was tried %d times more, with an answer at hand", n)
	}
	s.revoke(t, record.Serial, ca.KeyCompromise)
	if got := s.askRaw(t, request(t, ended, s.issuer, crypto.SHA1)); !bytes.Equal(got, ocsp.TryLaterErrorResponse) {
		t.Errorf("revoked since: %x, want tryLater", got)
	}
	if !bytes.Equal(ask(), first) {
		t.Error("a neighbour's revocation took the answer away")
	}
	c.at = c.at.Add(10 * time.Minute)
	if got := ask(); !bytes.Equal(got, ocsp.TryLaterErrorResponse) {
		t.Errorf("at its nextUpdate: %x, want tryLater", got)
	}
	key.away.Store(false)
	if got := s.ask(t, ended); got.Status != ocsp.Revoked {
		t.Errorf("the key is back: %+v", got)
	}
}

func TestHotAnswersAreSignedBeforeTheyRunOut(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	key := s.counted()
	hot, _ := s.issue(t, "application-1")
	cold, _ := s.issue(t, "application-2")
	other, record := s.issue(t, "application-3")
	ask := func() []byte { return s.askRaw(t, request(t, hot, s.issuer, crypto.SHA1)) }
	first := ask()
	s.ask(t, cold)
	s.ask(t, other)
	for range 3 {
		ask()
		s.ask(t, other)
	}
	presign := func() int64 {
		used := key.uses.Load()
		if err := s.Presign(t.Context()); err != nil {
			t.Fatal(err)
		}
		return key.uses.Load() - used
	}
	if n := presign(); n != 0 {
		t.Errorf("%d answers were signed anew at once", n)
	}
	s.revoke(t, record.Serial, ca.Superseded)
	c.at = c.at.Add(31 * time.Minute)
	if n := presign(); n != 2 {
		t.Errorf("%d answers were signed anew, want the two that were asked for again", n)
	}
	used := key.uses.Load()
	if second := ask(); bytes.Equal(second, first) {
		t.Error("the answer is still the first")
	}
	if got := s.ask(t, other); got.Status != ocsp.Revoked {
		t.Errorf("revoked meanwhile: %+v", got)
	}
	if key.uses.Load() != used {
		t.Error("a reader waited for a signature")
	}
	c.at = c.at.Add(31 * time.Minute)
	key.away.Store(true)
	if err := s.Presign(t.Context()); err == nil {
		t.Error("Presign says nothing of a key that is away")
	}
}

func TestNothingIsSignedWhileTheTimeIsNotTrusted(t *testing.T) {
	c := newClock()
	var clock error
	s := serve(t, c, func(k *status.Config) { k.Clock = func() error { return clock } })
	key := s.counted()
	cert, record := s.issue(t, "application-1")
	unasked, _ := s.issue(t, "application-2")
	ask := func() []byte { return s.askRaw(t, request(t, cert, s.issuer, crypto.SHA1)) }
	first, list := ask(), s.list(t)
	used := key.uses.Load()
	clock = fault.New(fault.Unavailable, "clock_untrusted", "the clock is wrong")
	c.at = c.at.Add(50 * time.Minute)
	if !bytes.Equal(ask(), first) {
		t.Error("the answer at hand does not serve on")
	}
	if got := s.askRaw(t, request(t, unasked, s.issuer, crypto.SHA1)); !bytes.Equal(got, ocsp.TryLaterErrorResponse) {
		t.Errorf("a new answer: %x, want tryLater", got)
	}
	c.at = c.at.Add(19 * time.Hour)
	if got := s.list(t); !bytes.Equal(got.Raw, list.Raw) {
		t.Error("a CRL was signed")
	}
	if err := s.Refresh(t.Context()); err == nil {
		t.Error("Refresh says nothing of the clock")
	}
	s.revoke(t, record.Serial, ca.Superseded)
	if res, _ := get(t, s.url+"/crl/"+string(ca.SignIssuer)+"/0.crl"); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("a CRL that lacks a revocation: status %d", res.StatusCode)
	}
	if n := key.uses.Load() - used; n != 0 {
		t.Errorf("%d signatures were made", n)
	}
	clock = nil
	if got := s.ask(t, cert); got.Status != ocsp.Revoked {
		t.Errorf("the time is trusted again: %+v", got)
	}
}

func TestAWrongClockOfAnotherNodeMakesNothingGood(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	cert, record := s.issue(t, "application-1")
	other, _ := s.issue(t, "application-2")
	now := c.at
	c.at = now.Add(10 * time.Minute) // a node ahead of the others revokes, and signs
	s.revoke(t, record.Serial, ca.Superseded)
	s.ask(t, other)
	ahead := s.list(t)
	c.at = now
	got := s.ask(t, cert)
	if got.Status != ocsp.Revoked || got.RevokedAt.After(now) {
		t.Errorf("at %v the answer says revoked from %v on, which some take for good until then", now, got.RevokedAt)
	}
	if got := s.ask(t, other); got.ThisUpdate.After(now) {
		t.Errorf("an answer from the future is given out: %v", got.ThisUpdate)
	}
	l := s.list(t)
	if l.ThisUpdate.After(now) || l.Number.Cmp(ahead.Number) <= 0 || l.RevokedCertificateEntries[0].RevocationTime.After(now) {
		t.Errorf("the CRL is %v of %v, with %v", l.Number, l.ThisUpdate, l.RevokedCertificateEntries[0].RevocationTime)
	}
}

func TestWhatACASignedLastServesOnWhenItsLifeIsOver(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	cert, record := s.issue(t, "application-1")
	s.revoke(t, record.Serial, ca.Superseded)
	list := s.list(t)
	config := s.Fixture.Authority.Config
	config.Issuers = nil
	for _, i := range s.Fixture.Issuers {
		if i.ID == ca.SignIssuer {
			i.Signer = nil
			config.Retired = append(config.Retired, i)
			continue
		}
		config.Issuers = append(config.Issuers, i)
	}
	a, err := ca.New(config)
	if err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(30 * 24 * time.Hour)
	r, url := s.second(t, func(c *status.Config) { c.Authority = a })
	if got, err := r.CRL(t.Context(), ca.SignIssuer, 0); err != nil || !bytes.Equal(got.DER, list.Raw) {
		t.Errorf("its last CRL: %v", err)
	}
	if got, err := r.OCSP(t.Context(), ca.SignIssuer, request(t, cert, s.issuer, crypto.SHA1)); err != nil || !bytes.Equal(got.DER, ocsp.UnauthorizedErrorResponse) {
		t.Errorf("OCSP: %x, %v, want unauthorized", got.DER, err)
	}
	if res, b := get(t, url+"/ca/sign-p256.cer"); res.StatusCode != http.StatusOK || !bytes.Equal(b, s.issuer.Raw) {
		t.Errorf("its certificate: status %d", res.StatusCode)
	}
	if err := r.Refresh(t.Context()); err != nil {
		t.Errorf("Refresh: %v", err)
	}
}
