package enroll_test

import (
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
)

// waitsForCode brings an application to where it wants a code.
func (d *desk) waitsForCode(who someone) *applicant {
	d.t.Helper()
	a := d.apply(who, ca.NaturalSign)
	a.consent().want(d.t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	return a
}

func wrong(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

func TestCodesThatDoNotCount(t *testing.T) {
	d := newDesk(t, nil)
	sara, omid := person(1), person(2)
	d.regs.know(sara, omid)
	a, b := d.waitsForCode(sara), d.waitsForCode(omid)
	codeA, codeB := d.regs.code(sara.mobile), d.regs.code(omid.mobile)
	if codeA == codeB { // one in a million
		codeB = wrong(codeA)
	}
	tests := []struct {
		name, code string
		before     time.Duration
	}{
		{"a wrong one", wrong(codeA), 0},
		{"another application's", codeB, 0},
		{"none", "", 0},
		{"one with a digit too many", codeA + "1", 0},
		{"one of another script", "१२३४५६", 0},
		{"one eleven minutes old", codeA, 11 * time.Minute},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			d.clock.pass(tc.before)
			a.code(tc.code).refused(t, 403, "code_wrong")
			a.state().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
		})
	}
	b.code(d.regs.code(omid.mobile)).refused(t, 403, "code_wrong") // too old by now
}

func TestACodeInPersianDigitsCounts(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.waitsForCode(sara)
	persian := ""
	for _, c := range d.regs.code(sara.mobile) {
		persian += string(c - '0' + '۰')
	}
	a.code(persian).want(t, enroll.Collecting, enroll.NeedFace)
}

func TestParallelWrongGuessesEndTheApplication(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.waitsForCode(sara)
	code := d.regs.code(sara.mobile)
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() { a.code(wrong(code)) })
	}
	all.Wait()
	// The right one comes too late: the session has failed.
	a.code(code).refused(t, 409, "application_failed")
	a.state().want(t, enroll.FailedAttempts)
}

func TestFiveWrongGuessesSpoilTheCodeNotTheApplication(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.waitsForCode(sara)
	code := d.regs.code(sara.mobile)
	for range 5 {
		a.code(wrong(code)).refused(t, 403, "code_wrong")
	}
	a.code(code).refused(t, 403, "code_wrong")
	a.call("POST", a.path("/otp"), a.token, nil).want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	a.code(d.regs.code(sara.mobile)).want(t, enroll.Collecting, enroll.NeedFace)
}

func TestCodesAreNotSentWithoutEnd(t *testing.T) {
	d := newDesk(t, func(c *enroll.Config) { c.Limits.PerMobile = 4 })
	sara := person(1)
	d.regs.know(sara)
	a := d.waitsForCode(sara)
	send := func() reply { return a.call("POST", a.path("/otp"), a.token, nil) }
	send()
	send()
	send().refused(t, 429, "code_sends") // three in a quarter of an hour to one application
	other := d.apply(sara, ca.NaturalSign)
	other.consent() // the limit of the phone counts over all applications
	if r := other.call("POST", other.path("/otp"), other.token, nil); r.status != 429 {
		t.Errorf("got %d %s", r.status, r.Code)
	}
	d.clock.pass(23 * time.Hour)
	if r := other.call("POST", other.path("/otp"), other.token, nil); r.Code != "enroll_limit" {
		t.Errorf("got %d %s, want the phone's limit", r.status, r.Code)
	}
}
