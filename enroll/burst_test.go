package enroll_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
)

func TestManyConsentsAtOnceAreOneQuestionAndOneCode(t *testing.T) {
	d := newDesk(t, func(c *enroll.Config) { c.Limits.PerMobile = 4 })
	sara := person(1)
	d.regs.know(sara)
	a := d.apply(sara, ca.NaturalSign)
	atOnce(40, func() {
		if r := a.consent(); r.status != http.StatusOK || r.Stage != enroll.Consented && r.Stage != enroll.Collecting {
			t.Errorf("got %d %s %s", r.status, r.Stage, r.raw)
		}
	})
	a.state().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	if n := d.regs.notices(sara.mobile, ""); n != 1 {
		t.Errorf("%d codes were sent", n)
	}
	if d.regs.asked != 2 {
		t.Errorf("%d questions were put to the registers", d.regs.asked)
	}
	// Of these, two are sent and the others refused for this application.
	var sent atomic.Int64
	send := func() reply { return a.call("POST", a.path("/otp"), a.token, nil) }
	atOnce(40, func() {
		if send().status == http.StatusOK {
			sent.Add(1)
		}
	})
	for sent.Load() < 2 { // what was under way held the phone's limit for a moment
		send().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
		sent.Add(1)
	}
	if n := d.regs.notices(sara.mobile, ""); n != 3 {
		t.Errorf("%d codes were sent", n)
	}
	d.clock.pass(16 * time.Minute)
	send().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	d.clock.pass(16 * time.Minute)
	send().refused(t, 429, "enroll_limit")
}

func TestACodeThatCouldNotBeSentIsNotCounted(t *testing.T) {
	d := newDesk(t, func(c *enroll.Config) { c.Limits.PerMobile = 1 })
	sara := person(1)
	d.regs.know(sara)
	d.regs.set(d.regs.down, "sms", true)
	a := d.apply(sara, ca.NaturalSign)
	a.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	a.call("POST", a.path("/otp"), a.token, nil).refused(t, 503, "registry_unavailable")
	d.regs.set(d.regs.down, "sms", false)
	a.call("POST", a.path("/otp"), a.token, nil).want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	a.call("POST", a.path("/otp"), a.token, nil).refused(t, 429, "enroll_limit")
}

func TestAFirstCodeThatACrashSwallowedIsSentByTheJob(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	d.regs.set(d.regs.down, "sms", true)
	a := d.apply(sara, ca.NaturalSign)
	a.consent()
	d.regs.set(d.regs.down, "sms", false)
	a.must(a.addWork("collect")) // as a crash leaves it, before the sending
	d.must(d.Resume(t.Context()))
	if n := d.regs.notices(sara.mobile, ""); n != 0 {
		t.Errorf("the job took over from a request that may be at it still: %d codes", n)
	}
	d.clock.pass(time.Minute)
	d.must(d.Resume(t.Context()))
	d.must(d.Resume(t.Context()))
	d.clock.pass(time.Minute)
	d.must(d.Resume(t.Context()))
	if n := d.regs.notices(sara.mobile, ""); n != 1 {
		t.Errorf("%d codes were sent", n)
	}
	a.code(d.regs.code(sara.mobile)).want(t, enroll.Collecting, enroll.NeedFace)
}

func TestAnOutsiderLocksANationalCodeForAnHourAtMost(t *testing.T) {
	d := newDesk(t, func(c *enroll.Config) { c.Limits.PerPerson = 2 })
	sara := person(1)
	d.regs.know(sara)
	outsider := sara
	outsider.types = "+989350000009"
	try := func() reply {
		return d.call("POST", "/applications", "", map[string]any{"profile": ca.NaturalSign,
			"person": map[string]string{"national_code": sara.code, "birth_date": sara.born, "mobile": sara.mobile}})
	}
	for range 2 { // with a code on a phone of their own
		a := d.apply(outsider, ca.NaturalSign)
		a.consent()
		a.code(d.regs.code(outsider.types))
	}
	try().refused(t, 429, "enroll_limit")
	d.clock.pass(time.Hour)
	for range 2 { // the person, who proves the phone
		a := d.apply(sara, ca.NaturalSign)
		a.consent()
		a.code(d.regs.code(sara.mobile)).want(t, enroll.Collecting, enroll.NeedFace)
	}
	d.clock.pass(2 * time.Hour)
	try().refused(t, 429, "enroll_limit")
	d.clock.pass(22 * time.Hour)
	d.apply(sara, ca.NaturalSign)
}

// atOnce runs fn in n goroutines.
func atOnce(n int, fn func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(fn)
	}
	all.Wait()
}
