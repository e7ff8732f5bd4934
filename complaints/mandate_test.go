package complaints_test

import (
	"context"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/mandate"
	"mohr/ca/mandate/mandatetest"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// status is a company register that knows one thing: how the company stands.
type status struct {
	is          string
	down, twice bool
}

func (s *status) Legal(_ context.Context, id string) (gateway.Answer[gateway.Legal], error) {
	if s.down {
		return gateway.Answer[gateway.Legal]{}, fault.New(fault.Unavailable, registryDown, "the register does not answer; try again later")
	}
	return gateway.Answer[gateway.Legal]{Contradicts: s.twice, Value: gateway.Legal{Result: gateway.Match, LegalID: id, Status: s.is}}, nil
}

func TestR8APersonAnswersForABusinessByMandateOnly(t *testing.T) {
	clerk := catest.Zahra
	clerk.NationalCode, clerk.LegalID, clerk.Mobile = "0087654326", "", "+989121234568"
	give := func(business, code string, scopes ...mandate.Scope) func(*testing.T, *bench, *status) {
		return func(t *testing.T, b *bench, _ *status) { mandatetest.Give(t, b.ca, business, code, scopes...) }
	}
	good := give(string(shop), clerk.NationalCode, mandate.ComplaintAnswer)
	for _, test := range []struct {
		name    string
		profile string
		give    func(*testing.T, *bench, *status)
		code    string
	}{
		{"with none", ca.NaturalSign, func(*testing.T, *bench, *status) {}, "complaint_not_yours"},
		{"with one", ca.NaturalSign, good, ""},
		{"with one and a key that commits to nothing", ca.NaturalSignC, good, "complaint_not_yours"},
		{"with one and an authentication key", ca.NaturalAuth, good, "complaint_not_yours"},
		{"with one for another scope", ca.NaturalSign, give(string(shop), clerk.NationalCode, mandate.BadgeRequest), "mandate_scope"},
		{"with one for another business", ca.NaturalSign, give("10323012419", clerk.NationalCode, mandate.ComplaintAnswer), "complaint_not_yours"},
		{"with another person's", ca.NaturalSign, give(string(shop), mandatetest.Boss.NationalCode, mandate.ComplaintAnswer), "complaint_not_yours"},
		{"with one that was taken back", ca.NaturalSign, func(t *testing.T, b *bench, _ *status) {
			mandatetest.Give(t, b.ca, string(shop), clerk.NationalCode, mandate.ComplaintAnswer).Revoke(false)
		}, "mandate_ended"},
		{"with one that has ended", ca.NaturalSign, func(t *testing.T, b *bench, s *status) {
			good(t, b, s)
			b.clock.advance(mandatetest.Life)
		}, "mandate_ended"},
		{"of a dissolved business", ca.NaturalSign, func(t *testing.T, b *bench, s *status) {
			good(t, b, s)
			s.is = "dissolved"
		}, "complaint_company_not_active"},
		{"while the register is down", ca.NaturalSign, func(t *testing.T, b *bench, s *status) {
			good(t, b, s)
			s.down = true
		}, registryDown},
		{"while the register contradicts itself", ca.NaturalSign, func(t *testing.T, b *bench, s *status) {
			good(t, b, s)
			s.twice = true
		}, "complaint_company_unsure"},
	} {
		t.Run(test.name, func(t *testing.T) {
			register := &status{is: "active"}
			b := newBench(t, func(c *complaints.Config) { c.Businesses = register })
			ticket := b.file(t)
			test.give(t, b, register)
			b.key, _ = b.ca.IssueTo(t, clerk, test.profile, "clerk")
			a, err := b.Answer(t.Context(), ticket.ID, b.signed(t, b.key, b.says(ticket.ID, complaints.KindAnswer, nil)))
			if fault.Code(err) != test.code || (err == nil) != (test.code == "") {
				t.Fatalf("%+v, %v, want %q", a, err, test.code)
			}
		})
	}
}

func TestACertificateThatRestsOnAMandateAnswersOnlyWithThatScopeAndWhileItStands(t *testing.T) {
	clerk := catest.Zahra
	clerk.NationalCode, clerk.Mobile = "0087654326", "+989121234568"
	register := &status{is: "active"}
	b := newBench(t, func(c *complaints.Config) { c.Businesses = register })
	ticket := b.file(t)
	mandatetest.Give(t, b.ca, string(shop), clerk.NationalCode, mandate.Sign)
	b.key, _ = mandatetest.Certify(t, b.ca, clerk, string(shop), "clerk")
	answer := func() error {
		_, err := b.Answer(t.Context(), ticket.ID, b.signed(t, b.key, b.says(ticket.ID, complaints.KindHolding, nil)))
		return err
	}
	wantFault(t, answer(), fault.Denied, "mandate_scope")
	mandatetest.Give(t, b.ca, string(shop), clerk.NationalCode, mandate.ComplaintAnswer)
	if err := answer(); err != nil {
		t.Errorf("with the scope: %v", err)
	}
	b.clock.advance(mandatetest.Life - 1)
	register.is = "dissolved"
	wantFault(t, answer(), fault.Denied, "complaint_company_not_active")
}

func TestWhoBindsABusinessAnswersThoughItIsDissolvedOrItsRegisterDown(t *testing.T) {
	register := &status{is: "active"}
	b := newBench(t, func(c *complaints.Config) { c.Businesses = register })
	ticket := b.file(t)
	register.is, register.down = "dissolved", true
	b.answer(t, ticket.ID, complaints.KindAnswer)
}

func TestABusinessShowsItsOwnRecordToWhoAnswersForIt(t *testing.T) {
	b := newBench(t, nil)
	b.file(t)
	clerk := catest.Zahra
	clerk.NationalCode, clerk.LegalID, clerk.Mobile = "0087654326", "", "+989121234568"
	b.key, _ = b.ca.IssueTo(t, clerk, ca.NaturalSign, "clerk")
	ask := func() error {
		s := complaints.RecordStatement{Claims: b.says("", complaints.KindAnswer, nil).Claims, Business: string(shop)}
		s.Type, s.Nonce = complaints.RecordType, b.nonces.New(complaints.RecordNonce)
		_, err := b.OwnRecord(t.Context(), shop, b.signedAs(t, b.key, complaints.RecordType, s))
		return err
	}
	wantFault(t, ask(), fault.Denied, "record_not_yours")
	given := mandatetest.Give(t, b.ca, string(shop), clerk.NationalCode, mandate.ComplaintAnswer)
	if err := ask(); err != nil {
		t.Errorf("by mandate: %v", err)
	}
	given.Revoke(false)
	wantFault(t, ask(), fault.Denied, "mandate_ended")
}
