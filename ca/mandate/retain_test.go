package mandate_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca/mandate"
	"mohr/internal/store"
)

// papers counts sealed values of the room that can still be opened.
func (b *bench) papers() (n int) {
	b.t.Helper()
	must(b.t, b.f.Store.View(b.t.Context(), func(tx store.Tx) error {
		n = 0
		for _, bucket := range []string{"mandates", "mandate_statements"} {
			err := tx.Scan(bucket, "", "", func(_ string, v []byte) error {
				n += strings.Count(string(v), `"key":`)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	return n
}

func TestRetentionR16MandatesAreKeptSevenYearsAfterTheirEndThenErased(t *testing.T) {
	b := newBench(t, nil)
	boss, joint, clerk, other := b.signatory(true), b.signatory(false), b.natural(), b.natural()
	m := b.given(boss, b.terms(clerk, mandate.Sign))
	proposal, err := b.give(joint, b.terms(other, mandate.Sign))
	must(t, err)
	if proposal.State != mandate.Proposed || b.papers() != 8 {
		t.Fatalf("%s, %d papers", proposal.State, b.papers())
	}
	after := func(at time.Time, want int) {
		t.Helper()
		b.clock.pass(at.Sub(b.clock.now()))
		must(t, b.Retain(t.Context()))
		if n := b.papers(); n != want {
			t.Errorf("at %s: %d papers, want %d", at, n, want)
		}
	}
	after(proposal.ProposedAt.Add(97*day-time.Second), 8)
	after(proposal.ProposedAt.Add(97*day), 4)
	after(m.ValidTo.AddDate(7, 0, 0).Add(-time.Second), 4)
	after(m.ValidTo.AddDate(7, 0, 0), 0)
	must(t, b.f.Store.View(t.Context(), func(tx store.Tx) error {
		for _, bucket := range []string{"mandate_businesses", "mandate_holders", "mandate_retain"} {
			if err := tx.Scan(bucket, "", "", func(key string, _ []byte) error { t.Errorf("%s has %s", bucket, key); return nil }); err != nil {
				return err
			}
		}
		return nil
	}))
}

// TestPapersOfARevocationOfTheRestAreKeptAndErasedAsWell: of certificates that
// were left when their mandate ended, and of mandates given under it.
func TestPapersOfARevocationOfTheRestAreKeptAndErasedAsWell(t *testing.T) {
	b := newBench(t, nil)
	boss, admin, clerk := b.signatory(true), b.natural(), b.natural()
	own := b.given(boss, b.terms(admin, mandate.Administer, mandate.Sign))
	b.given(admin, b.terms(clerk, mandate.Sign).with("under", own.ID))
	b.rests(admin, "one")
	must(t, b.revoke(boss, own.ID, false, false))
	before := b.papers()
	b.clock.pass(30 * day)
	must(t, b.revoke(boss, own.ID, true, false)) // the certificate
	b.clock.pass(20 * day)
	must(t, b.revoke(boss, own.ID, false, true)) // what was given under it
	if n := b.papers(); n <= before {
		t.Fatalf("%d papers, %d before", n, before)
	}
	last := b.clock.now()
	b.clock.pass(last.AddDate(7, 0, 0).Add(-time.Second).Sub(last))
	must(t, b.Retain(t.Context()))
	kept := b.papers()
	b.clock.pass(time.Second)
	must(t, b.Retain(t.Context()))
	if n := b.papers(); kept == 0 || n != 0 {
		t.Errorf("%d papers before their time is over, %d after it", kept, n)
	}
}

func TestOfJointSignaturesAtOnceOneGrants(t *testing.T) {
	b := newBench(t, nil)
	one, two, clerk := b.signatory(false), b.signatory(false), b.natural()
	terms := b.terms(clerk, mandate.Sign)
	first, second := b.signed(one, mandate.StatementType, terms), b.signed(two, mandate.StatementType, terms)
	var all sync.WaitGroup
	for range 4 { // each statement several times
		all.Go(func() {
			if _, err := b.Give(t.Context(), first); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if _, err := b.Give(t.Context(), second); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	must(t, b.may(clerk, mandate.Sign))
	if g, s := len(b.leaves("mandate.granted")), len(b.leaves("mandate.signed")); g != 1 || s != 1 {
		t.Errorf("%d grants, %d signatures", g, s)
	}
}
