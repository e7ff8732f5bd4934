package ca_test

import (
	"errors"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/store"
)

func TestNoCertificateIsMadeInTheNameOfWhoLocked(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	holder := ca.HolderID("h-1")
	f := catest.New(t, nil)
	var got []ca.Lock
	step := func(fn func(store.Tx, ca.HolderID) (ca.Lock, error)) {
		t.Helper()
		if err := f.Store.Update(t.Context(), func(tx store.Tx) error {
			l, err := fn(tx, holder)
			got = append(got, l)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	lock := func(tx store.Tx, h ca.HolderID) (ca.Lock, error) { return ca.LockHolder(tx, h, now) }
	lift := func(tx store.Tx, h ca.HolderID) (ca.Lock, error) {
		return ca.LiftLock(tx, h, now, now.Add(24*time.Hour))
	}
	step(lift) // nothing to lift
	step(lock)
	step(lift)
	step(func(tx store.Tx, h ca.HolderID) (ca.Lock, error) {
		return ca.LiftLock(tx, h, now, now.Add(48*time.Hour))
	})
	if got[0].Holds(now) || !got[1].Holds(now.AddDate(9, 0, 0)) || !got[2].Holds(now.Add(23*time.Hour)) || got[2].Holds(now.Add(24*time.Hour)) || got[3] != got[2] {
		t.Errorf("locks are %+v", got)
	}
	step(lock) // before it ended
	if !got[4].Holds(now.AddDate(9, 0, 0)) {
		t.Errorf("a lock again: %+v", got[4])
	}
}

func TestALockStopsNewCertificatesAndRenewals(t *testing.T) {
	f := catest.New(t, nil)
	zahra := catest.Zahra
	_, c := f.IssueTo(t, zahra, ca.NaturalSign, "before")
	err := f.Store.Update(t.Context(), func(tx store.Tx) error {
		_, err := ca.LockHolder(tx, c.Holder, time.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, csr := catest.NewKey(t)
	o := ca.Order{Request: "after", Decision: f.Decide(t, zahra, ca.NaturalSign), CSR: csr}
	for _, replaces := range []string{"", c.Serial} {
		o.Replaces = replaces
		if _, err := f.Issue(t.Context(), o); fault.Code(err) != "holder_locked" || !errors.Is(err, fault.Denied) {
			t.Errorf("replacing %q: %v", replaces, err)
		}
	}
}
