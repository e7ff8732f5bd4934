package incident_test

import (
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/incident"
)

func TestTheServicesOwnCertificatesTakeTwoPersons(t *testing.T) {
	b := newBench(t)
	sara, omid, nima := b.officer("sara"), b.officer("omid"), b.officer("nima")
	registrar := b.operatorWith("registrar", "registrar", ca.RoleRegistrar)
	p := b.propose(registrar, incident.Ask{Kind: incident.Revoke, Reason: ca.Unspecified, Serials: []string{nima.serial()}})
	if p.Document.Needs != 2 {
		t.Errorf("needs %d", p.Document.Needs)
	}
	_, err := b.execute(registrar, p.Document.ID)
	wantCode(t, "a registrar alone", err, "operator_required")
	_, err = b.execute(sara, p.Document.ID)
	wantCode(t, "an officer alone", err, "plan_unapproved")
	must(t, b.approve(sara, p))
	must(t, b.approve(omid, p))
	_, err = b.execute(sara, p.Document.ID)
	must(t, err)
	if now := b.reload(nima.serial()); !now.Ended() {
		t.Errorf("%+v", now.Revoked)
	}
}

func TestASealAndItsRepresentativeDoNotEndEachOther(t *testing.T) {
	b := newBench(t)
	other := catest.Zahra
	other.LegalID, other.LegalName = "10100000006", "شرکت دیگر"
	keys, certs := map[string]ca.SigningKey{}, map[string]ca.Certificate{}
	for _, x := range []struct {
		name, profile string
		who           catest.Person
	}{
		{"person", ca.NaturalSign, catest.Zahra}, {"member", ca.OrganisationSign, catest.Zahra}, {"member's second", ca.OrganisationSign, catest.Zahra},
		{"elsewhere", ca.OrganisationSign, other}, {"seal", ca.OrganisationSeal, catest.Zahra}, {"second seal", ca.OrganisationSeal, catest.Zahra},
	} {
		keys[x.name], certs[x.name] = b.f.IssueTo(t, x.who, x.profile, x.name)
	}
	for _, pair := range [][2]string{
		{"seal", "person"}, {"seal", "member"}, {"seal", "second seal"}, {"person", "seal"}, {"member", "seal"}, {"elsewhere", "seal"},
		{"person", "member"}, {"member", "person"}, {"member", "elsewhere"}, {"elsewhere", "member"},
	} {
		wantCode(t, pair[0]+" ends "+pair[1], b.end(keys[pair[0]], certs[pair[1]].Serial, ca.Unspecified), "statement_not_yours")
		if now := b.reload(certs[pair[1]].Serial); now.Revoked != nil {
			t.Fatalf("%s ended %s", pair[0], pair[1])
		}
	}
	must(t, b.end(keys["member"], certs["member's second"].Serial, ca.Unspecified))
	must(t, b.end(keys["seal"], certs["seal"].Serial, ca.Unspecified))
}

// production is the bench's desk in a hierarchy that is not for development.
func (b *bench) production() *bench {
	b.t.Helper()
	conf := b.f.Authority.Config
	conf.Simulated = false
	a, err := ca.New(conf)
	must(b.t, err)
	c := configOf(b.f, b.clock.now)
	c.CA = a
	d, err := incident.New(c)
	must(b.t, err)
	return &bench{d, b.f, b.clock, b.t}
}

func (b *bench) introduce(o operator, n int) {
	b.t.Helper()
	h := ca.HolderID("")
	if n > 0 {
		h = b.f.Holder(person(n).NationalCode)
	}
	must(b.t, b.f.IntroduceOperator(b.t.Context(), o.name, h))
}

func TestWhomNobodyKnowsIsNoPersonInProduction(t *testing.T) {
	b := newBench(t)
	sara, omid := b.officer("sara"), b.officer("omid")
	list := b.people(2)
	rehearsed := b.bulk(sara, list)
	must(t, b.approve(sara, rehearsed)) // in the development hierarchy: two names are enough
	must(t, b.approve(omid, rehearsed))
	p := b.bulk(sara, list)
	b = b.production()
	wantCode(t, "without a person", b.approve(sara, p), "approval_person_unknown")
	b.introduce(sara, 11)
	b.introduce(omid, 12)
	must(t, b.approve(sara, p))
	must(t, b.approve(omid, p))
	counting := func(what string, want int) {
		t.Helper()
		if s, err := b.Show(t.Context(), p.Document.ID); err != nil || s.Counting != want {
			t.Errorf("%s: %d count, %v", what, s.Counting, err)
		}
	}
	counting("two persons", 2)
	b.introduce(omid, 0)
	counting("one who is not known any more", 1)
	b.introduce(omid, 11)
	counting("one person under two names, as was found out since", 1)
	_, err := b.execute(sara, p.Document.ID)
	wantCode(t, "carried out", err, "plan_unapproved")
	b.introduce(omid, 12)
	_, err = b.execute(sara, p.Document.ID)
	must(t, err)
}

func TestAnotherNameOfWhomItConcernsDoesNotApprove(t *testing.T) {
	b := newBench(t)
	sara, alias, late, omid := b.officer("sara"), b.officer("s.karimi"), b.officer("sara2"), b.officer("omid")
	b.introduce(sara, 11)
	b.introduce(alias, 11)
	p := b.propose(omid, incident.Ask{Kind: incident.Revoke, Reason: ca.Unspecified, Serials: []string{sara.serial()}})
	must(t, b.approve(late, p))
	wantCode(t, "another name of hers", b.approve(alias, p), "approval_own_matter")
	b.introduce(late, 11)
	must(t, b.approve(omid, p))
	if s, err := b.Show(t.Context(), p.Document.ID); err != nil || s.Counting != 1 {
		t.Errorf("%d count with one that turned out to be hers, %v", s.Counting, err)
	}
	_, err := b.Execute(t.Context(), p.Document.ID, alias.leaf())
	wantCode(t, "carried out under another name", err, "plan_own_matter")
}

func TestNobodyApprovesRolesForAnotherNameOfHis(t *testing.T) {
	b := newBench(t)
	keeper := b.operatorWith("keeper", "keeper", ca.RoleCustodian)
	b.introduce(keeper, 11)
	b.introduce(operator{name: "newcomer"}, 11) // has no roles yet
	p := b.propose(keeper, incident.Ask{Kind: incident.Roles, Operator: "newcomer", Roles: []ca.Role{ca.RoleRevocation}})
	wantCode(t, "for his second name", b.approve(keeper, p), "approval_own_matter")
	_, err := b.Execute(t.Context(), p.Document.ID, keeper.leaf())
	wantCode(t, "carried out", err, "plan_own_matter")
}
