package badge_test

import (
	"crypto/x509"
	"testing"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/mandate"
	"mohr/ca/mandate/mandatetest"
	"mohr/internal/fault"
)

// introduced is an operator known to be the person.
func (b *bench) introduced(t testing.TB, name string, p catest.Person) *x509.Certificate {
	t.Helper()
	leaf := b.operator(t, name, ca.RoleRegistrar, ca.RoleOfficer)
	if err := b.ca.IntroduceOperator(t.Context(), name, b.ca.Holder(p.NationalCode)); err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestAnOfficerHasNoPartInWhatHeDecides(t *testing.T) {
	other := clerk()
	other.NationalCode = "0084575948"
	for _, test := range []struct {
		name string
		who  catest.Person
		part func(*testing.T, *bench, badge.Badge)
		own  bool
	}{
		{"a stranger decides", clerk(), func(*testing.T, *bench, badge.Badge) {}, false},
		{"who asked for it does not", catest.Zahra, func(*testing.T, *bench, badge.Badge) {}, true},
		{"who has a mandate of the business does not", clerk(), func(t *testing.T, b *bench, _ badge.Badge) {
			mandatetest.Give(t, b.ca, catest.Zahra.LegalID, clerk().NationalCode, mandate.ComplaintAnswer)
		}, true},
		{"who had one does not", clerk(), func(t *testing.T, b *bench, _ badge.Badge) {
			mandatetest.Give(t, b.ca, catest.Zahra.LegalID, clerk().NationalCode, mandate.BadgeRequest).Revoke(false)
		}, true},
		{"who gave one does not", mandatetest.Boss, func(t *testing.T, b *bench, _ badge.Badge) {
			mandatetest.Give(t, b.ca, catest.Zahra.LegalID, other.NationalCode, mandate.BadgeRequest)
		}, true},
		{"who has a certificate of the business does not", clerk(), func(t *testing.T, b *bench, _ badge.Badge) {
			b.ca.IssueTo(t, clerk(), ca.OrganisationSign, "second")
		}, true},
		{"who has a mandate of another business decides", clerk(), func(t *testing.T, b *bench, _ badge.Badge) {
			mandatetest.Give(t, b.ca, "10323012419", clerk().NationalCode, mandate.BadgeRequest)
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			got := b.granted(t)
			leaf := b.introduced(t, "reza", test.who)
			test.part(t, b, got)
			want := ""
			if test.own {
				want = "badge_own_matter"
			}
			check := func(what string, err error) {
				t.Helper()
				if fault.Code(err) != want {
					t.Errorf("%s: %v, want %q", what, err, want)
				}
			}
			_, err := b.MarkFake(t.Context(), leaf, "evil.example", got.ID)
			check("a fake", err)
			_, err = b.Do(t.Context(), leaf, got.ID, badge.Suspend, badge.Misuse, "x")
			check("a suspension", err)
			_, err = b.Do(t.Context(), b.operator(t, "maryam", ca.RoleRegistrar), got.ID, badge.Revoke, badge.Fraud, "x")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.appeal(t, "appeal-1"); err != nil {
				t.Fatal(err)
			}
			if test.own { // the stranger decided of it above
				_, err = b.DecideAppeal(t.Context(), leaf, got.ID, badge.Upheld, "x")
				check("the appeal", err)
			}
		})
	}
}

// TestWhoSignedARenewalOnceDecidesNothing: one whom the business's register alone
// lets bind it is known here by nothing but the letter, also when a later
// renewal was somebody else's.
func TestWhoSignedARenewalOnceDecidesNothing(t *testing.T) {
	b := newBench(t)
	got, key := b.nearEnd(t, 30)
	leaf := b.introduced(t, "reza", clerk())
	own, _ := b.ca.IssueTo(t, clerk(), ca.NaturalSign, "clerk")
	if _, err := b.renewal(t, own, "renewal-1"); err != nil {
		t.Fatal(err)
	}
	if after, err := b.renewal(t, key, "renewal-2"); err != nil || after.Renewal.Holder != b.ca.Holder(catest.Zahra.NationalCode) {
		t.Fatalf("%+v, %v", after.Renewal, err)
	}
	if _, err := b.Do(t.Context(), leaf, got.ID, badge.Suspend, badge.Misuse, "x"); fault.Code(err) != "badge_own_matter" {
		t.Errorf("%v", err)
	}
}
