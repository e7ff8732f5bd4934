package badge_test

import (
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/mandate"
	"mohr/ca/mandate/mandatetest"
	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// clerk is somebody whom no register lets bind the business.
func clerk() catest.Person {
	p := catest.Zahra
	p.NationalCode, p.Mobile = "0087654326", "+989121234568"
	return p
}

func TestR8APersonAsksForABadgeByMandateOnly(t *testing.T) {
	for _, test := range []struct {
		name string
		give func(*testing.T, *bench)
		why  badge.Why // "": granted
	}{
		{"with none", func(*testing.T, *bench) {}, "signer_not_signatory"},
		{"with one", func(t *testing.T, b *bench) {
			mandatetest.Give(t, b.ca, catest.Zahra.LegalID, clerk().NationalCode, mandate.BadgeRequest)
		}, ""},
		{"with one for another scope", func(t *testing.T, b *bench) {
			mandatetest.Give(t, b.ca, catest.Zahra.LegalID, clerk().NationalCode, mandate.Sign, mandate.ComplaintAnswer)
		}, "signer_not_signatory"},
		{"with one for another organisation", func(t *testing.T, b *bench) {
			mandatetest.Give(t, b.ca, "10323012419", clerk().NationalCode, mandate.BadgeRequest)
		}, "signer_not_signatory"},
		{"with another person's", func(t *testing.T, b *bench) {
			mandatetest.Give(t, b.ca, catest.Zahra.LegalID, mandatetest.Boss.NationalCode, mandate.BadgeRequest)
		}, "signer_not_signatory"},
		{"with one that was taken back", func(t *testing.T, b *bench) {
			mandatetest.Give(t, b.ca, catest.Zahra.LegalID, clerk().NationalCode, mandate.BadgeRequest).Revoke(false)
		}, "signer_not_signatory"},
		{"of a dissolved organisation", func(t *testing.T, b *bench) {
			mandatetest.Give(t, b.ca, catest.Zahra.LegalID, clerk().NationalCode, mandate.BadgeRequest)
			b.registry.set(func(r *registry) { r.legal.Status = "dissolved" })
		}, "company_not_active"},
		{"as a joint signatory with none", func(t *testing.T, b *bench) {
			b.registry.set(func(r *registry) {
				r.legal.Signatories = []gateway.Signatory{{NationalCode: clerk().NationalCode, Role: "عضو"}}
			})
		}, "signer_signs_jointly"},
		{"as a joint signatory with one", func(t *testing.T, b *bench) {
			b.registry.set(func(r *registry) {
				r.legal.Signatories = []gateway.Signatory{{NationalCode: clerk().NationalCode, Role: "عضو"}}
			})
			mandatetest.Give(t, b.ca, catest.Zahra.LegalID, clerk().NationalCode, mandate.BadgeRequest)
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			test.give(t, b)
			key, _ := b.ca.IssueTo(t, clerk(), ca.NaturalSign, "clerk")
			got, err := b.Request(t.Context(), b.sign(t, key, b.askWith(key)))
			if err != nil {
				t.Fatal(err)
			}
			b.shop.put(got.Challenge)
			if got, err = b.Check(t.Context(), got.ID); err != nil {
				t.Fatal(err)
			}
			if test.why == "" && got.State != badge.Active || test.why != "" && (got.State != badge.Refused || got.Why != test.why) {
				t.Errorf("state %s, why %s: %v", got.State, got.Why, why(got))
			}
		})
	}
}

func TestABadgeAskedForByMandateIsSuspendedWhenThatEnds(t *testing.T) {
	b := newBench(t)
	given := mandatetest.Give(t, b.ca, catest.Zahra.LegalID, clerk().NationalCode, mandate.BadgeRequest)
	key, _ := b.ca.IssueTo(t, clerk(), ca.NaturalSign, "clerk")
	got, err := b.Request(t.Context(), b.sign(t, key, b.askWith(key)))
	if err != nil {
		t.Fatal(err)
	}
	b.shop.put(got.Challenge)
	if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != badge.Active {
		t.Fatalf("%s, %v", got.State, err)
	}
	given.Revoke(false)
	b.clock.pass(48 * time.Hour)
	if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != badge.Suspended || got.Why != "signer_not_signatory" {
		t.Errorf("state %s, why %s, %v", got.State, got.Why, err)
	}
}

func TestABadgeIsGivenBackByWhoMayAskForIt(t *testing.T) {
	b := newBench(t)
	granted := b.granted(t)
	key, _ := b.ca.IssueTo(t, clerk(), ca.NaturalSign, "clerk")
	withdraw := func(id string) (badge.Badge, error) {
		a := b.askWith(key)
		a.Action, a.Request, a.JTI = badge.ActionWithdrawal, id, id
		return b.Request(t.Context(), b.sign(t, key, a))
	}
	if _, err := withdraw("first"); fault.Code(err) != "badge_none_to_withdraw" {
		t.Errorf("without a mandate: %v", err)
	}
	mandatetest.Give(t, b.ca, catest.Zahra.LegalID, clerk().NationalCode, mandate.ComplaintAnswer)
	if _, err := withdraw("second"); fault.Code(err) != "badge_none_to_withdraw" {
		t.Errorf("with one for another scope: %v", err)
	}
	mandatetest.Give(t, b.ca, catest.Zahra.LegalID, clerk().NationalCode, mandate.BadgeRequest)
	if got, err := withdraw("third"); err != nil || got.ID != granted.ID || got.State != badge.Revoked {
		t.Errorf("%s, %v", got.State, err)
	}
}
