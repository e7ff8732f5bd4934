package ca_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
)

// clock is a clock that tests move; it is safe for concurrent use.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

const day = 24 * time.Hour

// renewalOrder orders a renewal of the certificate for Zahra, to a fresh key.
func renewalOrder(t testing.TB, f *catest.Fixture, request string, old ca.Certificate, overlap time.Duration) ca.Order {
	t.Helper()
	_, csr := catest.NewKey(t)
	profile := ca.NaturalSign
	if old.Business != "" {
		profile = ca.OrganisationSign
	}
	return ca.Order{Request: request, CSR: csr, Decision: f.Decide(t, catest.Zahra, profile), Replaces: old.Serial, Overlap: overlap}
}

func issue(t testing.TB, a *ca.Authority, o ca.Order) ca.Certificate {
	t.Helper()
	c, err := a.Issue(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func reload(t testing.TB, f *catest.Fixture, serial string) ca.Certificate {
	t.Helper()
	c, err := f.Certificate(t.Context(), serial)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantCode(t testing.TB, what string, err error, code string) {
	t.Helper()
	if fault.Code(err) != code || (err != nil) != (code != "") {
		t.Errorf("%s: %v, want code %q", what, err, code)
	}
}

func TestRenewalWithoutOverlapSupersedesAtOnce(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	_, old := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "first")
	c.move(340 * day)
	o := renewalOrder(t, f, "renewal", old, 0)
	next := issue(t, f.Authority, o)
	was := reload(t, f, old.Serial)
	if was.Revoked == nil || was.Revoked.Reason != ca.Superseded || !was.Revoked.At.Equal(c.now()) || was.ReplacedBy != next.Serial {
		t.Errorf("the old one: revoked %+v, replaced by %s", was.Revoked, was.ReplacedBy)
	}
	if next.Replaces != old.Serial || next.Lineage != old.Serial || next.Revoked != nil {
		t.Errorf("the new one: %+v", next)
	}
	again := issue(t, f.Authority, o)
	if again.Serial != next.Serial {
		t.Errorf("the same order a second time gave %s after %s", again.Serial, next.Serial)
	}
	third := issue(t, f.Authority, renewalOrder(t, f, "next renewal", next, 0))
	if third.Lineage != old.Serial || third.Replaces != next.Serial {
		t.Errorf("lineage %s, replaces %s", third.Lineage, third.Replaces)
	}
}

func TestRenewalWithOverlapSupersedesWhenItIsOver(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	_, old := f.IssueTo(t, catest.Zahra, ca.OrganisationSign, "first")
	c.move(340 * day)
	next := issue(t, f.Authority, renewalOrder(t, f, "renewal", old, 14*day))
	for _, step := range []struct {
		name  string
		after time.Duration
		ended bool
	}{
		{"at once", 0, false},
		{"with the clock set back", -2 * day, false},
		{"a second before the end", 16*day - time.Second, false},
		{"at the end", time.Second, true},
		{"much later", 10 * day, true},
	} {
		c.move(step.after)
		if err := f.Retire(t.Context()); err != nil {
			t.Fatal(err)
		}
		was := reload(t, f, old.Serial)
		if ended := was.Revoked != nil; ended != step.ended {
			t.Errorf("%s: ended is %v", step.name, ended)
		} else if ended && was.Revoked.Reason != ca.Superseded {
			t.Errorf("%s: reason %s", step.name, was.Revoked.Reason)
		}
	}
	if n := countLeaves(t, f.Store, "certificate.revoked", old.Serial); n != 1 {
		t.Errorf("%d leaves of one revocation", n)
	}
	if now := reload(t, f, next.Serial); now.Revoked != nil {
		t.Error("the new one was retired too")
	}
	wantCode(t, "a second renewal of the old one", second(t, f, old), "certificate_revoked")
}

func second(t testing.TB, f *catest.Fixture, old ca.Certificate) error {
	t.Helper()
	_, err := f.Issue(t.Context(), renewalOrder(t, f, "another renewal", old, 0))
	return err
}

func TestARevocationInTheOverlapKeepsItsReason(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	_, old := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "first")
	issue(t, f.Authority, renewalOrder(t, f, "renewal", old, 14*day))
	if err := f.Revoke(t.Context(), old.Serial, ca.PrivilegeWithdrawn, "test"); err != nil {
		t.Fatal(err)
	}
	c.move(15 * day)
	for range 2 {
		if err := f.Retire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if was := reload(t, f, old.Serial); was.Revoked.Reason != ca.PrivilegeWithdrawn {
		t.Errorf("reason %s", was.Revoked.Reason)
	}
}

func TestOfManyConcurrentRenewalsOneWins(t *testing.T) {
	f := catest.New(t, nil)
	_, old := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "first")
	const n = 16
	orders := make([]ca.Order, n)
	for i := range orders {
		orders[i] = renewalOrder(t, f, fmt.Sprint("renewal ", i), old, 14*day)
	}
	certs, errs := make([]ca.Certificate, n), make([]error, n)
	var wg sync.WaitGroup
	for i, o := range orders {
		wg.Go(func() { certs[i], errs[i] = f.Issue(t.Context(), o) })
	}
	wg.Wait()
	var won []string
	for i, err := range errs {
		if err == nil {
			won = append(won, certs[i].Serial)
			continue
		}
		wantCode(t, "a renewal that came too late", err, "certificate_replaced")
		if _, err := f.ByRequest(t.Context(), orders[i].Request); !errors.Is(err, fault.NotFound) {
			t.Errorf("the loser left a record: %v", err)
		}
	}
	if len(won) != 1 || reload(t, f, old.Serial).ReplacedBy != won[0] {
		t.Errorf("won: %v, the old one is replaced by %s", won, reload(t, f, old.Serial).ReplacedBy)
	}
}

func TestWhatMayReplaceWhat(t *testing.T) {
	f := catest.New(t, nil)
	_, natural := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "natural")
	_, organised := f.IssueTo(t, catest.Zahra, ca.OrganisationSign, "organised")
	other := catest.Zahra
	other.NationalCode = "0084575948"
	_, his := f.IssueTo(t, other, ca.NaturalSign, "his")
	_, csr := catest.NewKey(t)
	service := issue(t, f.Authority, tlsOrder("service", csr))
	_, csr = catest.NewKey(t)
	audit := issue(t, f.Authority, ca.Order{Request: "audit", CSR: csr, Service: ca.Service{Profile: ca.Audit, CommonName: "node"}})
	tls := func(o ca.Order, cn string) ca.Order {
		o.Decision, o.Service = tlsOrder("", o.CSR).Decision, tlsOrder("", o.CSR).Service
		o.Service.CommonName = cn
		return o
	}
	for _, test := range []struct {
		name  string
		order ca.Order
		code  string
	}{
		{"another person's", renewalOrder(t, f, "1", his, 0), "renewal_other_holder"},
		{"a certificate for an organisation by one for nobody", func() ca.Order {
			o := renewalOrder(t, f, "2", natural, 0)
			o.Replaces = organised.Serial
			return o
		}(), "renewal_other_holder"},
		{"a person's by a service's", tls(renewalOrder(t, f, "3", natural, 0), "node"), "renewal_other_holder"},
		{"another service's", tls(renewalOrder(t, f, "4", service, 0), "other"), "renewal_other_holder"},
		{"another profile of the service", tls(renewalOrder(t, f, "5", audit, 0), "node"), "renewal_other_holder"},
		{"a serial that nobody has", renewalOrder(t, f, "6", ca.Certificate{Serial: "1ab"}, 0), "certificate_unknown"},
		{"the service's own", tls(renewalOrder(t, f, "7", service, 0), "node"), ""},
		{"the person's own", renewalOrder(t, f, "8", natural, 0), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := f.Issue(t.Context(), test.order)
			wantCode(t, test.name, err, test.code)
		})
	}
	for _, c := range []ca.Certificate{his, organised, audit} {
		if now := reload(t, f, c.Serial); now.ReplacedBy != "" || now.Revoked != nil {
			t.Errorf("a refused order changed %s: replaced by %q, revoked %v", now.Profile, now.ReplacedBy, now.Revoked)
		}
	}
}
