package badge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/badge"
	"mohr/ca"
	"mohr/internal/store"
)

func TestBadgesOverTimeAreCountedAsTheyHappenAndFromHistoryAlike(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	leaf := b.operator(t, "maryam", ca.RoleRegistrar)
	do := func(id badge.ID, kind badge.DeedKind, ground badge.Ground) {
		t.Helper()
		if _, err := b.Do(t.Context(), leaf, id, kind, ground, "x"); err != nil {
			t.Fatal(err)
		}
	}
	months := func() []badge.Month {
		t.Helper()
		list, err := b.Months(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	got := b.granted(t) // before anybody counts
	if list := months(); len(list) != 0 {
		t.Errorf("not counted yet, and there are %v", list)
	}
	for range 2 { // a second time changes nothing
		if err := b.CountMonths(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	do(got.ID, badge.Suspend, badge.Misuse)
	b.clock.pass(32 * 24 * time.Hour)
	do(got.ID, badge.Lift, badge.Resolved)
	b.clock.pass(60 * 24 * time.Hour)
	do(got.ID, badge.Suspend, badge.Misuse)
	do(got.ID, badge.Revoke, badge.Fraud)
	// Two requests more: one is given up, the other's badge given back.
	send := func(request string, action badge.Action) badge.Badge {
		t.Helper()
		a := b.ask()
		a.Request, a.Action = request, action
		got, err := b.Request(t.Context(), b.sign(t, b.key, a))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	send("request-2", badge.ActionGrant)
	send("request-3", badge.ActionWithdrawal)
	again := send("request-4", badge.ActionGrant)
	b.shop.put(again.Challenge)
	if again, err := b.Check(t.Context(), again.ID); err != nil || again.State != badge.Active {
		t.Fatalf("asked again: %s %s, %v", again.State, again.Why, err)
	}
	if gone := send("request-5", badge.ActionWithdrawal); gone.State != badge.Revoked {
		t.Fatalf("given back: %s", gone.State)
	}
	want := []badge.Month{
		{Month: "1405-09", Requested: 1, Granted: 1, Suspended: 1},
		{Month: "1405-10", Reinstated: 1, InForce: 1},
		{Month: "1405-11", InForce: 1},
		{Month: "1405-12", Requested: 2, Granted: 1, Suspended: 1, Revoked: 1, Withdrawn: 2},
	}
	if diff := cmp.Diff(want, months()); diff != "" {
		t.Errorf("as they happened (-want +got):\n%s", diff)
	}
	page := get(t, s.URL+"/badge/service", "Accept-Language", "fa")
	if !strings.Contains(page.body, "آذر ۱۴۰۵") || !strings.Contains(get(t, s.URL+"/api/v1/badges/statistics").body, `"month":"1405-09","requested":1,"granted":1`) {
		t.Errorf("page or API do not say it: %s", page.body)
	}
	// As a store is in which what was withdrawn was counted as revoked.
	older := func(tx store.Tx) error {
		m, err := store.Load[badge.Month](tx, "badge_months", "1405-12")
		m.Revoked, m.Withdrawn = m.Revoked+m.Withdrawn, 0
		return errors.Join(err, store.Save(tx, "badge_months", m.Month, m), tx.Delete("badge_months", "1405-10"),
			store.Save(tx, "badge_counters", "months_counted", 1), tx.Delete("badge_counters", "months_counted_2"))
	}
	if err := b.Store.Update(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	if err := b.CountMonths(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, months()); diff != "" {
		t.Errorf("from history (-want +got):\n%s", diff)
	}
}
