package ca_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/store"
)

func TestWhatTheReconcilerDecidedIsVisible(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	leave := func(request string) {
		t.Helper()
		_, csr := catest.NewKey(t)
		if _, err := failing(t, f, c.now).Issue(t.Context(), personOrder(t, f, request, ca.NaturalSign, csr)); !errors.Is(err, fault.Unavailable) {
			t.Fatal(err)
		}
	}
	want := func(when string, outcomes ...string) []ca.Reconciled {
		t.Helper()
		list, err := f.ReconciledIntents(t.Context(), "", 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range list {
			got = append(got, r.Request+" "+string(r.State)+" "+r.Why)
		}
		if strings.Join(got, "; ") != strings.Join(outcomes, "; ") {
			t.Errorf("%s: %q, want %q", when, got, outcomes)
		}
		return list
	}
	leave("old")
	c.move(time.Hour)
	_, err := failing(t, f, c.now).Sweep(t.Context())
	if err == nil {
		t.Error("a sweep without a key is no error")
	}
	want("while the key is away", "old pending ")
	c.move(23 * time.Hour)
	leave("young")
	for range 2 {
		c.move(2 * time.Minute)
		if _, err := f.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	list := want("afterwards", "old void intent_too_old", "young issued ")
	if !list[0].TakenUp.Before(list[1].TakenUp) || list[0].Planned.After(list[0].TakenUp) {
		t.Errorf("times %+v", list)
	}
	if rest, err := f.ReconciledIntents(t.Context(), list[0].Key(), 0); err != nil || len(rest) != 1 || rest[0].Serial != list[1].Serial {
		t.Errorf("the second page: %+v, %v", rest, err)
	}
}

func TestWhatACallerFindsLapsedIsListedWithTheReason(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	o := personOrder(t, f, "one", ca.NaturalSign, csr)
	if _, err := failing(t, f, time.Now).Issue(t.Context(), o); !errors.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	block(t, f, csr.SPKISHA256())
	_, err := f.Issue(t.Context(), o)
	wantCode(t, "taken up", err, "key_compromised")
	list, err := f.ReconciledIntents(t.Context(), "", 0)
	if err != nil || len(list) != 1 || list[0].State != ca.Void || list[0].Why != "key_compromised" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestLookingAPersonUpLeavesWhoDidSoAndNotTheCode(t *testing.T) {
	f := catest.New(t, nil)
	_, c := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	sara := ca.OperatorRecord{Name: "sara"}
	for range 2 { // within one second, perhaps
		h, list, err := f.FindHolder(t.Context(), sara, " ۰۰۱۲۳۴۵۶۷۹")
		if err != nil || h != c.Holder || len(list) != 1 || list[0].Serial != c.Serial {
			t.Errorf("%s, %d certificates, %v", h, len(list), err)
		}
	}
	if h, list, err := f.FindHolder(t.Context(), sara, "0084575948"); err != nil || h == c.Holder || len(list) != 0 {
		t.Errorf("somebody unknown: %s, %v, %v", h, list, err)
	}
	_, _, err := f.FindHolder(t.Context(), sara, "123")
	wantCode(t, "no national code", err, "national_code_invalid")
	if n := countLeaves(t, f.Store, "holder.looked_up", ""); n != 3 {
		t.Errorf("%d leaves of three look-ups", n)
	}
	all, err := f.Lookups(t.Context(), "", 0)
	if err != nil || len(all) != 3 || all[0].By != "operator:sara" || all[0].Holder == "" {
		t.Errorf("%+v, %v", all, err)
	}
	for _, bucket := range []string{"ledger_pending", "ca_lookups"} {
		err := f.Store.View(t.Context(), func(tx store.Tx) error {
			return store.Each(tx, bucket, "", "", func(key string, v struct {
				Leaf   []byte
				By     string
				Holder string
			}) error {
				for _, secret := range []string{"0012345679", "sara\""} {
					if strings.Contains(key+string(v.Leaf), secret) {
						t.Errorf("%s shows %s", bucket, secret)
					}
				}
				if bucket == "ledger_pending" && strings.Contains(string(v.Leaf), string(c.Holder)) {
					t.Error("the public log names a holder")
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
