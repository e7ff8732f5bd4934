package badge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// state is how the badge stands for everybody, as its record shows it.
func (b *bench) state(t *testing.T, id badge.ID) (badge.State, badge.Why) {
	t.Helper()
	r, err := b.Show(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r.State, r.Why
}

func (b *bench) recheck(t *testing.T) {
	t.Helper()
	if err := b.Recheck(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestARevokedCertificateEndsTheBadgeAtOnce(t *testing.T) {
	for _, reason := range []ca.Reason{ca.KeyCompromise, ca.AffiliationChanged, ca.CessationOfOperation, ca.PrivilegeWithdrawn, ca.Unspecified} {
		t.Run(string(reason), func(t *testing.T) {
			b := newBench(t)
			got := b.granted(t)
			if _, err := b.SignedCredential(t.Context(), got.ID); err != nil {
				t.Fatal(err)
			}
			if err := b.ca.Revoke(t.Context(), b.cert.Serial, reason, "holder"); err != nil {
				t.Fatal(err)
			}
			if state, why := b.state(t, got.ID); state != badge.Revoked || why != "certificate_revoked" {
				t.Errorf("state %s, why %s", state, why)
			}
			if _, err := b.SignedCredential(t.Context(), got.ID); fault.Code(err) != "badge_not_active" {
				t.Errorf("credential: %v", err)
			}
			b.clock.pass(25 * time.Hour)
			b.recheck(t)
			if all := b.dump(t, "badge_history", "ledger_pending"); strings.Count(all, `"revoked"`) != 1 {
				t.Errorf("the job did not write it down once:\n%s", all)
			}
		})
	}
}

// A hold can be lifted: the badge waits for that and is not lost.
func TestASuspendedCertificateSuspendsTheBadgeUntilItIsResumed(t *testing.T) {
	b := newBench(t)
	got := b.granted(t)
	b.clock.pass(time.Hour)
	if err := b.ca.Suspend(t.Context(), b.cert.Serial, "holder"); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"at once", "after the job"} {
		if state, why := b.state(t, got.ID); state != badge.Suspended || why != "certificate_suspended" {
			t.Fatalf("%s the badge is %s, %s", when, state, why)
		}
		b.clock.pass(30 * time.Hour)
		b.recheck(t)
	}
	if err := b.ca.Resume(t.Context(), b.cert.Serial, "operator:a"); err != nil {
		t.Fatal(err)
	}
	b.clock.pass(30 * time.Hour)
	b.recheck(t)
	if state, why := b.state(t, got.ID); state != badge.Active {
		t.Errorf("after the hold was lifted the badge is %s, %s", state, why)
	}
}

func TestARenewedCertificateKeepsTheBadge(t *testing.T) {
	for _, test := range []struct {
		name    string
		overlap time.Duration
	}{
		{"where the old one ends at once", 0},
		{"where the old one lives on for two weeks", 14 * 24 * time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			got := b.granted(t)
			_, renewed := b.renewed(t, test.overlap)
			if state, why := b.state(t, got.ID); state != badge.Active {
				t.Fatalf("state %s, why %s", state, why)
			}
			b.clock.pass(25 * time.Hour)
			b.recheck(t)
			if state, why := b.state(t, got.ID); state != badge.Active {
				t.Fatalf("a day later: state %s, why %s", state, why)
			}
			if err := b.ca.Revoke(t.Context(), renewed.Serial, ca.KeyCompromise, "holder"); err != nil {
				t.Fatal(err)
			}
			if state, _ := b.state(t, got.ID); state != badge.Revoked {
				t.Errorf("the renewed one is revoked and the badge is %s", state)
			}
		})
	}
}

func TestTheOldCertificateTakesTheBadgeAlongDuringTheOverlap(t *testing.T) {
	b := newBench(t)
	got := b.granted(t)
	b.renewed(t, 14*24*time.Hour)
	if err := b.ca.Revoke(t.Context(), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
		t.Fatal(err)
	}
	if state, _ := b.state(t, got.ID); state != badge.Revoked {
		t.Errorf("state %s", state)
	}
}

func TestWatchingABadge(t *testing.T) {
	b := newBench(t)
	got := b.granted(t)
	b.shop.Close() // the proof may go, once it has been seen
	step := func(name string, change func(*registry), want badge.State, why badge.Why) {
		t.Helper()
		b.registry.set(change)
		b.clock.pass(25 * time.Hour)
		b.recheck(t)
		if state, w := b.state(t, got.ID); state != want || w != why {
			t.Fatalf("%s: state %s, why %s", name, state, w)
		}
	}
	step("nothing changed", func(*registry) {}, badge.Active, "all_checks_hold")
	step("the licence ran out", func(r *registry) { r.licence.ValidTo = "2026-11-24" }, badge.Suspended, "licence_expired")
	step("the registry is silent", func(r *registry) { r.err = errDown }, badge.Suspended, "licence_expired")
	step("the licence was extended", func(r *registry) { r.err, r.licence.ValidTo = nil, "2029-01-01" }, badge.Active, "all_checks_hold")
	step("the registry is silent again", func(r *registry) { r.err = errDown }, badge.Active, "all_checks_hold")
	step("the company was dissolved", func(r *registry) { r.err, r.legal.Status = nil, "dissolved" }, badge.Suspended, "company_not_active")
	step("the company is active again", func(r *registry) { r.legal.Status = "active" }, badge.Active, "all_checks_hold")
	step("who signed lives no more", func(r *registry) { r.dead = true }, badge.Suspended, "signer_cannot_act")
	b.replays(t, got.ID)
	b.clock.pass(366 * 24 * time.Hour)
	if state, _ := b.state(t, got.ID); state != badge.Expired {
		t.Errorf("a year later: %s", state)
	}
	b.recheck(t)
	if n := b.count(t, "badge_due"); n != 0 {
		t.Errorf("%d checks are due for a badge that has ended", n)
	}
}

func TestABadgeIsGivenBack(t *testing.T) {
	b := newBench(t)
	got := b.granted(t)
	a := b.ask()
	a.Request, a.Action, a.Licence = "request-2", badge.ActionWithdrawal, badge.Licence{}
	raw := b.sign(t, b.key, a)
	for range 2 { // the second time gives the same answer
		back, err := b.Request(t.Context(), raw)
		if err != nil || back.ID != got.ID || back.State != badge.Revoked || back.Why != "withdrawn" {
			t.Fatalf("got %s %s %s, %v", back.ID, back.State, back.Why, err)
		}
	}
	a = b.ask()
	a.Request = "request-3"
	if next, err := b.Request(t.Context(), b.sign(t, b.key, a)); err != nil || next.ID == got.ID {
		t.Errorf("asking again: %s, %v", next.ID, err)
	}
}

func TestAnOpenRequestIsGivenUp(t *testing.T) {
	b := newBench(t)
	got := b.request(t)
	a := b.ask()
	a.Request, a.Action = "request-2", badge.ActionWithdrawal
	back, err := b.Request(t.Context(), b.sign(t, b.key, a))
	if err != nil || back.ID != got.ID || back.State != badge.Refused || back.Why != "withdrawn" {
		t.Fatalf("got %s %s %s, %v", back.ID, back.State, back.Why, err)
	}
	b.shop.put(got.Challenge)
	if after, err := b.Check(t.Context(), got.ID); err != nil || after.State != badge.Refused {
		t.Errorf("checked later: %s, %v", after.State, err)
	}
}

func TestANewProofOfADomainSuspendsTheOldBadge(t *testing.T) {
	b := newBench(t)
	first := b.granted(t)
	second := b.rival(t)
	if state, _ := b.state(t, first.ID); state != badge.Active {
		t.Fatalf("a mere request: the first badge is %s", state)
	}
	b.shop.put(second.Challenge)
	second, err := b.Check(t.Context(), second.ID)
	if err != nil || second.State != badge.Active {
		t.Fatalf("state %s, %v: %v", second.State, err, why(second))
	}
	b.clock.pass(25 * time.Hour)
	b.recheck(t)
	if state, why := b.state(t, first.ID); state != badge.Suspended {
		t.Errorf("the first badge is %s because of %s", state, why)
	}
	found, err := b.OfDomain(t.Context(), " Shop.example ")
	if err != nil || len(found) != 2 || found[0].ID != second.ID {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestABadgeSuspendedBeforeItsDomainWasTakenOverStaysSuspended(t *testing.T) {
	b := newBench(t)
	first := b.granted(t)
	before := b.registry.legal
	b.registry.set(func(r *registry) { r.legal.Status = "under review" })
	b.clock.pass(25 * time.Hour)
	b.recheck(t)
	if state, why := b.state(t, first.ID); state != badge.Suspended || why != "company_not_active" {
		t.Fatalf("state %s because of %s", state, why)
	}
	second := b.rival(t)
	b.shop.put(second.Challenge)
	second, err := b.Check(t.Context(), second.ID)
	if err != nil || second.State != badge.Active {
		t.Fatalf("state %s, %v: %v", second.State, err, why(second))
	}
	b.registry.set(func(r *registry) { r.legal, r.licence.LegalID = before, before.LegalID })
	b.clock.pass(25 * time.Hour)
	b.recheck(t)
	if state, why := b.state(t, first.ID); state != badge.Suspended || why != "domain_taken_over" {
		t.Errorf("the old owner's badge is %s because of %s", state, why)
	}
}

// rival has another company ask for the domain; the registries know it alone
// from then on.
func (b *bench) rival(t *testing.T) badge.Badge {
	t.Helper()
	p := catest.Zahra
	p.NationalCode, p.LegalID, p.LegalName, p.Mobile = "0087654326", "10380284790", "فروشگاه دیگر", "+989121234568"
	key, _ := b.ca.IssueTo(t, p, ca.OrganisationSign, "application-2")
	b.registry.set(func(r *registry) {
		r.legal = gateway.Legal{
			Result: gateway.Match, LegalID: p.LegalID, Name: p.LegalName, Status: "active",
			Signatories: []gateway.Signatory{{NationalCode: p.NationalCode, Role: p.Role, Alone: true}},
		}
		r.licence.LegalID = p.LegalID
	})
	a := b.askWith(key)
	a.LegalID = p.LegalID
	got, err := b.Request(t.Context(), b.sign(t, key, a))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestUnknownBadges(t *testing.T) {
	b := newBench(t)
	for _, id := range []badge.ID{"", "b-0", "../x", badge.ID(strings.Repeat("x", 100))} {
		_, show := b.Show(t.Context(), id)
		_, check := b.CheckOnDemand(t.Context(), id)
		_, jwt := b.SignedCredential(t.Context(), id)
		_, receipt := b.Receipt(t.Context(), id)
		_, traces := b.Traces(t.Context(), id)
		for _, err := range []error{show, check, jwt, receipt, traces} {
			if !errors.Is(err, fault.NotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
}

func TestTheHistorySaysWhenNotWhenItWasNoticed(t *testing.T) {
	b := newBench(t)
	got := b.granted(t)
	b.clock.pass(time.Hour)
	if err := b.ca.Revoke(t.Context(), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
		t.Fatal(err)
	}
	b.clock.pass(30 * time.Hour)
	for _, when := range []string{"before the job", "after the job"} {
		r, err := b.Show(t.Context(), got.ID)
		if err != nil {
			t.Fatal(err)
		}
		last := r.History[len(r.History)-1]
		if last.State != badge.Revoked || !last.At.Equal(start.Add(time.Hour)) || len(r.History) != 4 {
			t.Errorf("%s: history %v", when, r.History)
		}
		b.recheck(t)
	}
}
