package enroll_test

import (
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
)

func TestAfterALongWaitThePhoneIsProvenAnew(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	d.regs.set(d.regs.down, "person", true)
	a := d.apply(sara, ca.NaturalSign)
	a.consent()
	old := d.regs.code(sara.mobile)
	a.code(old)
	a.face("live").want(t, enroll.Waiting, enroll.NeedRefresh)
	d.regs.set(d.regs.down, "person", false)
	d.clock.pass(2 * time.Hour)
	a.refresh().want(t, enroll.Collecting, enroll.NeedCode)
	a.code(old).refused(t, 403, "code_wrong")
	a.csr(request(t)).refused(t, 409, "application_unapproved")
	a.call("POST", a.path("/otp"), a.token, nil).want(t, enroll.Collecting, enroll.NeedCode)
	a.code(d.regs.code(sara.mobile)).want(t, enroll.Approved, enroll.NeedCSR)
}

func TestStaleEvidenceIsAskedForAgain(t *testing.T) {
	d := newDesk(t, func(c *enroll.Config) {
		c.Policy = policy(t, func(s string) string { return strings.ReplaceAll(s, "otp_sms: 24h", "otp_sms: 10m") })
	})
	sara := person(1)
	d.regs.know(sara)
	a := d.apply(sara, ca.NaturalSign)
	a.consent()
	a.code(d.regs.code(sara.mobile)).want(t, enroll.Collecting, enroll.NeedFace)
	d.clock.pass(11 * time.Minute)
	a.face("live").want(t, enroll.Collecting, enroll.NeedCode)
	a.call("POST", a.path("/otp"), a.token, nil).want(t, enroll.Collecting, enroll.NeedCode)
	a.code(d.regs.code(sara.mobile)).want(t, enroll.Approved, enroll.NeedCSR)
}
