package mandate_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/mandate"
	"mohr/ca/mandate/mandatetest"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/store"
)

func TestAnAdministratorGivesWithinTheOwnScopesAndTime(t *testing.T) {
	b := newBench(t, nil)
	boss, admin, clerk, other := b.signatory(true), b.natural(), b.natural(), b.natural()
	own := b.given(boss, b.terms(admin, mandate.Administer, mandate.Sign, mandate.ComplaintAnswer))
	plain := b.given(boss, b.terms(other, mandate.Sign))
	under := func(scopes ...mandate.Scope) doc { return b.terms(clerk, scopes...).with("under", own.ID) }
	stamp := func(d time.Duration) string { return b.clock.now().Add(d).Format(time.RFC3339) }
	b.refused("without naming the own one", admin, b.terms(clerk, mandate.Sign), "mandate_not_signatory")
	b.refused("another's", other, under(mandate.Sign), "mandate_not_administrator")
	b.refused("one that is not for that", other, b.terms(clerk, mandate.Sign).with("under", plain.ID), "mandate_scope")
	b.refused("a scope he does not have", admin, under(mandate.Sign, mandate.BadgeRequest), "mandate_beyond_scope")
	b.refused("administering", admin, under(mandate.Administer), "mandate_no_delegation")
	b.refused("passing on", admin, under(mandate.Administer).with("delegate", true), "mandate_terms")
	b.refused("a day beyond his own end", admin, under(mandate.Sign).with("valid_to", stamp(101*day)), "mandate_beyond_time")
	b.refused("himself", admin, b.terms(admin, mandate.Sign).with("under", own.ID), "mandate_self")
	b.register.legal[elsewhere] = gateway.Legal{Status: "active"}
	b.refused("for another organisation", admin, under(mandate.Sign).with("legal_id", elsewhere), "mandate_not_administrator")
	b.register.says(func(l *gateway.Legal) { l.Status = "dissolved" })
	b.refused("for a dissolved organisation", admin, under(mandate.Sign), "mandate_company_not_active")
	b.register.says(func(l *gateway.Legal) { l.Status = "active" })
	b.given(admin, under(mandate.Sign, mandate.ComplaintAnswer))
	must(t, b.may(clerk, mandate.ComplaintAnswer))
	must(t, b.revoke(boss, own.ID, false, false))
	must(t, b.may(clerk, mandate.Sign)) // what he gave stands
	b.refused("after the own one was revoked", admin, under(mandate.Sign).with("title", "حسابدار"), "mandate_ended")
}

func TestOnlyADelegateAppointsAdministratorsAndTheseNoOthers(t *testing.T) {
	b := newBench(t, nil)
	boss, head, admin, third, clerk := b.signatory(true), b.natural(), b.natural(), b.natural(), b.natural()
	own := b.given(boss, b.terms(head, mandate.Administer, mandate.Sign).with("delegate", true))
	second := b.given(head, b.terms(admin, mandate.Administer, mandate.Sign).with("under", own.ID))
	b.refused("a third one", admin, b.terms(third, mandate.Administer).with("under", second.ID), "mandate_no_delegation")
	b.given(admin, b.terms(clerk, mandate.Sign).with("under", second.ID))
	must(t, b.may(clerk, mandate.Sign))
}

func TestWhoTakesAMandateBack(t *testing.T) {
	b := newBench(t, nil)
	boss, joint, clerk, stranger := b.signatory(true), b.signatory(false), b.natural(), b.natural()
	head, rival, admin := b.natural(), b.natural(), b.natural()
	own := b.given(boss, b.terms(head, mandate.Administer, mandate.Sign).with("delegate", true))
	rivals := b.given(boss, b.terms(rival, mandate.Administer))
	below := b.given(head, b.terms(admin, mandate.Administer, mandate.Sign).with("under", own.ID))
	foreign := boss.Person
	foreign.LegalID = elsewhere
	for _, test := range []struct {
		name string
		by   who
		of   mandate.ID // "": of a fresh one that the clerk has
		code string
	}{
		{"who gave it", boss, "", ""},
		{"a joint signatory alone", joint, "", ""},
		{"who has it", clerk, "", ""},
		{"an administrator", rival, "", ""},
		{"a stranger", stranger, "", "mandate_not_yours_to_end"},
		{"a signatory with another organisation's certificate", b.certified(foreign, ca.OrganisationSign), "", "mandate_business_foreign"},
		{"another administrator an administrator's", rival, own.ID, "mandate_not_yours_to_end"},
		{"an appointed one the one above", admin, own.ID, "mandate_not_yours_to_end"},
		{"another one an appointed one's", rival, below.ID, "mandate_not_yours_to_end"},
		{"who appointed an administrator", head, below.ID, ""},
		{"an administrator the own", rival, rivals.ID, ""},
		{"nobody knows which", boss, mandate.ID("m-00000000000000000000000000000000"), "mandate_unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := *b
			b.t = t
			of := test.of
			if of == "" {
				of = b.given(boss, b.terms(clerk, mandate.ComplaintAnswer).with("reference", hexSHA256([]byte(test.name))[:32])).ID
				must(t, b.may(clerk, mandate.ComplaintAnswer))
				defer func() {
					if err := b.revoke(boss, of, false, false); fault.Code(err) != "mandate_plan_empty" {
						must(t, err)
					}
				}()
			}
			wantCode(t, test.name, b.revoke(test.by, of, false, false), test.code)
			if err := b.may(clerk, mandate.ComplaintAnswer); test.of == "" && (err == nil) != (test.code != "") {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestASignatoryTakesAMandateBackWhileTheOrganisationIsDissolvedButNotWhileItsRegisterIsDown(t *testing.T) {
	b := newBench(t, nil)
	boss, clerk := b.signatory(true), b.natural()
	m := b.given(boss, b.terms(clerk, mandate.Sign))
	b.register.down = true
	wantCode(t, "a register that is down", b.revoke(boss, m.ID, false, false), "mandate_registry_unavailable")
	b.register.down = false
	b.register.says(func(l *gateway.Legal) { l.Status = "dissolved" })
	must(t, b.revoke(boss, m.ID, false, false))
	wantCode(t, "afterwards", b.may(clerk, mandate.Sign), "mandate_ended")
}

// rests gives w a certificate that rests on the mandate.
func (b *bench) rests(w who, request string) ca.Certificate {
	b.t.Helper()
	_, c := mandatetest.Certify(b.t, b.f, w.Person, company, request)
	return c
}

func (b *bench) reload(serial string) ca.Certificate {
	b.t.Helper()
	c, err := b.f.Certificate(b.t.Context(), serial)
	must(b.t, err)
	return c
}

func TestWithAMandateEndWhatItsPlanSays(t *testing.T) {
	b := newBench(t, nil)
	boss, admin, clerk, temp := b.signatory(true), b.natural(), b.natural(), b.natural()
	own := b.given(boss, b.terms(admin, mandate.Administer, mandate.Sign))
	below := b.given(admin, b.terms(clerk, mandate.Sign).with("under", own.ID))
	aside := b.given(boss, b.terms(temp, mandate.Sign))
	admins, clerks, temps := b.rests(admin, "one"), b.rests(clerk, "two"), b.rests(temp, "three")
	if admins.Mandate != string(own.ID) || clerks.Mandate != string(below.ID) || clerks.NotAfter.After(below.ValidTo) {
		t.Fatalf("%+v, %+v", admins, clerks)
	}
	events := len(b.leaves("mandate.revoked"))
	p, err := b.plan(boss, own.ID, true, true)
	must(t, err)
	if len(p.Mandates) != 2 || len(p.Serials) != 2 {
		t.Fatalf("%+v", p)
	}
	if b.may(clerk, mandate.Sign) != nil || b.reload(clerks.Serial).Revoked != nil || len(b.leaves("mandate.revoked")) != events {
		t.Fatal("a plan changed something")
	}
	for what, edit := range map[string]func(*mandate.Ending){
		"a plan of other choices": func(p *mandate.Ending) { p.Certificates = false },
		"no plan":                 func(p *mandate.Ending) { p.SHA256 = "" },
	} {
		changed := p
		edit(&changed)
		_, err := b.Revoke(t.Context(), b.signed(boss, mandate.RevokeType, revocation(changed, mandate.Left)))
		wantCode(t, what, err, "mandate_plan_changed")
	}
	_, err = b.Revoke(t.Context(), b.signed(boss, mandate.RevokeType, revocation(p, "boredom")))
	wantCode(t, "a reason that is none", err, "mandate_reason")
	b.given(admin, b.terms(b.natural(), mandate.Sign).with("under", own.ID))
	s := b.signed(boss, mandate.RevokeType, revocation(p, mandate.Abused))
	_, err = b.Revoke(t.Context(), s)
	wantCode(t, "a plan that is out of date", err, "mandate_plan_changed")
	p, err = b.plan(boss, own.ID, true, true)
	must(t, err)
	s = b.signed(boss, mandate.RevokeType, revocation(p, mandate.Abused))
	for range 3 {
		m, err := b.Revoke(t.Context(), s)
		if err != nil || m.State != mandate.Revoked || m.Reason != mandate.Abused || m.Events != 2 {
			t.Fatalf("%+v, %v", m, err)
		}
	}
	wantCode(t, "whose mandate was given under it", b.may(clerk, mandate.Sign), "mandate_ended")
	for _, serial := range []string{admins.Serial, clerks.Serial} {
		if c := b.reload(serial); c.Revoked == nil || c.Revoked.Reason != ca.PrivilegeWithdrawn {
			t.Errorf("%+v", c.Revoked)
		}
	}
	if b.may(temp, mandate.Sign) != nil || b.reload(temps.Serial).Revoked != nil {
		t.Error("another mandate ended too")
	}
	if n := len(b.leaves("mandate.revoked")); n != 3 {
		t.Errorf("%d leaves", n)
	}
	must(t, b.revoke(boss, aside.ID, false, false))
	if b.may(temp, mandate.Sign) == nil || b.reload(temps.Serial).Revoked != nil {
		t.Error("without certificates is with them")
	}
	p, err = b.plan(boss, aside.ID, true, false)
	must(t, err)
	if diff := cmp.Diff([]string{temps.Serial}, p.Serials); diff != "" || len(p.Mandates) != 0 {
		t.Errorf("certificates that were left: %s %v", diff, p.Mandates)
	}
	must(t, b.revoke(boss, aside.ID, true, false))
	if c := b.reload(temps.Serial); c.Revoked == nil || c.Revoked.Reason != ca.AffiliationChanged {
		t.Errorf("%+v", c.Revoked)
	}
	if n := len(b.leaves("mandate.rest_revoked")); n != 1 {
		t.Errorf("%d leaves say that only certificates ended", n)
	}
	wantCode(t, "with nothing left", b.revoke(boss, aside.ID, true, true), "mandate_plan_empty")
}

func TestACertificateThatComesAfterTheRevocationEndsToo(t *testing.T) {
	b := newBench(t, nil)
	boss, clerk := b.signatory(true), b.natural()
	m := b.given(boss, b.terms(clerk, mandate.Sign))
	c := b.rests(clerk, "one")
	must(t, b.f.Store.Update(t.Context(), func(tx store.Tx) error { return tx.Delete("ca_businesses", company+"/"+c.Serial) })) // not recorded yet
	must(t, b.revoke(boss, m.ID, true, false))
	must(t, b.Follow(t.Context()))
	if b.reload(c.Serial).Revoked != nil {
		t.Fatal("it ended before it was there")
	}
	must(t, b.f.Store.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "ca_businesses", company+"/"+c.Serial, c.Serial) }))
	for range 2 {
		must(t, b.Follow(t.Context()))
		if now := b.reload(c.Serial); now.Revoked == nil || now.Revoked.Reason != ca.AffiliationChanged {
			t.Fatalf("%+v", now.Revoked)
		}
		b.clock.pass(2 * hour)
	}
}
