package evidence_test

import (
	"testing"
	"time"

	"mohr/ca/evidence"
)

// mandated is the evidence of somebody whom the register does not let bind the
// organisation, with a mandate changed by f.
func mandated(f func(*evidence.Record)) []evidence.Record {
	list := edit(signatory(), evidence.LegalRegistry, func(r *evidence.Record) { r.Claims.Role, r.Claims.SignsAlone = "", false })
	return append(list, mandateRecord(f))
}

func mandateRecord(f func(*evidence.Record)) evidence.Record {
	r := record(evidence.Mandate, evidence.Claims{NationalCode: code, LegalID: legal, Role: "مدیر فروش", Mandate: "m-1"})
	r.ValidTo = now.Add(30 * 24 * time.Hour)
	f(&r)
	return r
}

func mandateCases() []ruleCase {
	const org = "organisation-sign"
	as := func(f func(*evidence.Record)) []evidence.Record { return mandated(f) }
	good := func(*evidence.Record) {}
	joint := edit(mandated(good), evidence.LegalRegistry, func(r *evidence.Record) { r.Claims.Role = "عضو هیئت‌مدیره" })
	dissolved := edit(mandated(good), evidence.LegalRegistry, func(r *evidence.Record) { r.Claims.LegalStatus = "dissolved" })
	earlier := func(f func(*evidence.Record)) evidence.Record {
		return mandateRecord(func(r *evidence.Record) {
			r.ID, r.CheckedAt = "mandate-0", now.Add(-2*time.Hour)
			f(r)
		})
	}
	none := func(r *evidence.Record) {
		r.Result, r.Claims, r.ValidTo = evidence.Mismatch, evidence.Claims{}, time.Time{}
	}
	business := with(natural()[:1], mandated(good)[4:]...)
	renewal := renewed(func(r *evidence.Renewal) { r.Previous = previousSignatory() })
	return []ruleCase{
		{name: "a mandate lets a stranger act", profile: org, records: as(good), want: evidence.Approved, rule: "mandate.organisation", outcome: "pass"},
		{name: "a mandate lets a joint signatory act", profile: org, records: joint, want: evidence.Approved, rule: "mandate.organisation", outcome: "pass"},
		{name: "a mandate for another organisation is rejected", profile: org, records: as(func(r *evidence.Record) { r.Claims.LegalID = "14003456780" }), want: evidence.Rejected, rule: "mandate.organisation", outcome: "fail"},
		{name: "a mandate for another person is rejected", profile: org, records: as(func(r *evidence.Record) { r.Claims.NationalCode = "0618471561" }), want: evidence.Rejected, rule: "person.one", outcome: "fail"},
		{name: "a mandate that does not say which it is is rejected", profile: org, records: as(func(r *evidence.Record) { r.Claims.Mandate = "" }), want: evidence.Rejected, rule: "mandate.organisation", outcome: "fail"},
		{name: "a mandate without an end is rejected", profile: org, records: as(func(r *evidence.Record) { r.ValidTo = time.Time{} }), want: evidence.Rejected, rule: "mandate.organisation", outcome: "fail"},
		{name: "a mandate that has ended since waits for another look", profile: org, records: as(func(r *evidence.Record) { r.ValidTo = now }), want: evidence.Waiting, rule: "mandate.fresh", outcome: "wait"},
		{name: "a look at a mandate of two days ago waits for another", profile: org, records: as(func(r *evidence.Record) { r.CheckedAt = now.Add(-48 * time.Hour) }), want: evidence.Waiting, rule: "mandate.fresh", outcome: "wait"},
		{name: "a look that finds none is rejected as no signatory", profile: org, records: as(none), want: evidence.Rejected, rule: "legal_registry.signatory", outcome: "fail"},
		{name: "a look that finds none any more is rejected", profile: org, records: with(as(none), earlier(good)), want: evidence.Rejected, rule: "legal_registry.signatory", outcome: "fail"},
		{name: "a mandate given since the first look counts", profile: org, records: with(as(good), earlier(none)), want: evidence.Approved, rule: "mandate.organisation", outcome: "pass"},
		{name: "that there is no mandate does not matter to who signs alone", profile: org, records: with(signatory(), mandateRecord(none)), want: evidence.Approved, rule: "legal_registry.signatory", outcome: "pass"},
		{name: "a mandate helps nobody for a dissolved organisation", profile: org, records: dissolved, want: evidence.Rejected, rule: "legal_registry.active", outcome: "fail"},
		{name: "a title in two scripts goes to review", profile: org, records: as(func(r *evidence.Record) { r.Claims.Role = "مدیر Sales" }), want: evidence.Review, rule: "mandate.title", outcome: "review"},
		{name: "a mandate is none for a seal", profile: "organisation-seal", records: as(good), want: evidence.Rejected, rule: "legal_registry.signatory", outcome: "fail"},
		{name: "a renewal by mandate is approved", profile: org, records: business, renewal: renewal, want: evidence.Approved, rule: "mandate.organisation", outcome: "pass"},
		{name: "a renewal without the mandate is rejected", profile: org, records: business[:2], renewal: renewal, want: evidence.Rejected, rule: "legal_registry.signatory", outcome: "fail"},
	}
}

func TestR8Mandates(t *testing.T) { runRules(t, mandateCases()) }

func TestWhatRestsOnAMandateNamesItAndEndsWithIt(t *testing.T) {
	cases := mandateCases()
	d := cases[0].decide(t)
	if d.Mandate() != "m-1" || d.Validity() != 30*24*time.Hour || d.Identity().Title != "مدیر فروش" || len(d.Evidence()) != 6 {
		t.Errorf("%q, %s, %+v, %d records", d.Mandate(), d.Validity(), d.Identity(), len(d.Evidence()))
	}
	alone := ruleCase{profile: "organisation-sign", records: with(signatory(), mandateRecord(func(*evidence.Record) {}))}.decide(t)
	if alone.Mandate() != "" || alone.Validity() != 365*24*time.Hour || len(alone.Evidence()) != 5 {
		t.Errorf("who signs alone: %q, %s, %d records", alone.Mandate(), alone.Validity(), len(alone.Evidence()))
	}
	long := ruleCase{profile: "organisation-sign", records: mandated(func(r *evidence.Record) { r.ValidTo = now.AddDate(3, 0, 0) })}.decide(t)
	if long.Validity() != 365*24*time.Hour {
		t.Errorf("a long mandate makes the certificate valid for %s", long.Validity())
	}
}
