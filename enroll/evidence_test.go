package enroll_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/enroll"
	"mohr/internal/fault"
	"mohr/internal/gateway"
)

func TestPeopleTheRegistersDoNotVouchForAreRejected(t *testing.T) {
	with := func(edit func(*someone)) someone {
		p := person(2)
		edit(&p)
		return p
	}
	tests := []struct {
		name string
		who  someone
		rule string // that fails in the trace; "" when nothing may be shown
	}{
		{"a dead person", with(func(p *someone) { p.dead = true }), "civil_registry.alive"},
		{"a minor", with(func(p *someone) { p.born = "2010-01-01" }), "civil_registry.adult"},
		{"an unknown person", with(func(p *someone) { p.unknown = true }), ""},
		{"another's phone", with(func(p *someone) { p.types = "+989350000001" }), ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			d := newDesk(t, nil)
			d.regs.know(tc.who)
			a := d.apply(tc.who, ca.NaturalSign)
			a.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
			code := d.regs.code(tc.who.types)
			if code == "" {
				t.Fatal("no code was sent, which tells an outsider what the register knows")
			}
			r := a.code(code).want(t, enroll.Rejected)
			failed := slices.ContainsFunc(r.Trace, func(s evidence.Step) bool { return s.Rule == tc.rule && s.Outcome == "fail" })
			if tc.rule == "" && len(r.Trace) > 0 {
				t.Errorf("the trace is shown to who did not prove the phone: %v", r.Trace)
			}
			if tc.rule != "" && !failed {
				t.Errorf("the trace does not say %s: %v", tc.rule, r.Trace)
			}
			if a.csr(request(t)).status != 409 {
				t.Error("a key was taken")
			}
			a.nothingIssued()
		})
	}
}

func TestTheOutsideLooksTheSameForEverybodyUntilThePhoneIsProven(t *testing.T) {
	known, dead, unknown, foreign := person(1), person(2), person(3), person(4)
	dead.dead, unknown.unknown, foreign.types = true, true, "+989350000009"
	var first []byte
	for _, who := range []someone{known, dead, unknown, foreign} {
		d := newDesk(t, nil)
		d.regs.know(who)
		a := d.apply(who, ca.NaturalSign)
		r := a.consent()
		var seen map[string]any
		d.must(json.Unmarshal(r.raw, &seen))
		delete(seen, "id")
		delete(seen, "$schema")
		got, err := json.Marshal(seen)
		d.must(err)
		if first == nil {
			first = got
		}
		if diff := cmp.Diff(string(first), string(got)); diff != "" {
			t.Errorf("the answer to consent tells people apart:\n%s", diff)
		}
	}
}

func TestWithoutFaceMatchThereIsNoSignature(t *testing.T) {
	t.Run("a policy with such a set is refused at load", func(t *testing.T) {
		_, err := evidence.ParsePolicy([]byte(strings.ReplaceAll(policyText(t), ", face_match]", "]")))
		if !errors.Is(err, fault.Invalid) {
			t.Errorf("the policy was taken: %v", err)
		}
	})
	t.Run("an application without it gets no certificate", func(t *testing.T) {
		d := newDesk(t, nil)
		sara := person(1)
		d.regs.know(sara)
		a := d.apply(sara, ca.NaturalSign)
		a.consent()
		a.code(d.regs.code(sara.mobile)).want(t, enroll.Collecting, enroll.NeedFace)
		a.csr(request(t)).refused(t, 409, "application_unapproved")
		a.state().want(t, enroll.Collecting, enroll.NeedFace)
		a.nothingIssued()
	})
	t.Run("a few wrong faces end it", func(t *testing.T) {
		d := newDesk(t, nil)
		sara := person(1)
		d.regs.know(sara)
		a := d.apply(sara, ca.NaturalSign)
		a.consent()
		a.code(d.regs.code(sara.mobile))
		for range 3 {
			a.face("somebody else").refused(t, 403, "face_mismatch")
		}
		a.face("live").refused(t, 409, "application_failed")
		a.state().want(t, enroll.FailedAttempts)
	})
}

func policyText(t *testing.T) string {
	t.Helper()
	var text string
	policy(t, func(s string) string { text = s; return s + "\n" })
	return text
}

func TestARegisterThatIsDownMakesTheApplicationWait(t *testing.T) {
	for _, what := range []string{"person", "mobile"} {
		t.Run(what, func(t *testing.T) {
			d := newDesk(t, nil)
			sara := person(1)
			d.regs.know(sara)
			d.regs.set(d.regs.down, what, true)
			a := d.apply(sara, ca.NaturalSign)
			a.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
			a.code(d.regs.code(sara.mobile))
			if what != "mobile" { // else no face is compared: whose phone it is is not known
				a.face("live")
			}
			a.state().want(t, enroll.Waiting, enroll.NeedRefresh)
			a.csr(request(t)).refused(t, 409, "application_unapproved")
			a.refresh().want(t, enroll.Waiting, enroll.NeedRefresh)
			asked := d.regs.asked
			a.state().want(t, enroll.Waiting, enroll.NeedRefresh)
			if d.regs.asked != asked {
				t.Error("looking at the state asked a register")
			}
			a.nothingIssued()
			d.regs.set(d.regs.down, what, false)
			if r := a.refresh(); what == "mobile" {
				r.want(t, enroll.Collecting, enroll.NeedFace)
				a.face("live")
			}
			a.refresh().want(t, enroll.Approved, enroll.NeedCSR)
			a.refresh().want(t, enroll.Approved, enroll.NeedCSR)
			a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
		})
	}
	t.Run("face", func(t *testing.T) {
		d := newDesk(t, nil)
		sara := person(1)
		d.regs.know(sara)
		a := d.apply(sara, ca.NaturalSign)
		a.consent()
		a.code(d.regs.code(sara.mobile))
		d.regs.set(d.regs.down, "face", true)
		for range 4 { // what was not looked at is no try
			a.face("live").refused(t, 503, "face_unavailable")
		}
		a.state().want(t, enroll.Collecting, enroll.NeedFace)
		d.regs.set(d.regs.down, "face", false)
		a.face("live").want(t, enroll.Approved, enroll.NeedCSR)
	})
	t.Run("the phone network at consent", func(t *testing.T) {
		d := newDesk(t, nil)
		sara := person(1)
		d.regs.know(sara)
		d.regs.set(d.regs.down, "sms", true)
		a := d.apply(sara, ca.NaturalSign)
		a.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
		d.regs.set(d.regs.down, "sms", false)
		a.call("POST", a.path("/otp"), a.token, nil).want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
		a.code(d.regs.code(sara.mobile)).want(t, enroll.Collecting, enroll.NeedFace)
	})
}

func TestARegisterThatContradictsItselfGoesToReview(t *testing.T) {
	for _, what := range []string{"person", "mobile"} {
		t.Run(what, func(t *testing.T) {
			d := newDesk(t, nil)
			sara := person(1)
			d.regs.know(sara)
			d.regs.set(d.regs.contradict, what, true)
			a := d.apply(sara, ca.NaturalSign)
			a.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
			a.code(d.regs.code(sara.mobile))
			if what != "mobile" {
				a.face("live")
			}
			a.state().want(t, enroll.Review)
			d.regs.set(d.regs.contradict, what, false)
			a.refresh().want(t, enroll.Review) // asking until the answer pleases is no way out
			a.csr(request(t)).refused(t, 409, "application_unapproved")
			a.nothingIssued()
		})
	}
}

func TestASIMChangedTwoDaysAgoGoesToReview(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	sara.simChanged = 2
	d.regs.know(sara)
	a := d.apply(sara, ca.NaturalSign)
	a.consent()
	a.code(d.regs.code(sara.mobile))
	a.face("live").want(t, enroll.Review)
	a.nothingIssued()
}

func TestOrganisations(t *testing.T) {
	active := gateway.Legal{LegalID: "14003456780", Name: "شرکت نمونه", Status: "active"}
	signs := func(alone bool) []gateway.Signatory {
		return []gateway.Signatory{{NationalCode: person(1).code, Role: "مدیرعامل", Alone: alone}}
	}
	tests := []struct {
		name  string
		legal func() gateway.Legal
		stage enroll.Stage
	}{
		{"who signs alone gets a certificate", func() gateway.Legal { l := active; l.Signatories = signs(true); return l }, enroll.Approved},
		{"a joint signatory alone does not", func() gateway.Legal { l := active; l.Signatories = signs(false); return l }, enroll.Rejected},
		{"a stranger does not", func() gateway.Legal { return active }, enroll.Rejected},
		{"a dissolved company has no signatures", func() gateway.Legal { l := active; l.Signatories = signs(true); l.Status = "dissolved"; return l }, enroll.Rejected},
		{"an unknown company has no signatures", func() gateway.Legal { return gateway.Legal{} }, enroll.Rejected},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			d := newDesk(t, nil)
			sara := person(1)
			d.regs.know(sara)
			d.regs.legal = tc.legal()
			a := d.apply(sara, ca.OrganisationSign)
			a.consent()
			if tc.stage == enroll.Rejected {
				a.code(d.regs.code(sara.mobile)).want(t, enroll.Rejected)
				a.nothingIssued()
				return
			}
			a.code(d.regs.code(sara.mobile))
			a.face("live").want(t, enroll.Approved, enroll.NeedCSR)
			leaf := parseChain(t, []byte(a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate).Certificate))[0]
			if !slices.Equal(leaf.Subject.Organization, []string{"شرکت نمونه"}) {
				t.Errorf("the certificate says %s", leaf.Subject)
			}
		})
	}
}

func TestSimulatedEvidenceNeverServesAProductionPolicy(t *testing.T) {
	production := func(s string) string {
		s = strings.Replace(s, "environment: simulated", "environment: production", 1)
		return strings.ReplaceAll(s, "2.999.1.", "1.3.6.1.4.1.99999.1.")
	}
	d := newDesk(t, func(c *enroll.Config) { c.Policy = policy(t, production) })
	sara := person(1)
	d.regs.know(sara)
	a := d.apply(sara, ca.NaturalSign)
	a.consent()
	a.code(d.regs.code(sara.mobile)).want(t, enroll.Rejected)
	a.nothingIssued()
}
