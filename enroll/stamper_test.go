package enroll_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/timestamp"
	"mohr/enroll"
	"mohr/enroll/bundle"
)

// newStamper returns the real time-stamping unit, on the test's clock.
func newStamper(d *desk) *timestamp.Unit {
	d.t.Helper()
	unit, err := timestamp.New(timestamp.Config{
		Key:    d.ca.SigningKey(d.t, "tsu", ca.Service{Profile: ca.TimeStamping, CommonName: "Mohr Test TSU"}),
		Policy: []int{2, 999, 1, 9}, Clock: func() error { return nil }, Now: d.clock.now,
	})
	d.must(err)
	return unit
}

// switched is the real unit behind a switch.
type switched struct {
	*timestamp.Unit
	down  atomic.Bool
	asked atomic.Int64
}

func (s *switched) Stamp(ctx context.Context, digest []byte) ([]byte, error) {
	s.asked.Add(1)
	if s.down.Load() {
		return nil, errors.New("no answer")
	}
	return s.Unit.Stamp(ctx, digest)
}

func TestTimeStampsThatAreDown(t *testing.T) {
	begin := func(t *testing.T, edit func(string) string) (*desk, *switched, *applicant) {
		unit := &switched{}
		d := newDesk(t, func(c *enroll.Config) {
			unit.Unit = c.Stamper.(*timestamp.Unit)
			c.Stamper, c.Policy = unit, policy(t, edit)
		})
		sara := person(1)
		d.regs.know(sara)
		unit.down.Store(true)
		return d, unit, d.approved(sara, ca.NaturalSign)
	}
	t.Run("are made later, within the policy's time", func(t *testing.T) {
		d, unit, a := begin(t, nil)
		a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
		d.clock.pass(23 * time.Hour)
		if err := d.Resume(t.Context()); err == nil || strings.Contains(d.log.String(), "past its deadline") {
			t.Errorf("%v, log %s", err, d.log)
		}
		if r := a.call("GET", a.path("/bundle"), a.token, nil); r.status < 500 {
			t.Errorf("a bundle without time stamp was handed out: %d", r.status)
		}
		d.clock.pass(time.Hour + time.Second)
		if err := d.Resume(t.Context()); err == nil || !strings.Contains(d.log.String(), "past its deadline") {
			t.Errorf("nobody is told: %v, log %s", err, d.log)
		}
		unit.down.Store(false)
		d.must(d.Resume(t.Context()))
		d.must(d.Ledger.Sequence(t.Context()))
		b := a.call("GET", a.path("/bundle"), a.token, nil)
		if _, err := bundle.Verify(b.raw, bundle.Trust{Root: d.ca.Root, LogKey: d.Ledger.VerifierKey()}); err != nil {
			t.Errorf("%v", err)
		}
	})
	t.Run("stop issuance where the policy says so", func(t *testing.T) {
		d, unit, a := begin(t, func(s string) string { return strings.ReplaceAll(s, "stamp_within: 24h", "stamp_within: 0s") })
		req := request(t)
		a.csr(req).refused(t, 503, "stamp_unavailable")
		a.nothingIssued()
		a.state().want(t, enroll.Approved, enroll.NeedCSR)
		unit.down.Store(false)
		a.csr(req).want(t, enroll.Issued, enroll.NeedCertificate)

		ali := person(2)
		d.regs.know(ali)
		b := d.approved(ali, ca.NaturalSign)
		unit.down.Store(true)
		d.clock.pass(time.Second) // the stamp that was had shows nothing any more
		b.csr(request(t)).refused(t, 503, "stamp_unavailable")
		b.nothingIssued()
	})
	t.Run("are asked for once a second before an issuance", func(t *testing.T) {
		d, unit, a := begin(t, func(s string) string { return strings.ReplaceAll(s, "stamp_within: 24h", "stamp_within: 0s") })
		unit.down.Store(false)
		ali := person(2)
		d.regs.know(ali)
		b := d.approved(ali, ca.NaturalSign)
		asked := unit.asked.Load()
		a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
		b.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
		if n := unit.asked.Load() - asked; n != 1 {
			t.Errorf("%d stamps for two issuances at once", n)
		}
	})
}
