package badge_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/mandate"
	"mohr/ca/mandate/mandatetest"
	"mohr/internal/fault"
	"mohr/internal/store"
)

func TestARevocationWhileWeAskAroundCounts(t *testing.T) {
	b := newBench(t)
	first := b.request(t)
	b.shop.set(func(w http.ResponseWriter, _ *http.Request) {
		if err := b.ca.Revoke(context.WithoutCancel(t.Context()), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
			t.Error(err)
		}
		w.Write([]byte(first.Challenge.Content))
	})
	if got, err := b.Check(t.Context(), first.ID); err != nil || got.State != badge.Refused || got.Why != "certificate_revoked" {
		t.Errorf("state %s, why %s, %v", got.State, got.Why, err)
	}
}

func TestAnOlderCheckDoesNotUndoANewerOne(t *testing.T) {
	b := newBench(t)
	first := b.request(t)
	var asked atomic.Int32
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	b.shop.set(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/.well-known/") {
			http.NotFound(w, r)
			return
		}
		if asked.Add(1) <= 2 { // both views of the older check
			arrived <- struct{}{}
			<-release
			http.NotFound(w, r)
			return
		}
		w.Write([]byte(first.Challenge.Content))
	})
	older := make(chan badge.Badge)
	go func() {
		got, err := b.Check(context.WithoutCancel(t.Context()), first.ID)
		if err != nil {
			t.Error(err)
		}
		older <- got
	}()
	<-arrived
	<-arrived
	newer, err := b.Check(t.Context(), first.ID)
	if err != nil || newer.State != badge.Active {
		t.Fatalf("the newer check: %s, %v", newer.State, err)
	}
	close(release)
	if got := <-older; got.State != badge.Active || slices.Contains(why(got), "domain_file_missing") {
		t.Errorf("the older check left %s with %v", got.State, why(got))
	}
}

func TestARenewalThatWasNeverIssuedChangesNothing(t *testing.T) {
	for _, state := range []ca.State{ca.Pending, ca.Void} {
		t.Run(string(state), func(t *testing.T) {
			b := newBench(t)
			got := b.granted(t)
			err := b.Store.Update(t.Context(), func(tx store.Tx) error {
				old := b.cert
				old.ReplacedBy = "1234"
				if err := store.Save(tx, "ca_certificates", old.Serial, old); err != nil {
					return err
				}
				next := ca.Certificate{Serial: "1234", State: state, Replaces: old.Serial}
				if state == ca.Void {
					next.Revoked = &ca.Revoked{Serial: "1234", At: start, Reason: ca.Unspecified}
				}
				return store.Save(tx, "ca_certificates", next.Serial, next)
			})
			if err != nil {
				t.Fatal(err)
			}
			if got, why := b.state(t, got.ID); got != badge.Active {
				t.Errorf("state %s, why %s", got, why)
			}
		})
	}
}

// meddling is a stamper that lets something happen first, once: between what a
// letter was judged by and the deed.
type meddling struct {
	stamper
	happens func()
}

func (m *meddling) Stamp(ctx context.Context, sum []byte) ([]byte, error) {
	if f := m.happens; f != nil {
		m.happens = nil
		f()
	}
	return m.stamper.Stamp(ctx, sum)
}

func TestAMandateThatEndsOnTheWayGivesNoBadgeBackAndNoAppeal(t *testing.T) {
	for _, test := range []struct {
		name   string
		action badge.Action
		code   string
		before func(*testing.T, *bench, badge.ID)
		state  badge.State
	}{
		{"a withdrawal", badge.ActionWithdrawal, "badge_none_to_withdraw", func(*testing.T, *bench, badge.ID) {}, badge.Active},
		{"an appeal", badge.ActionAppeal, "badge_none_to_appeal", func(t *testing.T, b *bench, id badge.ID) {
			if _, err := b.Do(t.Context(), b.operator(t, "maryam", ca.RoleRegistrar), id, badge.Revoke, badge.Fraud, "x"); err != nil {
				t.Fatal(err)
			}
		}, badge.Revoked},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &meddling{}
			b := newBench(t, func(c *badge.Config) { c.Stamper = m })
			granted := b.granted(t)
			test.before(t, b, granted.ID)
			given := mandatetest.Give(t, b.ca, catest.Zahra.LegalID, clerk().NationalCode, mandate.BadgeRequest)
			key, _ := b.ca.IssueTo(t, clerk(), ca.NaturalSign, "clerk")
			a := b.askWith(key)
			a.Action, a.Request, a.Reasons = test.action, "second", "we did nothing"
			m.happens = func() { given.Revoke(false) }
			if _, err := b.Request(t.Context(), b.sign(t, key, a)); fault.Code(err) != test.code {
				t.Errorf("%v, want %s", err, test.code)
			}
			if got, _ := b.state(t, granted.ID); got != test.state {
				t.Errorf("it is %s", got)
			}
		})
	}
}

func TestABadgeRenewedOnTheWayIsNotRenewedAgain(t *testing.T) {
	m := &meddling{}
	b := newBench(t, func(c *badge.Config) { c.Stamper = m })
	got, key := b.nearEnd(t, 30)
	m.happens = func() {
		first, err := b.renewal(t, key, "renewal-1")
		if err != nil || first.Renewal == nil {
			t.Fatalf("%+v, %v", first.Renewal, err)
		}
		b.shop.put(first.Renewal.Challenge)
		if after, err := b.Check(t.Context(), got.ID); err != nil || !after.ValidTo.After(got.ValidTo) {
			t.Fatalf("to %s, %v", after.ValidTo, err)
		}
	}
	if _, err := b.renewal(t, key, "renewal-2"); fault.Code(err) != "badge_renewal_early" {
		t.Errorf("%v, want badge_renewal_early", err)
	}
}
