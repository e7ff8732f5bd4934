package evidence_test

import (
	"slices"
	"testing"
	"time"

	"mohr/ca/evidence"
)

// ruleCase is a case, the outcome and the rule that brings it about.
type ruleCase struct {
	name    string
	profile string // "": natural-sign
	home    evidence.KeyHome
	policy  []string // edits of the default policy
	records []evidence.Record
	renewal *evidence.Renewal
	want    evidence.Outcome
	rule    string
	outcome string
}

func (c ruleCase) decide(t *testing.T) evidence.Decision {
	t.Helper()
	p, err := evidence.ParsePolicy(policyWith(t, c.policy...))
	if err != nil {
		t.Fatal(err)
	}
	if c.profile == "" {
		c.profile = "natural-sign"
	}
	if c.home == "" {
		c.home = evidence.Software
	}
	return p.Evaluate(evidence.Case{Profile: c.profile, Home: c.home, Records: c.records, Renewal: c.renewal}, now)
}

func allDecisions(t *testing.T) map[string]evidence.Decision {
	all := map[string]evidence.Decision{}
	for _, c := range slices.Concat(enrollmentCases(), registerCases(), renewalCases(), mandateCases()) {
		all[c.name] = c.decide(t)
	}
	return all
}

func runRules(t *testing.T, cases []ruleCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := c.decide(t)
			if d.Outcome() != c.want || stepOf(d, c.rule) != c.outcome {
				t.Errorf("got %s, %s %q; want %s, %q\n%+v", d.Outcome(), c.rule, stepOf(d, c.rule), c.want, c.outcome, d.Trace())
			}
			if c.want != evidence.Approved && d.Identity() != (evidence.Identity{}) {
				t.Error("a decision that is no approval names a subject")
			}
		})
	}
}

func with(records []evidence.Record, more ...evidence.Record) []evidence.Record {
	return append(slices.Clone(records), more...)
}

func again(t evidence.Type, f func(*evidence.Record)) []evidence.Record {
	i := slices.IndexFunc(signatory(), func(r evidence.Record) bool { return r.Type == t })
	r := signatory()[i]
	r.ID += "-2"
	f(&r)
	return with(signatory(), r)
}

func enrollmentCases() []ruleCase {
	result := func(r evidence.Result) func(*evidence.Record) {
		return func(e *evidence.Record) { e.Result = r }
	}
	at := func(d time.Duration) func(*evidence.Record) {
		return func(e *evidence.Record) { e.CheckedAt = now.Add(d) }
	}
	sets := []string{"        - [civil_registry, mobile_ownership, otp_sms, face_match]\n", "        - [civil_registry, mobile_ownership, otp_sms, face_match]\n        - [civil_registry, face_match]\n"}
	production := []string{"environment: simulated", "environment: production", "2.999.1.", "1.3.6.1.4.1.99999."}
	real := func(records []evidence.Record) []evidence.Record {
		for i := range records {
			records[i].Environment = evidence.Production
		}
		return records
	}
	return []ruleCase{
		{name: "an unknown profile is rejected", profile: "root-ca", records: natural(), want: evidence.Rejected, rule: "profile.known", outcome: "fail"},
		{name: "a home that the profile does not name is rejected", home: "cloud", records: natural(), want: evidence.Rejected, rule: "home.allowed", outcome: "fail"},
		{name: "no evidence at all waits", want: evidence.Waiting, rule: "set.complete", outcome: "wait"},
		{name: "simulated evidence under a production policy is rejected", policy: production, records: natural(), want: evidence.Rejected, rule: "environment.allowed", outcome: "fail"},
		{name: "one simulated record among real ones is rejected", policy: production, records: with(real(natural()), record(evidence.CertSignature, evidence.Claims{})), want: evidence.Rejected, rule: "environment.allowed", outcome: "fail"},
		{name: "evidence of no environment under a production policy is rejected", policy: production, records: edit(real(natural()), evidence.FaceMatch, func(e *evidence.Record) { e.Environment = "" }), want: evidence.Rejected, rule: "environment.allowed", outcome: "fail"},
		{name: "real evidence under a production policy is approved", policy: production, records: real(natural()), want: evidence.Approved, rule: "environment.allowed", outcome: "pass"},
		{name: "a register that is down makes the case wait", records: edit(natural(), evidence.CivilRegistry, result(evidence.Unavailable)), want: evidence.Waiting, rule: "civil_registry.fresh", outcome: "wait"},
		{name: "down first, answered later is approved", profile: "organisation-sign", records: again(evidence.CivilRegistry, result(evidence.Unavailable)), want: evidence.Approved, rule: "civil_registry.result", outcome: "pass"},
		{name: "a source that is down and not needed does not matter", policy: sets, records: edit(natural(), evidence.MobileOwnership, result(evidence.Unavailable)), want: evidence.Approved, rule: "set.complete", outcome: "pass"},
		{name: "a mismatch is rejected", records: edit(natural(), evidence.MobileOwnership, result(evidence.Mismatch)), want: evidence.Rejected, rule: "mobile_ownership.result", outcome: "fail"},
		{name: "a mismatch of what is not needed is rejected too", policy: sets, records: edit(natural(), evidence.MobileOwnership, result(evidence.Mismatch)), want: evidence.Rejected, rule: "mobile_ownership.result", outcome: "fail"},
		{name: "an old mismatch does not fade", records: edit(natural(), evidence.FaceMatch, func(e *evidence.Record) { e.Result, e.CheckedAt = evidence.Mismatch, now.Add(-1000*time.Hour) }), want: evidence.Rejected, rule: "face_match.result", outcome: "fail"},
		{name: "yes and no from one source go to review", profile: "organisation-sign", records: again(evidence.FaceMatch, result(evidence.Mismatch)), want: evidence.Review, rule: "face_match.result", outcome: "review"},
		{name: "an unclear answer goes to review", records: edit(natural(), evidence.CivilRegistry, result(evidence.Inconclusive)), want: evidence.Review, rule: "civil_registry.result", outcome: "review"},
		{name: "an unclear answer beside a clear one goes to review", profile: "organisation-sign", records: again(evidence.LegalRegistry, result(evidence.Inconclusive)), want: evidence.Review, rule: "legal_registry.result", outcome: "review"},
		{name: "a result that does not exist is rejected", records: edit(natural(), evidence.FaceMatch, result("sure")), want: evidence.Rejected, rule: "face_match.result", outcome: "fail"},
		{name: "two matches that name two people go to review", profile: "organisation-sign", records: again(evidence.CivilRegistry, func(e *evidence.Record) { e.Claims.LastName = "احمدی" }), want: evidence.Review, rule: "civil_registry.consistent", outcome: "review"},
		{name: "alive and dead go to review at least", profile: "organisation-sign", records: again(evidence.CivilRegistry, func(e *evidence.Record) { e.Claims.Alive, e.CheckedAt = &no, now.Add(-time.Hour) }), want: evidence.Review, rule: "civil_registry.consistent", outcome: "review"},
		{name: "two matches in two spellings agree", profile: "organisation-sign", records: again(evidence.CivilRegistry, func(e *evidence.Record) { e.Claims.LastName = "کریمي" }), want: evidence.Approved, rule: "civil_registry.consistent", outcome: ""},
		{name: "evidence at its age counts", records: edit(natural(), evidence.FaceMatch, at(-24*time.Hour)), want: evidence.Approved, rule: "face_match.fresh", outcome: ""},
		{name: "evidence a second over its age waits", records: edit(natural(), evidence.FaceMatch, at(-24*time.Hour-time.Second)), want: evidence.Waiting, rule: "face_match.fresh", outcome: "wait"},
		{name: "evidence from five seconds ahead counts", records: edit(natural(), evidence.FaceMatch, at(5*time.Second)), want: evidence.Approved, rule: "face_match.fresh", outcome: ""},
		{name: "evidence from the future waits", records: edit(natural(), evidence.FaceMatch, at(6*time.Second)), want: evidence.Waiting, rule: "face_match.fresh", outcome: "wait"},
		{name: "evidence without a time waits", records: edit(natural(), evidence.FaceMatch, func(e *evidence.Record) { e.CheckedAt = time.Time{} }), want: evidence.Waiting, rule: "face_match.fresh", outcome: "wait"},
		{name: "evidence that ends now waits", records: edit(natural(), evidence.FaceMatch, func(e *evidence.Record) { e.ValidTo = now }), want: evidence.Waiting, rule: "face_match.fresh", outcome: "wait"},
		{name: "a face of an earlier application counts as long as the policy says", records: edit(natural(), evidence.FaceMatch, func(e *evidence.Record) { e.Earlier, e.CheckedAt = "a-hash", now.Add(-90*24*time.Hour) }), want: evidence.Approved, rule: "set.complete", outcome: "pass"},
		{name: "a face of an earlier application that is too old waits", records: edit(natural(), evidence.FaceMatch, func(e *evidence.Record) {
			e.Earlier, e.CheckedAt = "a-hash", now.Add(-90*24*time.Hour-time.Second)
		}), want: evidence.Waiting, rule: "face_match.fresh", outcome: "wait"},
		{name: "a face of an earlier application waits where the policy takes none", policy: []string{"known: {face_match: 90d}", "known: {}"}, records: edit(natural(), evidence.FaceMatch, func(e *evidence.Record) { e.Earlier, e.CheckedAt = "a-hash", now }), want: evidence.Waiting, rule: "face_match.fresh", outcome: "wait"},
		{name: "a register's answer of an earlier application waits", records: edit(natural(), evidence.CivilRegistry, func(e *evidence.Record) { e.Earlier = "a-hash" }), want: evidence.Waiting, rule: "civil_registry.fresh", outcome: "wait"},
		{name: "a face below the threshold goes to review", records: edit(natural(), evidence.FaceMatch, func(e *evidence.Record) { e.Claims.ScorePercent = 79 }), want: evidence.Review, rule: "face_match.score", outcome: "review"},
		{name: "a face without a score goes to review", records: edit(natural(), evidence.FaceMatch, func(e *evidence.Record) { e.Claims.ScorePercent = 0 }), want: evidence.Review, rule: "face_match.score", outcome: "review"},
		{name: "a better second try of the face counts", profile: "organisation-sign", records: again(evidence.FaceMatch, func(e *evidence.Record) { e.Claims.ScorePercent = 60 }), want: evidence.Approved, rule: "face_match.score", outcome: ""},
	}
}

func registerCases() []ruleCase {
	civil := func(f func(*evidence.Claims)) []evidence.Record {
		return edit(natural(), evidence.CivilRegistry, func(e *evidence.Record) { f(&e.Claims) })
	}
	claims := func(t evidence.Type, f func(*evidence.Claims)) []evidence.Record {
		return edit(signatory(), t, func(e *evidence.Record) { f(&e.Claims) })
	}
	const org = "organisation-sign"
	return []ruleCase{
		{name: "the dead are rejected", records: civil(func(c *evidence.Claims) { c.Alive = &no }), want: evidence.Rejected, rule: "civil_registry.alive", outcome: "fail"},
		{name: "a register that is silent about death goes to review", records: civil(func(c *evidence.Claims) { c.Alive = nil }), want: evidence.Review, rule: "civil_registry.alive", outcome: "review"},
		{name: "a minor is rejected", records: civil(func(c *evidence.Claims) { c.BirthDate = "2008-12-02" }), want: evidence.Rejected, rule: "civil_registry.adult", outcome: "fail"},
		{name: "eighteen today is of age", records: civil(func(c *evidence.Claims) { c.BirthDate = "2008-12-01" }), want: evidence.Approved, rule: "civil_registry.adult", outcome: "pass"},
		{name: "no date of birth goes to review", records: civil(func(c *evidence.Claims) { c.BirthDate = "" }), want: evidence.Review, rule: "civil_registry.adult", outcome: "review"},
		{name: "a code that does not hold is rejected", records: civil(func(c *evidence.Claims) { c.NationalCode = "0012345678" }), want: evidence.Rejected, rule: "civil_registry.code", outcome: "fail"},
		{name: "a bidi control in the register's name goes to review", records: civil(func(c *evidence.Claims) { c.FirstName = "علی\u202eرضا" }), want: evidence.Review, rule: "civil_registry.names", outcome: "review"},
		{name: "a register without a surname goes to review", records: civil(func(c *evidence.Claims) { c.LastName = "" }), want: evidence.Review, rule: "civil_registry.names", outcome: "review"},
		{name: "another person's face is rejected", records: claims(evidence.FaceMatch, func(c *evidence.Claims) { c.NationalCode = "0499370899" }), profile: org, want: evidence.Rejected, rule: "person.one", outcome: "fail"},
		{name: "nobody's face is rejected", records: claims(evidence.FaceMatch, func(c *evidence.Claims) { c.NationalCode = "" }), profile: org, want: evidence.Rejected, rule: "person.one", outcome: "fail"},
		{name: "another person's mobile is rejected", records: claims(evidence.MobileOwnership, func(c *evidence.Claims) { c.NationalCode = "0499370899" }), profile: org, want: evidence.Rejected, rule: "person.one", outcome: "fail"},
		{name: "a name that differs between sources goes to review", records: claims(evidence.LegalRegistry, func(c *evidence.Claims) { c.LastName = "احمدی" }), profile: org, want: evidence.Review, rule: "person.names_agree", outcome: "review"},
		{name: "a name in another spelling agrees", records: claims(evidence.LegalRegistry, func(c *evidence.Claims) { c.FirstName, c.LastName = "علیرضا", "کریمي" }), profile: org, want: evidence.Approved, rule: "person.names_agree", outcome: "pass"},
		{name: "a code sent to another number is rejected", records: claims(evidence.OTPSMS, func(c *evidence.Claims) { c.Mobile = "+989121234568" }), profile: org, want: evidence.Rejected, rule: "otp_sms.number", outcome: "fail"},
		{name: "a code sent nowhere is rejected", records: claims(evidence.OTPSMS, func(c *evidence.Claims) { c.Mobile = "" }), profile: org, want: evidence.Rejected, rule: "otp_sms.number", outcome: "fail"},
		{name: "a register without a number is rejected", records: claims(evidence.MobileOwnership, func(c *evidence.Claims) { c.Mobile = "" }), profile: org, want: evidence.Rejected, rule: "mobile_ownership.number", outcome: "fail"},
		{name: "a SIM changed two days ago goes to review", records: claims(evidence.MobileOwnership, func(c *evidence.Claims) { c.SIMChangedDays = days(2) }), profile: org, want: evidence.Review, rule: "mobile_ownership.sim", outcome: "review"},
		{name: "a SIM changed seven days ago passes", records: claims(evidence.MobileOwnership, func(c *evidence.Claims) { c.SIMChangedDays = days(7) }), profile: org, want: evidence.Approved, rule: "mobile_ownership.sim", outcome: "pass"},
		{name: "a SIM of unknown age goes to review", records: claims(evidence.MobileOwnership, func(c *evidence.Claims) { c.SIMChangedDays = nil }), profile: org, want: evidence.Review, rule: "mobile_ownership.sim", outcome: "review"},
		{name: "a SIM is not asked where the policy says so", policy: []string{"sim_quiet: 7d", "sim_quiet: 0s"}, records: claims(evidence.MobileOwnership, func(c *evidence.Claims) { c.SIMChangedDays = nil }), profile: org, want: evidence.Approved, rule: "mobile_ownership.sim", outcome: ""},
		{name: "a dissolved company is rejected", records: claims(evidence.LegalRegistry, func(c *evidence.Claims) { c.LegalStatus = "dissolved" }), profile: org, want: evidence.Rejected, rule: "legal_registry.active", outcome: "fail"},
		{name: "a company of unknown status is rejected", records: claims(evidence.LegalRegistry, func(c *evidence.Claims) { c.LegalStatus = "" }), profile: org, want: evidence.Rejected, rule: "legal_registry.active", outcome: "fail"},
		{name: "a joint signatory alone is rejected", records: claims(evidence.LegalRegistry, func(c *evidence.Claims) { c.SignsAlone = false }), profile: org, want: evidence.Rejected, rule: "legal_registry.signatory", outcome: "fail"},
		{name: "who has no role is rejected", records: claims(evidence.LegalRegistry, func(c *evidence.Claims) { c.Role = "" }), profile: org, want: evidence.Rejected, rule: "legal_registry.signatory", outcome: "fail"},
		{name: "a legal id that does not hold is rejected", records: claims(evidence.LegalRegistry, func(c *evidence.Claims) { c.LegalID = "10380284791" }), profile: org, want: evidence.Rejected, rule: "legal_registry.id", outcome: "fail"},
		{name: "a company's name with a control goes to review", records: claims(evidence.LegalRegistry, func(c *evidence.Claims) { c.LegalName = "شرکت\x00" }), profile: org, want: evidence.Review, rule: "legal_registry.name", outcome: "review"},
		{name: "another signatory's entry is rejected", records: claims(evidence.LegalRegistry, func(c *evidence.Claims) { c.NationalCode = "0499370899" }), profile: org, want: evidence.Rejected, rule: "person.one", outcome: "fail"},
	}
}

func TestEnrollment(t *testing.T) { runRules(t, enrollmentCases()) }

func TestRegisters(t *testing.T) { runRules(t, registerCases()) }
