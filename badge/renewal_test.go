package badge_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// phone is a phone that takes messages.
type phone struct {
	mu   sync.Mutex
	err  error
	sent []string
}

func (p *phone) Mobile(context.Context, ca.Certificate) (string, error) {
	return catest.Zahra.Mobile, nil
}

// Born is known of a phone's owner too.
func (p *phone) Born(ctx context.Context, c ca.Certificate) (string, error) {
	return papers{}.Born(ctx, c)
}

func (p *phone) Notify(_ context.Context, to, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.sent = append(p.sent, to+" "+text)
	return nil
}

// take returns what came since the last time.
func (p *phone) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.sent
	p.sent = nil
	return sent
}

// yearly lets the merchant renew its certificate whenever it must, and
// returns the current key: badges outlive certificates.
func (b *bench) renewal(t testing.TB, key ca.SigningKey, request string) (badge.Badge, error) {
	t.Helper()
	a := b.askWith(key)
	a.Request, a.Action = request, badge.ActionRenewal
	return b.Request(t.Context(), b.sign(t, key, a))
}

// nearEnd takes a granted badge to so many days before its end, with a new
// certificate for the merchant.
func (b *bench) nearEnd(t testing.TB, days int) (badge.Badge, ca.SigningKey) {
	t.Helper()
	b.registry.set(func(r *registry) { r.licence.ValidTo = "2040-01-01" })
	got := b.granted(t)
	b.clock.pass(300 * 24 * time.Hour)
	key, _ := b.renewed(t, 0)
	b.clock.pass(got.ValidTo.Sub(b.clock.Now()) - time.Duration(days)*24*time.Hour)
	return got, key
}

func TestABadgeIsRenewedByARequestAndANewProof(t *testing.T) {
	b := newBench(t)
	got, key := b.nearEnd(t, 59)
	pending, err := b.renewal(t, key, "renewal-1")
	if err != nil || pending.ID != got.ID || pending.State != badge.Active || !pending.ValidTo.Equal(got.ValidTo) || pending.Renewal == nil {
		t.Fatalf("%s %s to %s, %v", pending.ID, pending.State, pending.ValidTo, err)
	}
	r, err := b.Show(t.Context(), got.ID)
	if err != nil || r.Renewal == nil || r.Renewal.Challenge == nil || r.Renewal.Challenge.Token == got.Challenge.Token || !slices.Equal(r.Renewal.WaitingFor, []badge.Party{badge.ForApplicant}) {
		t.Fatalf("renewal %+v, %v", r.Renewal, err)
	}
	b.shop.put(got.Challenge) // the old proof does not serve
	if after, err := b.Check(t.Context(), got.ID); err != nil || after.Renewal == nil {
		t.Fatalf("renewed by the old proof: %v", err)
	}
	b.shop.put(*r.Renewal.Challenge)
	after, err := b.Check(t.Context(), got.ID)
	if err != nil || after.Renewal != nil || !after.ValidTo.Equal(got.ValidTo.Add(365*24*time.Hour)) || after.State != badge.Active {
		t.Fatalf("%s to %s, renewal %+v, %v", after.State, after.ValidTo, after.Renewal, err)
	}
	r, err = b.Show(t.Context(), got.ID)
	if err != nil || r.History[len(r.History)-1].Why != "renewed" || r.History[len(r.History)-2].Why != "renewal_received" {
		t.Errorf("history %v, %v", r.History, err)
	}
	b.replays(t, got.ID)
	if err := b.ca.Revoke(t.Context(), ca.SerialText(key.Certificate.SerialNumber), ca.KeyCompromise, "holder"); err != nil {
		t.Fatal(err)
	}
	if state, _ := b.state(t, got.ID); state != badge.Revoked {
		t.Errorf("the certificate that renewed it is revoked and the badge is %s", state)
	}
}

func TestRenewalsThatAreRefused(t *testing.T) {
	t.Run("too early", func(t *testing.T) {
		b := newBench(t)
		_, key := b.nearEnd(t, 61)
		if _, err := b.renewal(t, key, "renewal-1"); fault.Code(err) != "badge_renewal_early" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("of no badge", func(t *testing.T) {
		b := newBench(t)
		if _, err := b.renewal(t, b.key, "renewal-1"); fault.Code(err) != "badge_none_to_renew" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("by another business", func(t *testing.T) {
		b := newBench(t)
		b.nearEnd(t, 30)
		p := catest.Zahra
		p.NationalCode, p.LegalID, p.Mobile = "0087654326", "10380284790", "+989121234568"
		key, _ := b.ca.IssueTo(t, p, ca.OrganisationSign, "application-2")
		a := b.askWith(key)
		a.LegalID, a.Request, a.Action = p.LegalID, "renewal-1", badge.ActionRenewal
		if _, err := b.Request(t.Context(), b.sign(t, key, a)); fault.Code(err) != "badge_none_to_renew" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("by facts that do not hold, and the badge goes on to its end", func(t *testing.T) {
		b := newBench(t)
		got, key := b.nearEnd(t, 30)
		if _, err := b.renewal(t, key, "renewal-1"); err != nil {
			t.Fatal(err)
		}
		b.clock.pass(8 * 24 * time.Hour)
		after, err := b.Check(t.Context(), got.ID)
		if err != nil || after.State != badge.Active || !after.ValidTo.Equal(got.ValidTo) || after.Renewal == nil || after.Renewal.Refused != "domain_not_proven_in_time" {
			t.Fatalf("%s to %s, renewal %+v, %v", after.State, after.ValidTo, after.Renewal, err)
		}
		if _, err := b.renewal(t, key, "renewal-2"); err != nil {
			t.Errorf("a second try: %v", err)
		}
	})
	t.Run("of a badge whose time is over", func(t *testing.T) {
		b := newBench(t)
		_, key := b.nearEnd(t, 0)
		if _, err := b.renewal(t, key, "renewal-1"); fault.Code(err) != "badge_none_to_renew" {
			t.Errorf("got %v", err)
		}
	})
}

func TestRemindersGoOutOnce(t *testing.T) {
	p := &phone{}
	b := newBench(t, func(c *badge.Config) { c.People, c.Notifier = p, p })
	b.registry.set(func(r *registry) { r.licence.ValidTo = "2040-01-01" })
	got := b.granted(t)
	b.clock.pass(300 * 24 * time.Hour)
	b.renewed(t, 0)
	day := func() int {
		t.Helper()
		b.clock.pass(24 * time.Hour)
		b.recheck(t)
		if err := b.SendNotices(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(p.take())
	}
	b.clock.pass(got.ValidTo.Sub(b.clock.Now()) - 63*24*time.Hour)
	var days []int
	for left := 62; left > 0; left-- {
		if n := day(); n == 1 {
			days = append(days, left)
		} else if n > 1 {
			t.Errorf("%d messages %d days before", n, left)
		}
	}
	if !slices.Equal(days, []int{60, 30, 7}) {
		t.Errorf("messages %v days before the end", days)
	}
}

func TestAnOperatorsSuspensionIsToldWithItsDay(t *testing.T) {
	p := &phone{}
	b := newBench(t, func(c *badge.Config) { c.People, c.Notifier = p, p })
	got := b.granted(t)
	registrar := b.operator(t, "maryam", ca.RoleRegistrar)
	for _, test := range []struct {
		kind   badge.DeedKind
		ground badge.Ground
		want   string
	}{
		{badge.Suspend, badge.Misuse, "۲ دی ۱۴۰۵"}, // thirty days after 2 Azar
		{badge.Revoke, badge.Fraud, "باطل شد"},
	} {
		if _, err := b.Do(t.Context(), registrar, got.ID, test.kind, test.ground, "x"); err != nil {
			t.Fatal(err)
		}
		if err := b.SendNotices(t.Context()); err != nil {
			t.Fatal(err)
		}
		if sent := p.take(); len(sent) != 1 || !strings.Contains(sent[0], test.want) {
			t.Errorf("%s: sent %q", test.kind, sent)
		}
	}
}

func TestAMessageThatFailsIsSentLaterAndNamesNobody(t *testing.T) {
	p := &phone{err: errDown}
	b := newBench(t, func(c *badge.Config) { c.People, c.Notifier = p, p })
	got := b.granted(t)
	b.registry.set(func(r *registry) { r.legal.Status = "dissolved" })
	b.clock.pass(25 * time.Hour)
	b.recheck(t)
	if err := b.SendNotices(t.Context()); err == nil {
		t.Fatal("the failure is not reported")
	}
	p.err = nil
	if err := b.SendNotices(t.Context()); err != nil {
		t.Fatal(err)
	}
	sent := p.take()
	if len(sent) != 1 || !strings.Contains(sent[0], domain) || !strings.Contains(sent[0], string(got.ID)) || !strings.Contains(sent[0], "معلق") {
		t.Errorf("sent %q", sent)
	}
	if err := b.SendNotices(t.Context()); err != nil || len(p.take()) != 0 {
		t.Errorf("sent again, %v", err)
	}
}

func TestASuspensionThatNobodyMendsEndsTheBadgeAfterItsNotice(t *testing.T) {
	b := newBench(t)
	got := b.granted(t)
	b.registry.set(func(r *registry) { r.legal.Status = "dissolved" })
	b.clock.pass(25 * time.Hour)
	b.recheck(t)
	r, err := b.Show(t.Context(), got.ID)
	if want := b.clock.Now().Add(30 * 24 * time.Hour); err != nil || r.State != badge.Suspended || !r.RevokesAt.Equal(want) {
		t.Fatalf("%s, revoked on %s, want %s, %v", r.State, r.RevokesAt, want, err)
	}
	b.clock.pass(29 * 24 * time.Hour)
	b.registry.set(func(r *registry) { r.err = errDown })
	b.recheck(t)
	b.clock.pass(25 * time.Hour)
	b.recheck(t)
	if state, _ := b.state(t, got.ID); state != badge.Suspended {
		t.Fatalf("a silent registry revoked it: %s", state)
	}
	b.registry.set(func(r *registry) { r.err = nil })
	b.clock.pass(25 * time.Hour)
	b.recheck(t)
	if state, why := b.state(t, got.ID); state != badge.Revoked || why != "suspended_too_long" {
		t.Errorf("%s, %s", state, why)
	}
}

func TestASoleTraderHasAnOpaqueIdAndNoCodeIsPublic(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
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
	if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != badge.Active || !strings.HasPrefix(string(got.Business), "s-") {
		t.Fatalf("%s of %s, %v: %v", got.State, got.Business, err, why(got))
	}
	if strings.Contains(string(got.Business), strings.TrimPrefix(string(got.Holder), "h-")) {
		t.Error("the opaque id gives the holder away")
	}
	b.replays(t, got.ID)
	if !strings.Contains(b.dump(t, "complaints_traders"), string(got.Business)) {
		t.Error("consumers cannot complain about this trader")
	}
	all := b.dump(t, "badge_badges", "badge_history", "badge_traces", "badge_domains", "badge_named", "badge_answers", "badge_decided", "ledger_pending")
	for _, path := range []string{"/badge/" + string(got.ID), "/badge/" + string(got.ID) + ".svg", "/badge/" + string(got.ID) + ".jwt", "/api/v1/badges/" + string(got.ID)} {
		all += get(t, s.URL+path).body
	}
	for _, secret := range []string{trader.NationalCode, trader.LastName, trader.Mobile} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is public", secret)
		}
	}
	other := b.askWith(b.key)
	other.LegalID, other.Request = string(got.Business), "request-9"
	if _, err := b.Request(t.Context(), b.sign(t, b.key, other)); fault.Code(err) != "badge_business_foreign" {
		t.Errorf("another person asks as this trader: %v", err)
	}
}

func TestEachLicenceIsAskedForAndHasToHold(t *testing.T) {
	for _, test := range []struct {
		name  string
		set   func(*registry)
		state badge.State
		why   badge.Why
	}{
		{"both hold", func(*registry) {}, badge.Active, "all_checks_hold"},
		{"the second has expired", func(r *registry) { r.second.ValidTo = "2020-01-01" }, badge.Refused, "licence_expired"},
		{"the second is not known", func(r *registry) { r.second.Type = "other" }, badge.Refused, "licence_unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.registry.set(func(r *registry) {
				r.second = gateway.Licence{Result: gateway.Match, LegalID: catest.Zahra.LegalID, Type: "cosmetics", Number: "CO-1", ValidTo: "2030-01-01"}
				test.set(r)
			})
			a := b.ask()
			a.Licences = []badge.Licence{{Type: "cosmetics"}}
			got, err := b.Request(t.Context(), b.sign(t, b.key, a))
			if err != nil {
				t.Fatal(err)
			}
			b.shop.put(got.Challenge)
			if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != test.state || got.Why != test.why {
				t.Fatalf("%s, %s, %v", got.State, got.Why, err)
			}
			if test.state == badge.Active && len(got.Licences) != 2 {
				t.Errorf("licences %v", got.Licences)
			}
			b.replays(t, got.ID)
		})
	}
	b := newBench(t)
	a := b.ask()
	a.Licences = []badge.Licence{{Type: licence}}
	if _, err := b.Request(t.Context(), b.sign(t, b.key, a)); fault.Code(err) != "badge_licences_many" {
		t.Errorf("one kind twice: %v", err)
	}
}
