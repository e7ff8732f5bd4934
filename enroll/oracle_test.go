package enroll_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/enroll"
)

// unknownDeadAndForeign are people whose phone the applicant does not hold,
// as the registers know them; the applicant types a phone of their own.
func unknownDeadAndForeign() map[string]someone {
	unknown, dead, living := person(1), person(1), person(1)
	unknown.unknown, dead.dead = true, true
	list := map[string]someone{"unknown": unknown, "dead": dead, "living": living}
	for name, p := range list {
		p.types = "+989350000009"
		list[name] = p
	}
	return list
}

func TestWhoHoldsAnotherPhoneLearnsNothingOfThePerson(t *testing.T) {
	call := func(rest string, body any) func(*applicant) reply {
		return func(a *applicant) reply { return a.call("POST", a.path(rest), a.token, body) }
	}
	face := func(session string) func(*applicant) reply {
		return func(a *applicant) reply { return a.face(session) }
	}
	state, refresh := (*applicant).state, (*applicant).refresh
	code := func(a *applicant) reply { return a.code(a.regs.code(a.who.types)) }
	up := func(a *applicant) reply {
		clear(a.regs.down)
		return reply{}
	}
	journeys := []struct {
		name  string
		down  string // register
		steps []func(*applicant) reply
	}{
		{"the code, then a face", "", []func(*applicant) reply{code, state, face("live"), state, call("/cancel", nil), state}},
		{"a face that is another's", "", []func(*applicant) reply{code, face("x"), face("x"), face("x"), face("x"), state}},
		{"a face before the code", "", []func(*applicant) reply{face("live"), state, face("x"), face("x"), face("x"), state, code, face("live"), state}},
		{"the register of phones is down", "mobile", []func(*applicant) reply{code, state, face("live"), face("x"), face("x"), face("x"), refresh, state, up, refresh, face("live"), state}},
		{"the civil register is down", "person", []func(*applicant) reply{code, state, face("live"), refresh, up, refresh, state}},
		{"the register of faces is down", "face", []func(*applicant) reply{face("live"), code, face("live"), state}},
	}
	for _, j := range journeys {
		t.Run(j.name, func(t *testing.T) {
			seen := map[string]string{}
			for name, who := range unknownDeadAndForeign() {
				d := newDesk(t, nil)
				d.regs.know(who)
				if j.down != "" {
					d.regs.set(d.regs.down, j.down, true)
				}
				a := d.apply(who, ca.NaturalSign)
				all := a.whole(a.consent())
				for _, step := range j.steps {
					all += a.whole(step(a))
				}
				if n := d.regs.faces.Load(); n > 0 {
					t.Errorf("the register was asked for %d faces on behalf of who did not prove the phone", n)
				}
				seen[name] = all + fmt.Sprintln(a.tries())
			}
			for name := range seen {
				if diff := cmp.Diff(seen["living"], seen[name]); diff != "" {
					t.Errorf("a %s person is told from a living one:\n%s", name, diff)
				}
			}
		})
	}
}

// whole is an answer without what is chance in it.
func (a *applicant) whole(r reply) string {
	chance := regexp.MustCompile(`a-[0-9a-z]{8,}|"(instance|trace_id|request_id)":"[^"]*"`)
	return fmt.Sprintln(r.status, chance.ReplaceAllString(string(r.raw), "*"))
}

// tries reads from the store what was counted.
func (a *applicant) tries() (tries enroll.Tries) {
	a.tamper(func(rec map[string]any) {
		b, err := json.Marshal(rec["tries"])
		a.must(err)
		a.must(json.Unmarshal(b, &tries))
	})
	return tries
}

func TestAFaceIsLookedAtOnceThePhoneIsProven(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	d.regs.set(d.regs.down, "mobile", true)
	a := d.apply(sara, ca.NaturalSign)
	a.consent()
	a.face("live").refused(t, 409, "phone_unproven")
	a.code(d.regs.code(sara.mobile)).want(t, enroll.Waiting, enroll.NeedRefresh)
	a.face("live").refused(t, 409, "phone_unproven")
	d.regs.set(d.regs.down, "mobile", false)
	a.refresh().want(t, enroll.Collecting, enroll.NeedFace)
	a.face("live").want(t, enroll.Approved, enroll.NeedCSR)
}
