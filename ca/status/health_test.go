package status_test

import (
	"crypto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/status"
)

func TestHealthSaysHowOldEverythingIs(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	_, record := s.issue(t, "application-1")
	of := func(id ca.IssuerID) status.IssuerHealth {
		t.Helper()
		list, err := s.Health(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range list {
			if h.Issuer == id {
				return h
			}
		}
		t.Fatalf("nothing is said of %s", id)
		return status.IssuerHealth{}
	}
	is := func(what string, want status.ShardState) {
		t.Helper()
		if got := of(ca.SignIssuer).Shards; len(got) != 1 || got[0].State != want {
			t.Errorf("%s: %+v, want %s", what, got, want)
		}
	}
	is("before any CRL", status.ShardMissing)
	refresh := func() {
		t.Helper()
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	refresh()
	is("after the job", status.ShardCurrent)
	want := status.ShardHealth{State: status.ShardCurrent, Number: c.at.Unix(), ThisUpdate: c.at, NextUpdate: c.at.Add(24 * time.Hour)}
	if d := cmp.Diff(want, of(ca.SignIssuer).Oldest()); d != "" {
		t.Errorf("the oldest CRL (-want +got):\n%s", d)
	}
	s.revoke(t, record.Serial, ca.Superseded)
	is("after a revocation", status.ShardBehind)
	refresh()
	c.at = c.at.Add(19 * time.Hour)
	is("in the last quarter", status.ShardLate)
	c.at = c.at.Add(5 * time.Hour)
	is("at nextUpdate", status.ShardOverdue)
	if h := of(ca.SignIssuer); h.DaysLeft(c.at) != 28 || !h.Signing || !h.Answering || h.Root {
		t.Errorf("after a day: %d days left, %+v", h.DaysLeft(c.at), h)
	}
	if h := of(ca.RootName); !h.Root || len(h.Shards) != 1 || h.Shards[0].State != status.ShardCurrent || h.Shards[0].Number == 0 {
		t.Errorf("the root: %+v", h)
	}
}

func TestReadinessIsForWhatReadersNoticeAndTheAlarmComesBefore(t *testing.T) {
	c := newClock()
	// The other issuing CAs have no responder in this fixture.
	s := serve(t, c, func(k *status.Config) {
		config := k.Authority.Config
		config.Issuers = slices.DeleteFunc(slices.Clone(config.Issuers), func(i ca.Issuer) bool { return i.ID != ca.SignIssuer })
		a, err := ca.New(config)
		if err != nil {
			t.Fatal(err)
		}
		k.Authority = a
	})
	key := s.counted()
	cert, _ := s.issue(t, "application-1")
	says := func(what string, err error, want string) {
		t.Helper()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	refresh := func() {
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	refresh()
	says("at the start, ready", s.Ready(t.Context()), "")
	says("at the start, ageing", s.Ageing(t.Context()), "")
	c.at = c.at.Add(19 * time.Hour)
	says("a CRL in its last quarter, ready", s.Ready(t.Context()), "")
	says("a CRL in its last quarter, ageing", s.Ageing(t.Context()), "crl sign-p256/0 is late")
	c.at = c.at.Add(5 * time.Hour)
	says("a CRL past its nextUpdate", s.Ready(t.Context()), "crl sign-p256/0 is overdue")
	refresh()
	key.away.Store(true)
	s.askRaw(t, build([][]byte{singleOf(t, request(t, cert, s.issuer, crypto.SHA1))}, nonce(8)))
	says("a key that is away", s.Ready(t.Context()), "the last answer could not be signed")
	c.at = c.at.Add(time.Minute)
	says("nobody asks, since it is not ready", s.Ready(t.Context()), "")
	s.askRaw(t, build([][]byte{singleOf(t, request(t, cert, s.issuer, crypto.SHA1))}, nonce(8)))
	says("the key is still away", s.Ready(t.Context()), "the last answer could not be signed")
	key.away.Store(false)
	s.ask(t, cert)
	says("the key is back", s.Ready(t.Context()), "")
	c.at = s.key.Certificate.NotAfter.Add(-7 * 24 * time.Hour)
	refresh()
	says("a responder near its end, ready", s.Ready(t.Context()), "")
	says("a responder near its end, ageing", s.Ageing(t.Context()), "has 7 days left")
	c.at = s.key.Certificate.NotAfter
	says("a responder at its end", s.Ready(t.Context()), "no responder with a valid certificate")
}

func TestARevokedCANeedsNoResponder(t *testing.T) {
	c := newClock()
	s := serve(t, c, func(k *status.Config) {
		config := k.Authority.Config
		config.Issuers = slices.Clone(config.Issuers)
		for n, i := range config.Issuers {
			if i.ID != ca.SignIssuer {
				config.Issuers[n].Revoked = &ca.Ended{At: c.at, Reason: "cessationOfOperation"}
			}
		}
		a, err := ca.New(config)
		if err != nil {
			t.Fatal(err)
		}
		k.Authority = a
	})
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if got, err := s.CRL(t.Context(), ca.AuthIssuer, 0); err != nil || len(got.DER) == 0 {
		t.Errorf("its CRL: %v", err)
	}
}
