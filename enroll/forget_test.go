package enroll_test

import (
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
	"mohr/internal/store"
)

// TestWithTheApplicationGoesHowThePersonSignsIn, unless a certificate of theirs
// still counts.
func TestWithTheApplicationGoesHowThePersonSignsIn(t *testing.T) {
	forgotten := map[ca.HolderID]time.Time{}
	d := newDesk(t, func(c *enroll.Config) {
		c.Forget = func(_ store.Tx, h ca.HolderID, at time.Time) error { forgotten[h] = at; return nil }
	})
	sara, omid := person(1), person(2)
	d.regs.know(sara, omid)
	a := d.waitsForCode(sara)
	a.call("POST", a.path("/cancel"), a.token, nil).want(t, enroll.Cancelled)
	if len(forgotten) != 0 {
		t.Errorf("forgotten before anything is erased: %v", forgotten)
	}
	a.call("POST", a.path("/erase"), a.token, nil).want(t, enroll.Erased)
	if at, ok := forgotten[d.ca.Holder(sara.code)]; !ok || len(forgotten) != 1 || !at.Equal(d.clock.now().Truncate(time.Second)) {
		t.Errorf("the applicant erased it: %v", forgotten)
	}
	clear(forgotten)
	issued := d.approved(omid, ca.NaturalSign)
	issued.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	certificates, err := d.ca.OfHolder(t.Context(), d.ca.Holder(omid.code))
	d.must(err)
	again := d.waitsForCode(omid)
	again.call("POST", again.path("/cancel"), again.token, nil).want(t, enroll.Cancelled)
	again.call("POST", again.path("/erase"), again.token, nil).want(t, enroll.Erased)
	if len(forgotten) != 0 {
		t.Errorf("with a certificate that counts: %v", forgotten)
	}
	d.must(d.ca.Revoke(t.Context(), certificates[0].Serial, ca.KeyCompromise, "test"))
	last := d.waitsForCode(omid)
	last.call("POST", last.path("/cancel"), last.token, nil).want(t, enroll.Cancelled)
	d.clock.pass(91 * day)
	d.must(d.Retain(t.Context()))
	last.state().want(t, enroll.Erased)
	if _, ok := forgotten[d.ca.Holder(omid.code)]; !ok {
		t.Errorf("its time was over, and nothing counted any more: %v", forgotten)
	}
}
