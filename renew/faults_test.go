package renew_test

import (
	"crypto"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/renew"
)

func TestManyAtOnceWithOneStatementGetOneCertificate(t *testing.T) {
	b := newBench(t, nil)
	old := b.enroll(t, sara, ca.NaturalSign)
	b.open(old)
	w, _ := b.wish(t, old)
	serials := make([]string, 8)
	var all sync.WaitGroup
	for i := range serials {
		all.Go(func() {
			r, err := b.Renew(t.Context(), w)
			if err != nil {
				t.Error(err)
			}
			serials[i] = r.Certificate.Serial
		})
	}
	all.Wait()
	for _, s := range serials {
		if s == "" || s != serials[0] {
			t.Fatalf("serials %v", serials)
		}
	}
}

func TestARegisterThatIsDownUsesNothingUp(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	b.open(h)
	w, _ := b.wish(t, h)
	b.registry.down = true
	_, err := b.Renew(t.Context(), w)
	wantCode(t, err, "renewal_registry_unavailable")
	if !errors.Is(err, fault.Unavailable) {
		t.Errorf("kind of %v", err)
	}
	b.registry.down = false
	if _, err := b.Renew(t.Context(), w); err != nil {
		t.Errorf("the same statement afterwards: %v", err)
	}
}

func TestTheHolderIsToldEvenIfThePhoneIsDownAtFirst(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	b.open(h)
	b.phones.down = true
	w, _ := b.wish(t, h)
	w.Locale = "en"
	_, err := b.Renew(t.Context(), w)
	must(t, err)
	if err := b.SendNotices(t.Context()); err == nil {
		t.Error("a message that could not be sent is no error of the job")
	}
	b.phones.down = false
	must(t, b.SendNotices(t.Context()))
	must(t, b.SendNotices(t.Context()))
	if len(b.phones.sent) != 1 || !strings.Contains(b.phones.sent[0], "was renewed") {
		t.Errorf("messages %q", b.phones.sent)
	}
}

func TestAnOldCertificateThatEndsOnTheWayStopsTheRenewal(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	b.open(h)
	w, _ := b.wish(t, h)
	// The registers are asked between the first look at the old certificate
	// and the transaction that orders the new one.
	revoking := &revokingRegistry{registry: b.registry, revoke: func() {
		must(t, b.fixture.Revoke(t.Context(), h.rec.Serial, ca.KeyCompromise, "test"))
	}}
	c := b.Config
	c.Registry = revoking
	desk, err := renew.New(c)
	must(t, err)
	_, err = desk.Renew(t.Context(), w)
	wantCode(t, err, "certificate_revoked")
}

// failing is an issuing key that can be out of reach.
type failing struct {
	crypto.Signer
	down *bool
}

func (f failing) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if *f.down {
		return nil, errors.New("token not present")
	}
	return f.Signer.Sign(rand, digest, opts)
}

func TestAnIssuingKeyOutOfReachLosesNothing(t *testing.T) {
	down := false
	b := newBench(t, func(c *renew.Config) {
		conf := c.CA.Config
		conf.Issuers = slices.Clone(conf.Issuers)
		for i := range conf.Issuers {
			conf.Issuers[i].Signer = failing{conf.Issuers[i].Signer, &down}
		}
		authority, err := ca.New(conf)
		must(t, err)
		c.CA = authority
	})
	h := b.enroll(t, sara, ca.NaturalSign)
	b.open(h)
	w, _ := b.wish(t, h)
	down = true
	_, err := b.Renew(t.Context(), w)
	wantCode(t, err, "issuer_unavailable")
	_, err = b.Issued(t.Context(), requestOf(t, w))
	wantCode(t, err, "renewal_pending")
	must(t, b.SendNotices(t.Context()))
	if len(b.phones.sent) > 0 {
		t.Errorf("told of a certificate that is not there: %q", b.phones.sent)
	}
	down = false
	b.clock = b.clock.Add(time.Hour) // the statement's and the nonce's time is over
	r, err := b.Renew(t.Context(), w)
	must(t, err)
	must(t, b.SendNotices(t.Context()))
	if r.Certificate.Replaces != h.rec.Serial || len(b.phones.sent) != 1 {
		t.Errorf("certificate %+v, messages %q", r.Certificate, b.phones.sent)
	}
}

func requestOf(t *testing.T, w renew.Wish) string {
	t.Helper()
	request, err := renew.RequestOf(w.Statement)
	must(t, err)
	return request
}
