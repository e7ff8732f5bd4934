package mandate_test

import (
	"testing"

	"mohr/ca"
	"mohr/ca/mandate"
	"mohr/internal/store"
)

func TestWhoActsForABusiness(t *testing.T) {
	b := newBench(t, nil)
	boss, clerk, gone, waiting, stranger := b.signatory(true), b.natural(), b.natural(), b.natural(), b.natural()
	joint := b.signatory(false)
	certified := b.natural()
	certified.LegalID = company
	b.certified(certified.Person, ca.OrganisationSign)
	b.given(boss, b.terms(clerk, mandate.BadgeRequest))
	must(t, b.revoke(boss, b.given(boss, b.terms(gone, mandate.Sign)).ID, false, false))
	if _, err := b.give(joint, b.terms(waiting, mandate.Sign)); err != nil {
		t.Fatal(err)
	}
	trader := b.f.Trader(b.f.Holder(stranger.NationalCode))
	for _, test := range []struct {
		name string
		who  who
		of   ca.BusinessID
		want bool
	}{
		{"who has a certificate that names it", certified, company, true},
		{"who has a mandate, for whatever", clerk, company, true},
		{"who had one that was taken back", gone, company, true},
		{"who has one that waits for a signature", waiting, company, true},
		{"who gave one", boss, company, true},
		{"who signed with others", joint, company, true},
		{"a stranger does not", stranger, company, false},
		{"a sole trader for the own business", stranger, trader, true},
		{"nobody else for it", clerk, trader, false},
		{"not for another business", clerk, elsewhere, false},
		{"nobody for none", clerk, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			must(t, b.f.Store.View(t.Context(), func(tx store.Tx) error {
				got, err := mandate.ActsFor(tx, b.f.Authority, b.f.Holder(test.who.NationalCode), test.of)
				if got != test.want {
					t.Errorf("acts for it: %v", got)
				}
				return err
			}))
		})
	}
	must(t, b.f.Store.View(t.Context(), func(tx store.Tx) error {
		if acts, err := mandate.ActsFor(tx, b.f.Authority, "", company); acts || err != nil {
			t.Errorf("nobody known: %v, %v", acts, err)
		}
		return nil
	}))
}
