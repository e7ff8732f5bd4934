package enroll_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
)

func TestOfManyFacesAtOnceNoMoreAreLookedAtThanTriesAllow(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.apply(sara, ca.NaturalSign)
	a.consent()
	a.code(d.regs.code(sara.types)).want(t, enroll.Collecting, enroll.NeedFace)
	d.regs.hold = make(chan struct{})
	const many = 20
	var all sync.WaitGroup
	var refused atomic.Int64
	for range many {
		all.Go(func() {
			if r := a.face("somebody else"); r.Code == "face_tries" {
				refused.Add(1)
			} else if r.status < 400 {
				t.Errorf("got %d %s", r.status, r.Stage)
			}
		})
	}
	for d.regs.faces.Load()+refused.Load() < many {
		time.Sleep(time.Millisecond)
	}
	close(d.regs.hold)
	all.Wait()
	if n := d.regs.faces.Load(); n != 3 {
		t.Errorf("%d faces were looked at", n)
	}
	a.state().want(t, enroll.FailedAttempts)
}

// TestAFaceThatIsNeverClearGoesToOfficers: a register that never says yes or
// no must not leave the applicant without an answer.
func TestAFaceThatIsNeverClearGoesToOfficers(t *testing.T) {
	d, address := overHTTP(t)
	who := someone{code: "6357638633", born: "2000-02-29", mobile: "+989373334455", types: "+989373334455"} // 71 percent
	a := d.apply(who, ca.NaturalSign)
	a.consent()
	a.code(lastCode(t, address, who.mobile))
	for range 2 {
		a.face("live").want(t, enroll.Collecting, enroll.NeedFace)
	}
	a.face("live").want(t, enroll.Review)
	a.face("live").refused(t, 409, "application_stage")
	a.nothingIssued()
}
