package mandate_test

import (
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/mandate"
	"mohr/internal/gateway"
)

func TestOneWhoBindsAloneGivesAMandate(t *testing.T) {
	b := newBench(t, nil)
	boss, clerk := b.signatory(true), b.natural()
	wantCode(t, "before", b.may(clerk, mandate.ComplaintAnswer), "mandate_none")
	s := b.signed(boss, mandate.StatementType, b.terms(clerk, mandate.ComplaintAnswer, mandate.Sign))
	var first mandate.Mandate
	for i := range 3 {
		m, err := b.Give(t.Context(), s)
		must(t, err)
		if i == 0 {
			first = m
		}
		if m.State != mandate.Granted || m.ID != first.ID || m.Events != 1 {
			t.Fatalf("the %d. time: %+v", i+1, m)
		}
		b.clock.pass(10 * time.Minute) // the same bytes count as taken whatever their time
	}
	must(t, b.may(clerk, mandate.ComplaintAnswer))
	must(t, b.may(clerk, mandate.Sign))
	wantCode(t, "another scope", b.may(clerk, mandate.BadgeRequest), "mandate_scope")
	wantCode(t, "another organisation", b.mayFor(clerk, elsewhere, mandate.Sign), "mandate_none")
	wantCode(t, "another person", b.may(b.natural(), mandate.Sign), "mandate_none")
	if n := len(b.leaves("mandate.granted")); n != 1 {
		t.Errorf("%d leaves", n)
	}
}

func TestR8JointSignatoriesBindTogether(t *testing.T) {
	b := newBench(t, nil)
	one, two, third, clerk := b.signatory(false), b.signatory(false), b.natural(), b.natural()
	terms := b.terms(clerk, mandate.Sign)
	m, err := b.give(one, terms)
	must(t, err)
	if m.State != mandate.Proposed || m.Needs != 1 {
		t.Fatalf("after one of two: %+v", m)
	}
	wantCode(t, "after one of two", b.may(clerk, mandate.Sign), "mandate_incomplete")
	b.refused("the same person again", one, terms, "mandate_signed_before")
	b.refused("the same person with another certificate", b.certified(one.Person, ca.NaturalSign), terms, "mandate_signed_before")
	b.refused("a stranger", third, terms, "mandate_not_signatory")
	other, err := b.give(two, terms.with("title", "مدیر مالی"))
	must(t, err)
	if other.ID == m.ID || other.State != mandate.Proposed {
		t.Fatalf("other terms are another mandate: %+v", other)
	}
	wantCode(t, "after one signature under each of two", b.may(clerk, mandate.Sign), "mandate_incomplete")
	if m = b.given(two, terms); len(m.Signatures) != 2 || m.Needs != 0 {
		t.Errorf("%+v", m)
	}
	must(t, b.may(clerk, mandate.Sign))
	_, err = b.give(two, terms)
	wantCode(t, "once more", err, "mandate_settled")
	if g, s := len(b.leaves("mandate.granted")), len(b.leaves("mandate.signed")); g != 1 || s != 2 {
		t.Errorf("%d grants and %d signatures in the log", g, s)
	}
}

func TestAJointSignatureCountsNoLongerOnceItsSignerHasLeftOrIsRevoked(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*bench, who)
	}{
		{"left the register", func(b *bench, one who) {
			b.register.says(func(l *gateway.Legal) { l.Signatories = l.Signatories[1:]; l.Jointly = 2 })
		}},
		{"certificate revoked", func(b *bench, one who) {
			must(b.t, b.f.Revoke(b.t.Context(), one.cert.Serial, ca.Unspecified, "holder"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, nil)
			one, two, three, clerk := b.signatory(false), b.signatory(false), b.signatory(false), b.natural()
			b.register.says(func(l *gateway.Legal) { l.Jointly = 2 })
			terms := b.terms(clerk, mandate.Sign)
			_, err := b.give(one, terms)
			must(t, err)
			test.end(b, one)
			if m, err := b.give(two, terms); err != nil || m.State != mandate.Proposed || m.Needs != 1 {
				t.Fatalf("%+v, %v", m, err)
			}
			b.given(three, terms)
		})
	}
}

func TestAProposalDoesNotWaitForEver(t *testing.T) {
	b := newBench(t, nil)
	one, two, clerk := b.signatory(false), b.signatory(false), b.natural()
	terms := b.terms(clerk, mandate.Sign)
	_, err := b.give(one, terms)
	must(t, err)
	b.clock.pass(7*day + time.Second)
	b.refused("a week later", two, terms, "mandate_settled")
}

func TestWhatIsNoMandate(t *testing.T) {
	b := newBench(t, nil)
	boss, clerk, stranger := b.signatory(true), b.natural(), b.natural()
	b.register.legal[elsewhere] = gateway.Legal{Status: "active"}
	good := b.terms(clerk, mandate.Sign)
	stamp := func(d time.Duration) string { return b.clock.now().Add(d).Format(time.RFC3339) }
	used := b.claims(boss, mandate.StatementType, b.terms(stranger, mandate.Sign))
	_, err := b.give(boss, used)
	must(t, err)
	revoke, err := b.Challenge(mandate.RevokeType)
	must(t, err)
	for _, test := range []struct {
		name, field string
		value       any
		code        string
	}{
		{"for another organisation", "legal_id", elsewhere, "mandate_not_signatory"},
		{"for one that nobody knows", "legal_id", "10121752949", "mandate_company_unknown"},
		{"with a legal id that does not hold", "legal_id", "14003456781", "legal_id_invalid"},
		{"with a national code that does not hold", "national_code", "1234567890", "national_code_invalid"},
		{"without a title", "title", "", "name_empty"},
		{"with bidi controls in the title", "title", "مدیر\u202eفروش", "name_control_character"},
		{"without a scope", "scopes", []string{}, "mandate_terms"},
		{"with a scope that is none", "scopes", []string{"everything"}, "mandate_terms"},
		{"with a scope twice", "scopes", []string{"sign", "sign"}, "mandate_terms"},
		{"with a reference that can be guessed", "reference", "1", "mandate_terms"},
		{"that passes on what it does not have", "delegate", true, "mandate_terms"},
		{"that has ended", "valid_to", stamp(-time.Hour), "mandate_terms"},
		{"that ends before it begins", "valid_to", stamp(0), "mandate_terms"},
		{"without an end", "valid_to", stamp(4 * 366 * day), "mandate_terms"},
		{"that begins in years", "valid_from", stamp(400 * day), "mandate_terms"},
		{"under a mandate that is none", "under", "m-1", "mandate_terms"},
		{"under one that nobody has", "under", "m-" + strings.Repeat("0", 32), "mandate_not_administrator"},
		{"for another service", "aud", "https://elsewhere.example", "statement_audience"},
		{"of another certificate", "certificate_sha256", strings.Repeat("0", 64), "statement_certificate"},
		{"of another type", "type", "mohr-renew/1", "statement_type"},
		{"signed an hour ago", "iat", b.clock.now().Add(-time.Hour).Unix(), "statement_time"},
		{"past its time", "exp", b.clock.now().Add(-time.Second).Unix(), "statement_time"},
		{"with a field too many", "more", 1, "statement_malformed"},
		{"with a nonce for another deed", "nonce", revoke.Nonce, "nonce_unknown"},
		{"with a nonce that was used", "nonce", used["nonce"], "nonce_used"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := *b
			b.t = t
			b.refused(test.name, boss, good.with(test.field, test.value), test.code)
		})
	}
	b.given(boss, good) // and this is all it takes
}

func TestWhoGivesNoMandate(t *testing.T) {
	b := newBench(t, nil)
	boss, clerk := b.signatory(true), b.natural()
	terms := b.terms(clerk, mandate.Sign)
	b.refused("one whom the register does not list", b.natural(), terms, "mandate_not_signatory")
	b.refused("the mandatary", clerk, terms, "mandate_not_signatory")
	b.refused("an authentication key", b.certified(boss.Person, ca.NaturalAuth), terms, "mandate_certificate_usage")
	b.refused("a key that commits to nothing", b.certified(boss.Person, ca.NaturalSignC), terms, "mandate_certificate_usage")
	b.refused("a seal", b.certified(boss.Person, ca.OrganisationSeal), terms, "mandate_certificate_usage")
	foreign := boss.Person
	foreign.LegalID = elsewhere
	b.refused("a certificate of another organisation", b.certified(foreign, ca.OrganisationSign), terms, "mandate_business_foreign")
	stranger, _ := catest.New(t, b.clock.now).IssueTo(t, boss.Person, ca.NaturalSign, "one")
	b.refused("another authority's certificate", who{boss.Person, stranger, boss.cert}, terms, "certificate_foreign")
	revoked, held := b.certified(boss.Person, ca.NaturalSign), b.certified(boss.Person, ca.NaturalSign)
	must(t, b.f.Revoke(t.Context(), revoked.cert.Serial, ca.Unspecified, "holder"))
	b.refused("a revoked certificate", revoked, terms, "certificate_revoked")
	must(t, b.f.Suspend(t.Context(), held.cert.Serial, "operator:sara"))
	b.refused("a suspended certificate", held, terms, "certificate_suspended")
	b.given(b.certified(boss.Person, ca.OrganisationSign), terms)
}

func TestARegisterThatDoesNotSayYesGivesNoMandate(t *testing.T) {
	for _, test := range []struct {
		name string
		ill  func(*register)
		code string
	}{
		{"one that is down", func(r *register) { r.down = true }, "mandate_registry_unavailable"},
		{"one that contradicts itself", func(r *register) { r.twice = true }, "mandate_registry_unavailable"},
		{"one that cannot tell", func(r *register) { r.unsure = true }, "mandate_registry_unavailable"},
		{"of a dissolved organisation", func(r *register) { r.says(func(l *gateway.Legal) { l.Status = "dissolved" }) }, "mandate_company_not_active"},
		{"that lists nobody", func(r *register) { r.says(func(l *gateway.Legal) { l.Signatories = nil }) }, "mandate_not_signatory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, nil)
			boss, clerk := b.signatory(true), b.natural()
			test.ill(b.register)
			b.refused(test.name, boss, b.terms(clerk, mandate.Sign), test.code)
		})
	}
}
