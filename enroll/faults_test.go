package enroll_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
)

// goOn takes the steps that the application wants next, until it ends, waits
// or wants the same again.
func (a *applicant) goOn(address string) reply {
	a.t.Helper()
	for range 8 {
		r := a.state()
		if len(r.Needs) == 0 {
			return r
		}
		var after reply
		switch r.Needs[0] {
		case enroll.NeedConsent:
			after = a.consent()
		case enroll.NeedCode:
			if len(outbox(a.t, address, a.who.mobile)) == 0 {
				a.call("POST", a.path("/otp"), a.token, nil)
			}
			if len(outbox(a.t, address, a.who.mobile)) == 0 {
				return r
			}
			after = a.code(lastCode(a.t, address, a.who.mobile))
		case enroll.NeedFace:
			after = a.face("live")
		case enroll.NeedCSR:
			after = a.csr(request(a.t))
		default: // waits for a register, or has its certificate
			return r
		}
		if after.status >= 300 {
			return a.state()
		}
	}
	a.t.Fatal("the application goes in circles")
	return reply{}
}

// TestEachDependencyMisbehavesAndNothingIsLostOrDecidedWrongly lets each
// register be down, slow, flapping and lying while one application needs it,
// and then well again.
func TestEachDependencyMisbehavesAndNothingIsLostOrDecidedWrongly(t *testing.T) {
	const (
		person, mobile, legal, face, sms = "/v1/person/inquiry", "/v1/mobile/match", "/v1/legal/inquiry", "/v1/face/match", "/v1/sms"

		down = `"mode":"down"`
		slow = `"mode":"slow","delay":"1m"` // longer than patience
		late = `"mode":"slow","delay":"1s"` // within it
		flap = `"mode":"flap"`
		lie  = `"mode":"lie"` // every second answer is the opposite
		lies = `"mode":"lie","rate":1`
	)
	waits, collects := enroll.Waiting, enroll.Collecting
	tests := []struct {
		route, fault string
		during       enroll.Stage // with the fault
		after        enroll.Stage // once it is over
	}{
		{person, down, waits, enroll.Issued},
		{person, slow, waits, enroll.Issued},
		{person, late, enroll.Issued, enroll.Issued},
		{person, flap, enroll.Issued, enroll.Issued},
		{person, lie, enroll.Review, enroll.Review},
		{mobile, down, waits, enroll.Issued},
		{mobile, slow, waits, enroll.Issued},
		{mobile, flap, enroll.Issued, enroll.Issued},
		{mobile, lie, enroll.Review, enroll.Review},
		{legal, down, waits, enroll.Issued},
		{legal, slow, waits, enroll.Issued},
		{legal, flap, enroll.Issued, enroll.Issued},
		{legal, lie, enroll.Review, enroll.Review},
		{face, down, collects, enroll.Issued},
		{face, slow, collects, enroll.Issued},
		{face, flap, enroll.Issued, enroll.Issued},
		{face, lie, enroll.Review, enroll.Review},
		{sms, down, collects, enroll.Issued},
		{sms, slow, collects, enroll.Issued},
		{sms, flap, enroll.Issued, enroll.Issued}, // asked again by the applicant
		// What a register says twice is its word: the person hears why, and the
		// next application finds the register well.
		{person, lies, enroll.Rejected, enroll.Rejected},
		{mobile, lies, enroll.Rejected, enroll.Rejected},
		{legal, lies, enroll.Rejected, enroll.Rejected},
		{face, lies, collects, enroll.Issued},
	}
	for _, tc := range tests {
		t.Run(strings.Trim(strings.ReplaceAll(tc.route+" "+tc.fault, `"`, ""), "/"), func(t *testing.T) {
			t.Parallel()
			patience := 30 * time.Second
			if tc.fault == slow {
				patience = 3 * time.Second
			}
			d, address := overHTTPWithin(t, patience)
			profile := ca.NaturalSign
			if tc.route == legal {
				profile = ca.OrganisationSign
			}
			post(t, address, `{"route":"`+tc.route+`",`+tc.fault+`}`)
			a := d.apply(zahra(), profile)
			if r := a.goOn(address); r.Stage != tc.during {
				t.Fatalf("with the fault the stage is %s %v, want %s", r.Stage, r.Needs, tc.during)
			}
			if tc.during != enroll.Issued {
				a.nothingIssued()
			}
			post(t, address, `{"route":"*","mode":"none"}`)
			post(t, address, `{"route":"`+tc.route+`","mode":"none"}`)
			d.clock.pass(2 * time.Minute)
			d.must(d.Resume(t.Context())) // who waited for a register goes on by themselves
			if r := a.state(); slices.Contains(r.Needs, enroll.NeedRefresh) {
				t.Errorf("the application still waits: %s", r.raw)
			}
			if r := a.goOn(address); r.Stage != tc.after {
				t.Fatalf("after the fault the stage is %s %v, want %s", r.Stage, r.Needs, tc.after)
			}
			if tc.after == enroll.Rejected {
				a.nothingIssued()
				if r := d.apply(zahra(), profile).again(address); r.Stage != enroll.Issued {
					t.Errorf("the next application ends at %s %v", r.Stage, r.Needs)
				}
			}
		})
	}
}

// again is goOn for a phone that has had codes before.
func (a *applicant) again(address string) reply {
	a.t.Helper()
	a.consent()
	return a.goOn(address)
}

// TestOneLyingRegisterLetsNobodyIn has a register say of a thief, and say it
// twice, what the thief needs: the other proofs still stand in the way.
func TestOneLyingRegisterLetsNobodyIn(t *testing.T) {
	thiefsPhone := "+989901112233" // of somebody else in the people file
	t.Run("the phone's register says that the thief's phone is the victim's", func(t *testing.T) {
		d, address := overHTTP(t)
		who := zahra()
		who.types, who.mobile = thiefsPhone, thiefsPhone
		post(t, address, `{"route":"/v1/mobile/match","mode":"lie","rate":1}`)
		post(t, address, `{"route":"/v1/face/match","mode":"lie","rate":1}`) // finds another face than the victim's
		a := d.apply(who, ca.NaturalSign)
		a.consent()
		a.code(lastCode(t, address, thiefsPhone)).want(t, enroll.Collecting, enroll.NeedFace)
		for range 3 {
			a.face("live").refused(t, 403, "face_mismatch")
		}
		a.state().want(t, enroll.FailedAttempts)
		a.nothingIssued()
	})
	t.Run("the picture's register says that the thief's face is the victim's", func(t *testing.T) {
		d, address := overHTTP(t)
		who := zahra()
		who.types, who.mobile = thiefsPhone, thiefsPhone
		a := d.apply(who, ca.NaturalSign)
		a.consent()
		a.code(lastCode(t, address, thiefsPhone)).want(t, enroll.Rejected)
		a.face("live").refused(t, 409, "application_ended")
		a.nothingIssued()
	})
}
