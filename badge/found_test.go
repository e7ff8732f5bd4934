package badge_test

import (
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/gateway"
)

func TestWhatNobodyLookedAtIsNotMeasured(t *testing.T) {
	temporary := func(a *badge.Ask) { a.Level = new(int) }
	for _, test := range []struct {
		name   string
		ask    func(*badge.Ask)
		rules  func(*badge.Rules)
		later  func(*bench)
		domain string // what the record says of the domain, and of the licence
		permit string
	}{
		{name: "all was looked at", domain: "true", permit: "true"},
		{name: "the name is gone", later: func(b *bench) {
			for _, r := range b.resolvers {
				r.forget(domain)
			}
		}, domain: "false", permit: "true"},
		{name: "all resolvers are blind", later: func(b *bench) {
			for _, r := range b.resolvers {
				r.set(domain, "")
			}
		}, permit: "true"},
		{name: "no licence was named", ask: func(a *badge.Ask) { temporary(a); a.Licence = badge.Licence{} }, domain: "true"},
		{name: "a licence of a kind that is not taken", ask: temporary, rules: func(r *badge.Rules) { r.LicenceTypes = []string{"medical"} }, domain: "true"},
		{name: "the licence has run out", ask: temporary, later: func(b *bench) {
			b.registry.set(func(r *registry) { r.licence.ValidTo = "2020-01-01" })
		}, domain: "true", permit: "false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, func(c *badge.Config) {
				if test.rules != nil {
					c.Rules = badge.DefaultRules()
					test.rules(&c.Rules)
				}
			})
			a := b.ask()
			if test.ask != nil {
				test.ask(&a)
			}
			got, err := b.Request(t.Context(), b.sign(t, b.key, a))
			if err != nil {
				t.Fatal(err)
			}
			b.shop.put(got.Challenge)
			if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != badge.Active {
				t.Fatalf("state %s, %v: %v", got.State, err, why(got))
			}
			if test.later != nil {
				test.later(b)
			}
			b.clock.pass(25 * time.Hour)
			b.recheck(t)
			said := map[string]string{}
			for line := range strings.Lines(b.dump(t, "complaints_measured")) {
				key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
				parts := strings.Split(key, "/")
				said[parts[len(parts)-2]] = value
			}
			if said["company_active_days"] != "true" || said["domain_held_days"] != test.domain || said["licence_valid_days"] != test.permit {
				t.Errorf("the record says %v", said)
			}
		})
	}
}

// TestOfASoleTraderNoCompanyWasLookedAt: that there is none to ask for is no
// look at one.
func TestOfASoleTraderNoCompanyWasLookedAt(t *testing.T) {
	b := newBench(t)
	trader := catest.Zahra
	trader.NationalCode, trader.Mobile = "0087654326", "+989121234568"
	key, _ := b.ca.IssueTo(t, trader, ca.NaturalSign, "application-2")
	b.registry.set(func(r *registry) {
		r.licence = gateway.Licence{Result: gateway.Match, LegalID: trader.NationalCode, Type: licence, Number: "88001", ValidTo: "2030-01-01"}
	})
	a := b.askWith(key)
	a.LegalID = ""
	got, err := b.Request(t.Context(), b.sign(t, key, a))
	if err != nil {
		t.Fatal(err)
	}
	b.shop.put(got.Challenge)
	if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != badge.Active {
		t.Fatalf("%s, %v: %v", got.State, err, why(got))
	}
	b.clock.pass(25 * time.Hour)
	b.recheck(t)
	said := b.dump(t, "complaints_measured")
	if strings.Contains(said, "company_active_days") || !strings.Contains(said, "licence_valid_days") {
		t.Errorf("the record says %s", said)
	}
}
