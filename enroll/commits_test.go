package enroll_test

import (
	"context"
	"sync/atomic"
	"testing"

	"mohr/ca"
	"mohr/enroll"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// counting is a store that counts its writing transactions.
type counting struct {
	store.Store
	updates *atomic.Int64
}

func (c counting) Update(ctx context.Context, fn func(store.Tx) error) error {
	c.updates.Add(1)
	return c.Store.Update(ctx, fn)
}

// TestAnIssuanceIsTwoTransactions: the intent with the step to issuing, the
// certificate with the step to issued. Each one more is an fsync that every
// applicant waits for.
func TestAnIssuanceIsTwoTransactions(t *testing.T) {
	var updates atomic.Int64
	d := newDesk(t, func(c *enroll.Config) {
		c.Store = counting{c.Store, &updates}
		conf := c.CA.Config
		conf.Store = c.Store
		var err error
		if c.CA, err = ca.New(conf); err != nil {
			t.Fatal(err)
		}
	})
	for i := range 3 {
		p := person(i + 1)
		d.regs.know(p)
		a := d.approved(p, ca.NaturalSign)
		req := request(t)
		updates.Store(0)
		a.csr(req).want(t, enroll.Issued, enroll.NeedCertificate)
		// The first one also takes places in a CRL shard, for many to come.
		if n := updates.Load(); n != 2 && i > 0 || n > 3 {
			t.Errorf("application %d: %d transactions", i+1, n)
		}
		updates.Store(0)
		a.csr(req).want(t, enroll.Issued, enroll.NeedCertificate)
		if n := updates.Load(); n != 0 {
			t.Errorf("application %d, again: %d transactions", i+1, n)
		}
	}
}

// TestAnOrderThatTheCACannotPlanLeavesTheApplicationApproved: that issuing
// has begun is recorded with the CA's intent or not at all.
func TestAnOrderThatTheCACannotPlanLeavesTheApplicationApproved(t *testing.T) {
	var untrusted atomic.Bool
	d := newDesk(t, func(c *enroll.Config) {
		conf := c.CA.Config
		conf.Clock = func() error {
			if untrusted.Load() {
				return fault.New(fault.Unavailable, "clock_untrusted", "the clock is not to be trusted at the moment; try again later")
			}
			return nil
		}
		var err error
		if c.CA, err = ca.New(conf); err != nil {
			t.Fatal(err)
		}
	})
	sara := person(1)
	d.regs.know(sara)
	a := d.approved(sara, ca.NaturalSign)
	untrusted.Store(true)
	if r := a.csr(request(t)); r.status != 503 {
		t.Fatalf("got %d %s", r.status, r.Code)
	}
	a.state().want(t, enroll.Approved, enroll.NeedCSR)
	a.nothingIssued()
	untrusted.Store(false)
	a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate) // another key will do: none was bound
}
