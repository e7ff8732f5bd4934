package badge_test

import (
	"slices"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/store"
)

func TestABusinessSeesItsBadgesAndTheirDays(t *testing.T) {
	b := newBench(t)
	first := b.request(t)
	whats := func(id badge.ID) (list []string) {
		t.Helper()
		dues, err := b.Dues(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range dues {
			list = append(list, d.What)
			if i > 0 && d.At.Before(dues[i-1].At) || !d.At.After(b.clock.Now()) {
				t.Errorf("%v are not in their order, or over", dues)
			}
		}
		return list
	}
	if got := whats(first.ID); !slices.Equal(got, []string{badge.DueProof}) {
		t.Errorf("of a request: %v", got)
	}
	got := b.granted(t)
	if list := whats(got.ID); !slices.Contains(list, badge.DueEnds) || !slices.Contains(list, badge.DueLicence) || !slices.Contains(list, badge.DueCertificate) {
		t.Errorf("of a badge: %v", list)
	}
	if _, err := b.Do(t.Context(), b.operator(t, "maryam", ca.RoleRegistrar), got.ID, badge.Suspend, badge.Misuse, "x"); err != nil {
		t.Fatal(err)
	}
	if list := whats(got.ID); !slices.Contains(list, badge.DueRevoked) || !slices.Contains(list, badge.DueAppeal) {
		t.Errorf("of a suspended badge: %v", list)
	}
	own := func() (ids []badge.ID) {
		t.Helper()
		list, err := b.OfBusiness(t.Context(), ca.BusinessID(catest.Zahra.LegalID))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			ids = append(ids, r.ID)
		}
		return ids
	}
	if ids := own(); !slices.Equal(ids, []badge.ID{got.ID}) {
		t.Errorf("its badges are %v", ids)
	}
	// A store of before there were such lists.
	if err := b.Store.Update(t.Context(), func(tx store.Tx) error { return tx.Delete("badge_own", catest.Zahra.LegalID+"/"+string(got.ID)) }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.IndexOwn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if ids := own(); !slices.Equal(ids, []badge.ID{got.ID}) {
		t.Errorf("its badges are %v after they were listed anew", ids)
	}
	b.clock.pass(400 * 24 * time.Hour)
	if list := whats(got.ID); len(list) != 0 {
		t.Errorf("of what has ended: %v", list)
	}
	if list, err := b.OfBusiness(t.Context(), "10323012419"); err != nil || len(list) != 0 {
		t.Errorf("another business has %v, %v", list, err)
	}
}
