package evidence_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca/evidence"
)

func previous() evidence.Identity {
	return evidence.Identity{NationalCode: code, GivenName: "علی رضا", Surname: "کریمی", BirthDate: "1990-03-21", Mobile: mobile}
}

func previousSignatory() evidence.Identity {
	p := previous()
	p.LegalID, p.LegalName, p.Title = legal, "شرکت نمونه ۲۱", "مدیرعامل"
	return p
}

func renewed(f func(*evidence.Renewal)) *evidence.Renewal {
	r := &evidence.Renewal{Depth: 1, ProofAt: now.AddDate(-1, 0, 0), Previous: previous()}
	f(r)
	return r
}

func as(p evidence.Identity) *evidence.Renewal {
	return renewed(func(r *evidence.Renewal) { r.Previous = p })
}

func unchanged(*evidence.Renewal) {}

func renewalCases() []ruleCase {
	const org = "organisation-sign"
	civil := natural()[:1]
	changed := func(f func(*evidence.Claims)) []evidence.Record {
		return edit(civil, evidence.CivilRegistry, func(e *evidence.Record) { f(&e.Claims) })
	}
	business := with(civil, signatory()[4])
	moved := func(f func(*evidence.Claims)) []evidence.Record {
		return edit(business, evidence.LegalRegistry, func(e *evidence.Record) { f(&e.Claims) })
	}
	depth := func(n int) *evidence.Renewal { return renewed(func(r *evidence.Renewal) { r.Depth = n }) }
	proof := func(t time.Time) *evidence.Renewal {
		return renewed(func(r *evidence.Renewal) { r.ProofAt = t })
	}
	was := func(f func(*evidence.Identity)) *evidence.Renewal {
		return renewed(func(r *evidence.Renewal) { f(&r.Previous) })
	}
	return []ruleCase{
		{name: "a renewal on the register's word is approved", records: civil, renewal: renewed(unchanged), want: evidence.Approved, rule: "renewal.same_person", outcome: "pass"},
		{name: "the third renewal is approved", records: civil, renewal: depth(3), want: evidence.Approved, rule: "renewal.depth", outcome: "pass"},
		{name: "the fourth renewal is rejected", records: civil, renewal: depth(4), want: evidence.Rejected, rule: "renewal.depth", outcome: "fail"},
		{name: "a renewal that counts itself as none is rejected", records: civil, renewal: depth(0), want: evidence.Rejected, rule: "renewal.depth", outcome: "fail"},
		{name: "a profile without renewal rejects", policy: []string{"max_depth: 3", "max_depth: 0"}, records: civil, renewal: renewed(unchanged), want: evidence.Rejected, rule: "renewal.depth", outcome: "fail"},
		{name: "a proofing at its age is good", records: civil, renewal: proof(now.Add(-1461 * 24 * time.Hour)), want: evidence.Approved, rule: "renewal.proof_age", outcome: "pass"},
		{name: "a proofing a second older is rejected", records: civil, renewal: proof(now.Add(-1461*24*time.Hour - time.Second)), want: evidence.Rejected, rule: "renewal.proof_age", outcome: "fail"},
		{name: "an unknown proofing is rejected", records: civil, renewal: proof(time.Time{}), want: evidence.Rejected, rule: "renewal.proof_age", outcome: "fail"},
		{name: "a proofing in the future is rejected", records: civil, renewal: proof(now.Add(time.Hour)), want: evidence.Rejected, rule: "renewal.proof_age", outcome: "fail"},
		{name: "a renewal without the register waits", renewal: renewed(unchanged), want: evidence.Waiting, rule: "civil_registry.fresh", outcome: "wait"},
		{name: "a renewal with the register down waits", records: edit(civil, evidence.CivilRegistry, func(e *evidence.Record) { e.Result = evidence.Unavailable }), renewal: renewed(unchanged), want: evidence.Waiting, rule: "civil_registry.fresh", outcome: "wait"},
		{name: "a register's answer of last year waits", records: edit(civil, evidence.CivilRegistry, func(e *evidence.Record) { e.CheckedAt = now.AddDate(-1, 0, 0) }), renewal: renewed(unchanged), want: evidence.Waiting, rule: "civil_registry.fresh", outcome: "wait"},
		{name: "the dead do not renew", records: changed(func(c *evidence.Claims) { c.Alive = &no }), renewal: renewed(unchanged), want: evidence.Rejected, rule: "civil_registry.alive", outcome: "fail"},
		{name: "another person does not renew", renewal: was(func(i *evidence.Identity) { i.NationalCode = "0499370899" }), records: civil, want: evidence.Rejected, rule: "renewal.same_person", outcome: "fail"},
		{name: "an old certificate of nobody does not renew", renewal: was(func(i *evidence.Identity) { i.NationalCode = "" }), records: civil, want: evidence.Rejected, rule: "renewal.same_person", outcome: "fail"},
		{name: "a new name in the register is used", records: changed(func(c *evidence.Claims) { c.LastName = "احمدی" }), renewal: renewed(unchanged), want: evidence.Approved, rule: "renewal.name", outcome: "pass"},
		{name: "another date of birth goes to review", records: changed(func(c *evidence.Claims) { c.BirthDate = "1990-03-22" }), renewal: renewed(unchanged), want: evidence.Review, rule: "renewal.birth_date", outcome: "review"},
		{name: "a date of birth the old certificate does not hold is not compared", records: civil, renewal: was(func(i *evidence.Identity) { i.BirthDate = "" }), want: evidence.Approved, rule: "renewal.birth_date", outcome: ""},
		{name: "a new mobile in the register is used", records: natural()[:2], renewal: was(func(i *evidence.Identity) { i.Mobile = "+989121234568" }), want: evidence.Approved, rule: "renewal.mobile", outcome: "pass"},
		{name: "a mismatch of the old key's signature is rejected", records: with(civil, edit([]evidence.Record{record(evidence.CertSignature, evidence.Claims{NationalCode: code})}, evidence.CertSignature, func(e *evidence.Record) { e.Result = evidence.Mismatch })...), renewal: renewed(unchanged), want: evidence.Rejected, rule: "cert_signature.result", outcome: "fail"},
		{name: "a demanded signature of the old key waits", policy: []string{"evidence: [civil_registry]", "evidence: [cert_signature, civil_registry]"}, records: civil, renewal: renewed(unchanged), want: evidence.Waiting, rule: "cert_signature.fresh", outcome: "wait"},
		{name: "another person's signature is rejected", records: with(civil, record(evidence.CertSignature, evidence.Claims{NationalCode: "0499370899"})), renewal: renewed(unchanged), want: evidence.Rejected, rule: "person.one", outcome: "fail"},

		{name: "a signatory's renewal is approved", profile: org, records: business, renewal: as(previousSignatory()), want: evidence.Approved, rule: "renewal.same_organisation", outcome: "pass"},
		{name: "a signatory's renewal without the company register waits", profile: org, records: civil, renewal: as(previousSignatory()), want: evidence.Waiting, rule: "legal_registry.fresh", outcome: "wait"},
		{name: "a company dissolved since does not renew", profile: org, records: moved(func(c *evidence.Claims) { c.LegalStatus = "dissolved" }), renewal: as(previousSignatory()), want: evidence.Rejected, rule: "legal_registry.active", outcome: "fail"},
		{name: "a signatory dismissed since does not renew", profile: org, records: moved(func(c *evidence.Claims) { c.Role = "" }), renewal: as(previousSignatory()), want: evidence.Rejected, rule: "legal_registry.signatory", outcome: "fail"},
		{name: "another company does not renew", profile: org, records: business, renewal: as(previous()), want: evidence.Rejected, rule: "renewal.same_organisation", outcome: "fail"},
		{name: "a signatory's certificate does not renew as a natural person's", records: civil, renewal: as(previousSignatory()), want: evidence.Rejected, rule: "renewal.same_organisation", outcome: "fail"},
		{name: "a company's new name is used", profile: org, records: moved(func(c *evidence.Claims) { c.LegalName = "شرکت تازه" }), renewal: as(previousSignatory()), want: evidence.Approved, rule: "renewal.organisation", outcome: "pass"},
	}
}

func TestRenewal(t *testing.T) { runRules(t, renewalCases()) }

func TestRenewalTakesTheRegistersWord(t *testing.T) {
	for _, tt := range []struct {
		name   string
		edit   func(records []evidence.Record)
		mobile bool
		want   func(*evidence.Identity)
	}{
		{"nothing changed", func([]evidence.Record) {}, false, func(*evidence.Identity) {}},
		{"a new surname", func(r []evidence.Record) { r[0].Claims.LastName = "احمدي" }, false, func(i *evidence.Identity) { i.Surname = "احمدی" }},
		{"a new mobile", func(r []evidence.Record) { r[1].Claims.Mobile = "+989350000000" }, true, func(i *evidence.Identity) { i.Mobile = "+989350000000" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			records := natural()[:2]
			tt.edit(records)
			if !tt.mobile {
				records = records[:1]
			}
			r := renewed(func(r *evidence.Renewal) { r.Depth = 2 })
			d := defaultPolicy(t).Evaluate(evidence.Case{Profile: "natural-sign", Home: evidence.Software, Records: records, Renewal: r}, now)
			want := previous()
			tt.want(&want)
			if diff := cmp.Diff(want, d.Identity()); diff != "" {
				t.Errorf("identity (-want +got):\n%s\n%+v", diff, d.Trace())
			}
			if d.Depth() != 2 || !d.ProofAt().Equal(r.ProofAt) || len(d.Evidence()) != len(records) {
				t.Errorf("depth %d, proof at %s, %d records", d.Depth(), d.ProofAt(), len(d.Evidence()))
			}
		})
	}
}
