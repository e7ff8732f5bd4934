package badge_test

import (
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
	want := []badge.Month{
		{Month: "1405-09", Requested: 1, Granted: 1, Suspended: 1},
		{Month: "1405-10", Reinstated: 1, InForce: 1},
		{Month: "1405-11", InForce: 1},
		{Month: "1405-12", Suspended: 1, Revoked: 1},
	}
	if diff := cmp.Diff(want, months()); diff != "" {
		t.Errorf("as they happened (-want +got):\n%s", diff)
	}
	page := get(t, s.URL+"/badge/service", "Accept-Language", "fa")
	if !strings.Contains(page.body, "آذر ۱۴۰۵") || !strings.Contains(get(t, s.URL+"/api/v1/badges/statistics").body, `"month":"1405-09","requested":1,"granted":1`) {
		t.Errorf("page or API do not say it: %s", page.body)
	}
	forget := func(tx store.Tx) error {
		for _, m := range want {
			if err := tx.Delete("badge_months", m.Month); err != nil {
				return err
			}
		}
		return tx.Delete("badge_counters", "months_counted")
	}
	if err := b.Store.Update(t.Context(), forget); err != nil {
		t.Fatal(err)
	}
	if err := b.CountMonths(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, months()); diff != "" {
		t.Errorf("from history (-want +got):\n%s", diff)
	}
}
