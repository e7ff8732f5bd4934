package ca_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// TestARenewalWhoseOldCertificateIsRevokedMeanwhileIsVoid: between intent and
// certificate the old key may be reported as stolen.
func TestARenewalWhoseOldCertificateIsRevokedMeanwhileIsVoid(t *testing.T) {
	for _, by := range []string{"the caller", "the sweep"} {
		t.Run(by, func(t *testing.T) {
			c := newClock()
			f := catest.New(t, c.now)
			_, old := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "first")
			o := renewalOrder(t, f, "renewal", old, 14*day)
			if _, err := failing(t, f, c.now).Issue(t.Context(), o); !errors.Is(err, fault.Unavailable) {
				t.Fatal(err)
			}
			if err := f.Revoke(t.Context(), old.Serial, ca.KeyCompromise, "holder"); err != nil {
				t.Fatal(err)
			}
			if by == "the caller" {
				_, err := f.Issue(t.Context(), o)
				wantCode(t, "taken up again", err, "certificate_revoked")
			} else {
				c.move(2 * time.Minute)
				if s, err := f.Sweep(t.Context()); err != nil || len(s.Voided) != 1 || len(s.Finished) != 0 {
					t.Errorf("sweep: %+v, %v", s, err)
				}
			}
			got, err := f.ByRequest(t.Context(), "renewal")
			if err != nil || got.State != ca.Void || got.Revoked == nil || got.DER != nil {
				t.Errorf("record: %s, %+v, %v", got.State, got.Revoked, err)
			}
			_, err = f.Issue(t.Context(), o)
			wantCode(t, "once more", err, "request_void")
			if s, err := f.Sweep(t.Context()); err != nil || len(s.Voided)+len(s.Finished) != 0 {
				t.Errorf("sweep afterwards: %+v, %v", s, err)
			}
		})
	}
}

func TestAVoidRenewalLeavesTheOldCertificateToBeRenewed(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	_, old := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "first")
	o := renewalOrder(t, f, "renewal", old, 0)
	if _, err := failing(t, f, c.now).Issue(t.Context(), o); !errors.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	wantCode(t, "another renewal while one is pending", second(t, f, old), "certificate_replaced")
	if now := reload(t, f, old.Serial); now.Revoked != nil {
		t.Error("a pending renewal ended the old certificate")
	}
	c.move(25 * time.Hour)
	if s, err := f.Sweep(t.Context()); err != nil || len(s.Voided) != 1 {
		t.Fatalf("sweep: %+v, %v", s, err)
	}
	void, err := f.ByRequest(t.Context(), "renewal")
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a renewal of what is void", second(t, f, void), "renewal_other_holder")
	if now := reload(t, f, old.Serial); now.Revoked != nil || now.ReplacedBy != "" {
		t.Errorf("the old one: %+v, replaced by %q", now.Revoked, now.ReplacedBy)
	}
	next := issue(t, f.Authority, renewalOrder(t, f, "renewal 2", old, 0))
	if now := reload(t, f, old.Serial); now.ReplacedBy != next.Serial || now.Revoked == nil {
		t.Errorf("the old one after the second try: %+v", now)
	}
}

func TestPendingAndVoidCertificatesAreNobodys(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	_, csr := catest.NewKey(t)
	if _, err := failing(t, f, c.now).Issue(t.Context(), ca.Order{Request: "r", CSR: csr, Decision: f.Decide(t, catest.Zahra, ca.NaturalSign)}); !errors.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	states := func() (list []ca.State) {
		all, err := f.List(t.Context(), "", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			list = append(list, c.State)
		}
		return list
	}
	pending, err := f.ByRequest(t.Context(), "r")
	if err != nil || !slices.Equal(states(), []ca.State{ca.Pending}) {
		t.Fatalf("list %v, %v", states(), err)
	}
	wantCode(t, "revoke what is pending", f.Revoke(t.Context(), pending.Serial, ca.KeyCompromise, "test"), "certificate_pending")
	if list, err := f.OfHolder(t.Context(), pending.Holder); err != nil || len(list) != 0 {
		t.Errorf("of the holder: %v, %v", list, err)
	}
	c.move(25 * time.Hour)
	if _, err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(states(), []ca.State{ca.Void}) {
		t.Errorf("list %v", states())
	}
	if list, err := f.OfHolder(t.Context(), pending.Holder); err != nil || len(list) != 0 {
		t.Errorf("of the holder: %v, %v", list, err)
	}
	if err := f.Revoke(t.Context(), pending.Serial, ca.KeyCompromise, "test"); err != nil {
		t.Errorf("revoking what is void changes nothing: %v", err)
	}
	err = f.Store.View(t.Context(), func(tx store.Tx) error {
		n := 0
		return errors.Join(ca.EachRevoked(tx, pending.Issuer, pending.Shard, func(ca.Revoked) error { n++; return nil }), func() error {
			if n != 1 {
				return fmt.Errorf("%d rows on the CRL for one void serial", n)
			}
			return nil
		}())
	})
	if err != nil {
		t.Error(err)
	}
}
