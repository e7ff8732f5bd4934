package ca_test

import (
	"errors"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// crlRow returns the entry of the certificate's shard that is its own, and the
// shard's revision.
func crlRow(t *testing.T, f *catest.Fixture, c ca.Certificate) (row *ca.Revoked, revision int) {
	t.Helper()
	err := f.Store.View(t.Context(), func(tx store.Tx) (err error) {
		if revision, err = ca.ShardRevision(tx, c.Issuer, c.Shard); err != nil {
			return err
		}
		return ca.EachRevoked(tx, c.Issuer, c.Shard, func(r ca.Revoked) error {
			if r.Serial == c.Serial {
				row = &r
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return row, revision
}

func suspend(t *testing.T, f *catest.Fixture, serial string) {
	t.Helper()
	if err := f.Suspend(t.Context(), serial, "operator:sara"); err != nil {
		t.Fatal(err)
	}
}

func TestASuspensionCountsAtOnceAndLeavesNoTraceOnTheCRLOnceLifted(t *testing.T) {
	f := catest.New(t, nil)
	key, c := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	for round := range 2 { // in one second: nothing of the second round gets lost
		_, before := crlRow(t, f, c)
		suspend(t, f, c.Serial)
		suspend(t, f, c.Serial)
		s, err := f.Standing(t.Context(), key.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, "a suspended certificate", s.Fault(), "certificate_suspended")
		row, now := crlRow(t, f, c)
		if code, ok := row.Reason.Code(); row.Reason != ca.CertificateHold || code != 6 || !ok || now != before+1 {
			t.Errorf("row %+v, revision %d after %d", row, now, before)
		}
		if err := errors.Join(f.Resume(t.Context(), c.Serial, "operator:sara"), f.Resume(t.Context(), c.Serial, "operator:sara")); err != nil {
			t.Fatal(err)
		}
		again := reload(t, f, c.Serial)
		if row, now := crlRow(t, f, c); row != nil || again.Revoked != nil || now != before+2 || again.Version != c.Version+2*(round+1) {
			t.Errorf("after lifting: row %+v, record %+v, revision %d, version %d", row, again.Revoked, now, again.Version)
		}
	}
	for _, kind := range []string{"certificate.suspended", "certificate.resumed"} {
		if n := countLeaves(t, f.Store, kind, c.Serial); n != 2 {
			t.Errorf("%d leaves %s of two", n, kind)
		}
	}
	if n := countLeaves(t, f.Store, "certificate.revoked", c.Serial); n != 0 {
		t.Errorf("%d leaves say that it was revoked", n)
	}
}

func TestLiftingNeverLiftsARevocation(t *testing.T) {
	f := catest.New(t, nil)
	_, c := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	if err := f.Revoke(t.Context(), c.Serial, ca.PrivilegeWithdrawn, "test"); err != nil {
		t.Fatal(err)
	}
	for _, deed := range []error{f.Resume(t.Context(), c.Serial, "test"), f.Suspend(t.Context(), c.Serial, "test")} {
		wantCode(t, "on a revoked one", deed, "certificate_ended")
	}
	if now := reload(t, f, c.Serial); now.Revoked.Reason != ca.PrivilegeWithdrawn || now.Version != c.Version+1 {
		t.Errorf("%+v, version %d", now.Revoked, now.Version)
	}
	wantCode(t, "a hold by revoking", f.Revoke(t.Context(), c.Serial, ca.CertificateHold, "test"), "reason_unknown")
	if _, ok := ca.ReasonOf(6); ok {
		t.Error("a protocol can revoke with a reason that can be lifted")
	}
	wantCode(t, "nobody's", f.Suspend(t.Context(), "1ab", "test"), "certificate_unknown")
}

func TestASuspendedCertificateThatEndsEndedWhenItWasSuspended(t *testing.T) {
	for _, reason := range []ca.Reason{ca.Unspecified, ca.KeyCompromise} {
		t.Run(string(reason), func(t *testing.T) {
			c := newClock()
			f := catest.New(t, c.now)
			_, cert := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
			suspend(t, f, cert.Serial)
			at := c.now()
			c.move(3 * day)
			for range 2 {
				if err := f.Revoke(t.Context(), cert.Serial, reason, "test"); err != nil {
					t.Fatal(err)
				}
			}
			now := reload(t, f, cert.Serial)
			if row, _ := crlRow(t, f, cert); now.Revoked.Reason != reason || !now.Revoked.At.Equal(at) || row.Reason != reason {
				t.Errorf("record %+v, row %+v", now.Revoked, row)
			}
			if n := countLeaves(t, f.Store, "certificate.revoked", cert.Serial); n != 1 {
				t.Errorf("%d leaves of one revocation", n)
			}
		})
	}
}

func TestASuspensionEndsForGoodAfterItsTime(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	_, forgotten := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	_, again := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "two")
	suspend(t, f, forgotten.Serial)
	suspend(t, f, again.Serial)
	if err := f.Resume(t.Context(), again.Serial, "test"); err != nil {
		t.Fatal(err)
	}
	c.move(day)
	suspend(t, f, again.Serial)
	for _, step := range []struct {
		move             string
		first, secondEnd ca.Reason
	}{
		{"a day before", ca.CertificateHold, ca.CertificateHold},
		{"on the day of the first", ca.CessationOfOperation, ca.CertificateHold},
		{"on the day of the second", ca.CessationOfOperation, ca.CessationOfOperation},
	} {
		if step.move == "a day before" {
			c.move(ca.MaxHold - 2*day)
		} else {
			c.move(day)
		}
		for range 2 {
			if err := f.EndHolds(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := reload(t, f, forgotten.Serial).Revoked.Reason; got != step.first {
			t.Errorf("%s: the first is %s", step.move, got)
		}
		if got := reload(t, f, again.Serial).Revoked.Reason; got != step.secondEnd {
			t.Errorf("%s: the second is %s", step.move, got)
		}
	}
}

func TestASuspendedCertificateIsNotRenewed(t *testing.T) {
	f := catest.New(t, nil)
	_, c := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	suspend(t, f, c.Serial)
	_, err := f.Issue(t.Context(), renewalOrder(t, f, "renewal", c, 0))
	wantCode(t, "a renewal", err, "certificate_suspended")
	if err := f.Resume(t.Context(), c.Serial, "test"); err != nil {
		t.Fatal(err)
	}
	late := renewalOrder(t, f, "late", c, 0)
	if _, err := failing(t, f, f.Now).Issue(t.Context(), late); !errors.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	suspend(t, f, c.Serial)
	_, err = f.Issue(t.Context(), late)
	wantCode(t, "a renewal under way", err, "certificate_suspended")
	if now, err := f.ByRequest(t.Context(), "late"); err != nil || now.State != ca.Void {
		t.Errorf("state %s, %v", now.State, err)
	}
}

func TestTheReplacedOneIsSupersededThoughSuspended(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	_, old := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "first")
	issue(t, f.Authority, renewalOrder(t, f, "renewal", old, 14*day))
	suspend(t, f, old.Serial)
	c.move(15 * day)
	if err := f.Retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := reload(t, f, old.Serial); now.Revoked.Reason != ca.Superseded {
		t.Errorf("%+v", now.Revoked)
	}
	wantCode(t, "lifted afterwards", f.Resume(t.Context(), old.Serial, "test"), "certificate_ended")
}
