package badge_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/store"
)

// count returns how many records a bucket has.
func (b *bench) count(t testing.TB, bucket string) (n int) {
	t.Helper()
	err := b.Store.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan(bucket, "", "", func(string, []byte) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// dump returns every record of the room's buckets that the public may see
// something of, and the log's leaves.
func (b *bench) dump(t testing.TB, buckets ...string) string {
	t.Helper()
	var all strings.Builder
	err := b.Store.View(t.Context(), func(tx store.Tx) error {
		for _, bucket := range buckets {
			if err := tx.Scan(bucket, "", "", func(k string, v []byte) error {
				all.WriteString(k + " " + string(v) + "\n")
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func why(b badge.Badge) []badge.Why {
	var list []badge.Why
	for _, f := range b.Findings {
		if f.Result != badge.Valid {
			list = append(list, f.Why)
		}
	}
	return list
}

func TestABadgeIsGrantedWhenAllChecksHold(t *testing.T) {
	b := newBench(t)
	waiting := b.request(t)
	if waiting.State != badge.Waiting || !slices.Equal(waiting.WaitingFor, []badge.Party{badge.ForApplicant}) {
		t.Fatalf("state %s, waiting for %v, because of %v", waiting.State, waiting.WaitingFor, why(waiting))
	}
	if c := waiting.Challenge; c.URL != "http://shop.example/.well-known/mohr-challenge/"+c.Token || !strings.HasPrefix(c.Content, c.Token+".") {
		t.Fatalf("challenge %+v", c)
	}
	b.shop.put(waiting.Challenge)
	b.clock.pass(time.Minute)
	got, err := b.CheckOnDemand(t.Context(), waiting.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != badge.Active || got.Level != 1 || got.LegalName != catest.Zahra.LegalName || got.Licence.Number != "77001" {
		t.Errorf("badge %+v", got)
	}
	if !got.ValidTo.Equal(start.Add(time.Minute).AddDate(1, 0, 0)) || !got.DecidedAt.Equal(start.Add(time.Minute)) || !got.ReceivedAt.Equal(start) {
		t.Errorf("times: valid to %s, decided %s, received %s", got.ValidTo, got.DecidedAt, got.ReceivedAt)
	}
	r, err := b.Show(t.Context(), got.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := []badge.Change{
		{At: start, State: badge.Checking, Why: "received"},
		{At: start, State: badge.Waiting, Why: "domain_file_missing"},
		{At: start.Add(time.Minute), State: badge.Active, Why: "all_checks_hold"},
	}
	if diff := cmp.Diff(want, r.History); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	a := b.ask()
	a.Request = "request-2"
	if _, err := b.Request(t.Context(), b.sign(t, b.key, a)); fault.Code(err) != "badge_exists" {
		t.Errorf("a second request: %v", err)
	}
}

func TestFactsDecide(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(*testing.T, *bench)
		proof   bool
		state   badge.State
		why     badge.Why
		waiting []badge.Party
	}{
		{"a dissolved company is refused", func(_ *testing.T, b *bench) {
			b.registry.set(func(r *registry) { r.legal.Status = "dissolved" })
		}, true, badge.Refused, "company_not_active", nil},
		{"a company the registry does not know is refused", func(_ *testing.T, b *bench) {
			b.registry.set(func(r *registry) { r.legal = gateway.Legal{} })
		}, true, badge.Refused, "company_unknown", nil},
		{"one who is no signatory any more is refused", func(_ *testing.T, b *bench) {
			b.registry.set(func(r *registry) { r.legal.Signatories = nil })
		}, true, badge.Refused, "signer_not_signatory", nil},
		{"one who signs only with others is refused", func(_ *testing.T, b *bench) {
			b.registry.set(func(r *registry) { r.legal.Signatories[0].Alone = false })
		}, true, badge.Refused, "signer_signs_jointly", nil},
		{"one who does not live any more is refused", func(_ *testing.T, b *bench) {
			b.registry.set(func(r *registry) { r.dead = true })
		}, true, badge.Refused, "signer_cannot_act", nil},
		{"one whom the civil registry does not know is refused", func(_ *testing.T, b *bench) {
			b.registry.set(func(r *registry) { r.stranger = true })
		}, true, badge.Refused, "signer_not_known", nil},
		{"one whose birth nobody knows makes it wait for us", func(_ *testing.T, b *bench) {
			b.Desk.People = papers{err: fault.New(fault.NotFound, "papers_unknown", "gone")}
		}, true, badge.Waiting, "signer_not_looked_up", []badge.Party{badge.ForUs}},
		{"papers that cannot be read make it wait", func(_ *testing.T, b *bench) {
			b.Desk.People = papers{err: errDown}
		}, true, badge.Waiting, "signer_not_looked_up", []badge.Party{badge.ForUs}},
		{"an expired licence is refused", func(_ *testing.T, b *bench) {
			b.registry.set(func(r *registry) { r.licence.ValidTo = "2026-11-22" })
		}, true, badge.Refused, "licence_expired", nil},
		{"a licence on its last day is in force", func(_ *testing.T, b *bench) {
			b.registry.set(func(r *registry) { r.licence.ValidTo = "2026-11-23" })
		}, true, badge.Active, "all_checks_hold", nil},
		{"no licence is refused", func(_ *testing.T, b *bench) {
			b.registry.set(func(r *registry) { r.licence = gateway.Licence{} })
		}, true, badge.Refused, "licence_unknown", nil},
		{"a complaint unanswered for a month is refused", func(_ *testing.T, b *bench) {
			b.book.record.Scorecard.Unanswered, b.book.record.Aside.Oldest = 1, start.Add(-30*24*time.Hour-time.Second)
		}, true, badge.Refused, "complaints_unanswered", nil},
		{"a complaint unanswered for a shorter time is not", func(_ *testing.T, b *bench) {
			b.book.record.Scorecard.Unanswered, b.book.record.Aside.Oldest = 1, start.Add(-30*24*time.Hour)
		}, true, badge.Active, "all_checks_hold", nil},
		{"a registry that is down makes the request wait for it", func(_ *testing.T, b *bench) {
			b.registry.set(func(r *registry) { r.err = errDown })
		}, true, badge.Waiting, "company_registry_silent", []badge.Party{badge.ForRegistry}},
		{"a registry that contradicts itself has not answered", func(_ *testing.T, b *bench) {
			b.registry.set(func(r *registry) { r.contradicts = true })
		}, true, badge.Waiting, "company_registry_silent", []badge.Party{badge.ForRegistry}},
		{"a complaint record that cannot be read makes it wait for us", func(_ *testing.T, b *bench) {
			b.book.err = errDown
		}, true, badge.Waiting, "complaints_not_looked_up", []badge.Party{badge.ForUs}},
		{"no proof of the domain makes it wait for the applicant", func(*testing.T, *bench) {}, false, badge.Waiting, "domain_file_missing", []badge.Party{badge.ForApplicant}},
		{"no proof and no registry makes it wait for both", func(_ *testing.T, b *bench) {
			b.registry.set(func(r *registry) { r.err = errDown })
		}, false, badge.Waiting, "company_registry_silent", []badge.Party{badge.ForRegistry, badge.ForApplicant}},
		{"no proof for eight days is refused", func(_ *testing.T, b *bench) {
			b.clock.pass(8 * 24 * time.Hour)
		}, false, badge.Refused, "domain_not_proven_in_time", nil},
		{"a resolver that fails makes it wait for us, however long", func(_ *testing.T, b *bench) {
			b.resolvers[0].set(domain, "")
			b.clock.pass(8 * 24 * time.Hour)
		}, true, badge.Waiting, "domain_not_looked_up", []badge.Party{badge.ForUs}},
		{"a certificate revoked while waiting is refused", func(t *testing.T, b *bench) {
			if err := b.ca.Revoke(t.Context(), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
				t.Fatal(err)
			}
		}, true, badge.Refused, "certificate_revoked", nil},
		{"a certificate renewed while waiting serves on", func(t *testing.T, b *bench) { b.renewed(t, 0) }, true, badge.Active, "all_checks_hold", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			first := b.request(t)
			test.change(t, b)
			if test.proof {
				b.shop.put(first.Challenge)
			}
			got, err := b.Check(t.Context(), first.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got.State != test.state || got.Why != test.why || !slices.Equal(got.WaitingFor, test.waiting) {
				t.Errorf("state %s, why %s, waiting for %v, findings %v", got.State, got.Why, got.WaitingFor, why(got))
			}
			b.replays(t, got.ID)
		})
	}
}

// replays checks that every stored decision comes out the same again.
func (b *bench) replays(t *testing.T, id badge.ID) {
	t.Helper()
	traces, err := b.Traces(t.Context(), id)
	if err != nil || len(traces) == 0 {
		t.Fatalf("%d traces, %v", len(traces), err)
	}
	for _, tr := range traces {
		if findings, outcome, same := badge.Replay(tr); !same {
			t.Errorf("trace %d: %s %v, then %s %v", tr.Number, tr.Outcome, tr.Findings, outcome, findings)
		}
	}
	last := traces[len(traces)-1]
	last.Facts.Licences[0].ValidTo = "2001-01-01"
	if _, outcome, same := badge.Replay(last); same && last.Outcome == badge.Grant {
		t.Errorf("a trace with other facts replays to %s", outcome)
	}
}

func TestABadgeIsAsSimulatedAsTheRegistriesBehindIt(t *testing.T) {
	for _, test := range []struct{ certificate, registry, want evidence.Environment }{
		{evidence.Production, evidence.Production, evidence.Production},
		{evidence.Production, evidence.Simulated, evidence.Simulated},
		{evidence.Production, "", evidence.Simulated},
		{evidence.Simulated, evidence.Production, evidence.Simulated},
	} {
		b := newBench(t)
		b.registry.set(func(r *registry) { r.environment = string(test.registry) })
		// The test authority certifies under test policies alone.
		err := b.ca.Store.Update(t.Context(), func(tx store.Tx) error {
			c, err := ca.LoadCertificate(tx, b.cert.Serial)
			if err != nil {
				return err
			}
			c.Environment = test.certificate
			return store.Save(tx, "ca_certificates", c.Serial, c)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := b.granted(t); got.Environment != test.want {
			t.Errorf("certificate %s, registries %s: the badge is %s", test.certificate, test.registry, got.Environment)
		}
	}
}

func TestASilentRegistryLosesNothing(t *testing.T) {
	b := newBench(t)
	b.registry.set(func(r *registry) { r.err = errDown })
	first := b.request(t)
	b.shop.put(first.Challenge)
	b.registry.set(func(r *registry) { r.err = nil })
	b.clock.pass(time.Minute)
	if err := b.Recheck(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := b.Show(t.Context(), first.ID); err != nil || r.State != badge.Active {
		t.Errorf("state %s, %v", r.State, err)
	}
}

func TestAPersonsOwnCertificateBindsWhomTheRegistrySays(t *testing.T) {
	b := newBench(t)
	key, _ := b.ca.IssueTo(t, catest.Zahra, ca.NaturalSign, "application-2")
	got, err := b.Request(t.Context(), b.sign(t, key, b.askWith(key)))
	if err != nil {
		t.Fatal(err)
	}
	b.shop.put(got.Challenge)
	if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != badge.Active {
		t.Errorf("state %s, %v: %v", got.State, err, why(got))
	}
	stranger := catest.Zahra
	stranger.NationalCode, stranger.Mobile = "0087654326", "+989121234568"
	key, _ = b.ca.IssueTo(t, stranger, ca.NaturalSign, "application-3")
	a := b.askWith(key)
	a.Domain = "second.example"
	got, err = b.Request(t.Context(), b.sign(t, key, a))
	if err != nil || got.State != badge.Refused || got.Why != "signer_not_signatory" {
		t.Errorf("a stranger: state %s, why %s, %v", got.State, got.Why, err)
	}
}

func TestChecksOnDemandAreLimited(t *testing.T) {
	b := newBench(t)
	first := b.request(t)
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		_, err = b.CheckOnDemand(t.Context(), first.ID)
	}
	if fault.Code(err) != "badge_checks_limited" || n != 41 {
		t.Fatalf("after %d checks: %v", n, err)
	}
	b.clock.pass(time.Minute)
	if _, err = b.CheckOnDemand(t.Context(), first.ID); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestNothingPersonalIsKeptInPublicRecords(t *testing.T) {
	b := newBench(t)
	b.granted(t)
	all := b.dump(t, "badge_badges", "badge_history", "badge_traces", "badge_domains", "badge_named", "ledger_pending")
	for _, secret := range []string{catest.Zahra.NationalCode, catest.Zahra.LastName, catest.Zahra.Mobile} {
		if strings.Contains(all, secret) {
			t.Errorf("a record has %q", secret)
		}
	}
}

func TestTwoChecksAtOnceDecideOnce(t *testing.T) {
	b := newBench(t)
	first := b.request(t)
	b.shop.put(first.Challenge)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			_, err := b.Check(context.WithoutCancel(t.Context()), first.ID)
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(b.dump(t, "badge_history"), `"active"`); n != 1 {
		t.Errorf("granted %d times", n)
	}
}
