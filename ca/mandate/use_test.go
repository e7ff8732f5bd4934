package mandate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/mandate"
	"mohr/internal/store"
)

func TestWhoSeesMandates(t *testing.T) {
	b := newBench(t, nil)
	boss, joint, admin, clerk, stranger := b.signatory(true), b.signatory(false), b.natural(), b.natural(), b.natural()
	b.given(boss, b.terms(admin, mandate.Administer))
	m := b.given(boss, b.terms(clerk, mandate.Sign))
	for _, test := range []struct {
		name string
		by   who
		of   string
		want int
	}{
		{"a signatory all", boss, company, 2},
		{"a joint one all", joint, company, 2},
		{"an administrator all", admin, company, 2},
		{"who has one that", clerk, company, 1},
		{"who has one that, of all organisations", clerk, "", 1},
		{"a signatory the own alone, of all organisations", boss, "", 0},
		{"a stranger none", stranger, company, 0},
		{"nobody any of an organisation that is none", boss, elsewhere, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := b.signed(test.by, mandate.QueryType, doc{"legal_id": test.of})
			list, err := b.List(t.Context(), s)
			if err != nil || len(list) != test.want {
				t.Fatalf("%+v, %v", list, err)
			}
			for _, v := range list {
				if v.ID == m.ID && (v.Terms.NationalCode != clerk.NationalCode || v.State != mandate.Granted) {
					t.Errorf("%+v", v)
				}
			}
			_, err = b.List(t.Context(), s)
			wantCode(t, "the same query again", err, "nonce_used")
		})
	}
	b.register.down = true
	list, err := b.List(t.Context(), b.signed(boss, mandate.QueryType, doc{"legal_id": company}))
	if err != nil || len(list) != 0 {
		t.Errorf("a signatory whose register is down: %+v, %v", list, err)
	}
	_, err = b.plan(stranger, m.ID, true, true)
	wantCode(t, "a stranger's plan", err, "mandate_registry_unavailable")
}

func TestAMandateAsEvidence(t *testing.T) {
	b := newBench(t, nil)
	boss, clerk := b.signatory(true), b.natural()
	look := func() evidence.Record {
		r, err := mandate.Evidence(t.Context(), b.f.Store, mandate.Subject{LegalID: company, NationalCode: clerk.NationalCode, Holder: b.f.Holder(clerk.NationalCode)}, evidence.Simulated, b.clock.now())
		must(t, err)
		return r
	}
	if r := look(); r.Result != evidence.Mismatch || r.Claims.Mandate != "" {
		t.Errorf("none: %+v", r)
	}
	b.given(boss, b.terms(clerk, mandate.ComplaintAnswer))
	if r := look(); r.Result != evidence.Mismatch {
		t.Errorf("too narrow: %+v", r)
	}
	m := b.given(boss, b.terms(clerk, mandate.Sign))
	r := look()
	want := evidence.Claims{NationalCode: clerk.NationalCode, LegalID: company, Role: "مدیر فروش", Mandate: string(m.ID)}
	if diff := cmp.Diff(want, r.Claims); diff != "" || r.Result != evidence.Match || !r.ValidTo.Equal(m.ValidTo) || r.Environment != evidence.Simulated {
		t.Errorf("%+v\n%s", r, diff)
	}
	must(t, b.f.Store.View(t.Context(), func(tx store.Tx) error { return mandate.StillStands(tx, string(m.ID), b.clock.now()) }))
	must(t, b.revoke(boss, m.ID, false, false))
	wantCode(t, "revoked since", b.f.Store.View(t.Context(), func(tx store.Tx) error { return mandate.StillStands(tx, string(m.ID), b.clock.now()) }), "mandate_ended")
}

func TestWhoseCertificateSpeaksForAnOrganisation(t *testing.T) {
	b := newBench(t, nil)
	boss, clerk := b.signatory(true), b.natural()
	boss.LegalID = company
	clerk.LegalID = company
	alone := b.certified(boss.Person, ca.OrganisationSign)
	seal := b.certified(boss.Person, ca.OrganisationSeal)
	for _, s := range mandate.Scopes() {
		must(t, b.may(alone, s))
		must(t, b.may(seal, s))
	}
	wantCode(t, "a signatory's own certificate", b.may(boss, mandate.Sign), "mandate_none")
	b.given(boss, b.terms(clerk, mandate.Sign, mandate.ComplaintAnswer))
	resting := who{clerk.Person, clerk.key, b.rests(clerk, "resting")}
	must(t, b.may(resting, mandate.ComplaintAnswer))
	wantCode(t, "a scope that the mandate does not have", b.may(resting, mandate.BadgeRequest), "mandate_scope")
	wantCode(t, "another organisation", b.mayFor(resting, elsewhere, mandate.Sign), "mandate_none")
	wantCode(t, "no organisation", b.mayFor(resting, "", mandate.Sign), "mandate_none")
	wantCode(t, "a key that commits to nothing", b.may(b.certified(clerk.Person, ca.NaturalSignC), mandate.Sign), "mandate_none")
	wantCode(t, "an authentication key", b.may(b.certified(clerk.Person, ca.NaturalAuth), mandate.Sign), "mandate_none")
	b.clock.pass(101 * day)
	wantCode(t, "after the mandate's end", b.may(resting, mandate.ComplaintAnswer), "mandate_ended")
}
