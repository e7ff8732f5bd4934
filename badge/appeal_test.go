package badge_test

import (
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
)

// operator gives an operator a certificate and roles.
func (b *bench) operator(t testing.TB, name string, roles ...ca.Role) *x509.Certificate {
	t.Helper()
	key := b.ca.SigningKey(t, name, ca.Service{Profile: ca.OperatorAuth, CommonName: name})
	if err := b.ca.GrantRoles(t.Context(), name, roles...); err != nil {
		t.Fatal(err)
	}
	return key.Certificate
}

func (b *bench) appeal(t testing.TB, request string) (badge.Badge, error) {
	t.Helper()
	a := b.ask()
	a.Request, a.Action, a.Reasons = request, badge.ActionAppeal, "we sold nothing of the kind"
	return b.Request(t.Context(), b.sign(t, b.key, a))
}

func TestFraudEndsABadgeAtOnceAndAnythingElseHasNotice(t *testing.T) {
	b := newBench(t)
	registrar := b.operator(t, "maryam", ca.RoleRegistrar)
	got := b.granted(t)
	for _, test := range []struct {
		name   string
		leaf   *x509.Certificate
		kind   badge.DeedKind
		ground badge.Ground
		why    string
		code   string
	}{
		{"nobody", nil, badge.Revoke, badge.Fraud, "x", "operator_required"},
		{"the merchant", b.key.Certificate, badge.Revoke, badge.Fraud, "x", "operator_required"},
		{"an officer without the right", b.operator(t, "sara", ca.RoleOfficer), badge.Revoke, badge.Fraud, "x", "operator_required"},
		{"a revocation at once for misuse", registrar, badge.Revoke, badge.Misuse, "x", "badge_deed_ground"},
		{"without reasons", registrar, badge.Revoke, badge.Fraud, "", "badge_reasons_missing"},
		{"a lift of nothing", registrar, badge.Lift, badge.Resolved, "x", "badge_deed_state"},
	} {
		if _, err := b.Do(t.Context(), test.leaf, got.ID, test.kind, test.ground, test.why); fault.Code(err) != test.code {
			t.Errorf("%s: %v, want %s", test.name, err, test.code)
		}
	}
	if state, _ := b.state(t, got.ID); state != badge.Active {
		t.Fatalf("what was refused left it %s", state)
	}
	after, err := b.Do(t.Context(), registrar, got.ID, badge.Revoke, badge.Fraud, "sold counterfeit goods")
	if err != nil || after.State != badge.Revoked || after.Why != "operator_fraud" {
		t.Fatalf("%s, %s, %v", after.State, after.Why, err)
	}
	if all := b.dump(t, "badge_deeds", "badge_badges", "ledger_pending"); strings.Contains(all, "counterfeit") || !strings.Contains(all, "operator_fraud") {
		t.Error("the reasons are not sealed, or the ground is not on the record")
	}
}

func TestASuspensionByAnOperatorIsNotLiftedByFacts(t *testing.T) {
	b := newBench(t)
	registrar := b.operator(t, "maryam", ca.RoleRegistrar)
	got := b.granted(t)
	after, err := b.Do(t.Context(), registrar, got.ID, badge.Suspend, badge.Misuse, "shown on another site")
	if err != nil || after.State != badge.Suspended {
		t.Fatalf("%s, %v", after.State, err)
	}
	b.clock.pass(25 * time.Hour)
	b.recheck(t)
	if state, why := b.state(t, got.ID); state != badge.Suspended || why != "operator_misuse" {
		t.Fatalf("good facts made it %s, %s", state, why)
	}
	if after, err = b.Do(t.Context(), registrar, got.ID, badge.Lift, badge.Resolved, "it was taken down"); err != nil || after.State != badge.Active {
		t.Fatalf("%s, %v", after.State, err)
	}
	if _, err := b.Do(t.Context(), registrar, got.ID, badge.Suspend, badge.CourtOrder, "order 1"); err != nil {
		t.Fatal(err)
	}
	b.clock.pass(31 * 24 * time.Hour)
	b.recheck(t)
	if state, why := b.state(t, got.ID); state != badge.Revoked || why != "suspended_too_long" {
		t.Errorf("after its notice it is %s, %s", state, why)
	}
}

func TestAnAppealIsDecidedByAnotherPerson(t *testing.T) {
	b := newBench(t)
	both := b.operator(t, "maryam", ca.RoleRegistrar, ca.RoleOfficer)
	officer := b.operator(t, "sara", ca.RoleOfficer)
	// The same person under a second name: nobody decides twice.
	twin := b.operator(t, "maryam-2", ca.RoleOfficer)
	for _, name := range []string{"maryam", "maryam-2"} {
		if err := b.ca.IntroduceOperator(t.Context(), name, b.ca.Holder("0087654326")); err != nil {
			t.Fatal(err)
		}
	}
	applicant := b.operator(t, "zahra", ca.RoleOfficer)
	if err := b.ca.IntroduceOperator(t.Context(), "zahra", b.ca.Holder(catest.Zahra.NationalCode)); err != nil {
		t.Fatal(err)
	}
	got := b.granted(t)
	if _, err := b.appeal(t, "appeal-0"); fault.Code(err) != "badge_none_to_appeal" {
		t.Errorf("an appeal against a grant: %v", err)
	}
	if _, err := b.Do(t.Context(), both, got.ID, badge.Revoke, badge.Fraud, "sold counterfeit goods"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DecideAppeal(t.Context(), officer, got.ID, badge.Upheld, "x"); fault.Code(err) != "badge_appeal_over" {
		t.Errorf("an answer without an appeal: %v", err)
	}
	if _, err := b.appeal(t, "appeal-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.appeal(t, "appeal-2"); fault.Code(err) != "badge_appealed" {
		t.Errorf("a second appeal: %v", err)
	}
	if list, err := b.Appeals(t.Context()); err != nil || len(list) != 1 || list[0].ID != got.ID {
		t.Errorf("open appeals %v, %v", list, err)
	}
	for _, test := range []struct {
		name string
		leaf *x509.Certificate
		code string
	}{
		{"who revoked it", both, "badge_own_matter"},
		{"who revoked it, under another name", twin, "badge_own_matter"},
		{"who asked for it", applicant, "badge_own_matter"},
		{"a registrar", b.operator(t, "reza", ca.RoleRegistrar), "operator_required"},
		{"the merchant's certificate", b.key.Certificate, "operator_required"},
	} {
		if _, err := b.DecideAppeal(t.Context(), test.leaf, got.ID, badge.Upheld, "x"); fault.Code(err) != test.code {
			t.Errorf("%s decides: %v, want %s", test.name, err, test.code)
		}
	}
	if c, err := b.Case(t.Context(), got.ID); err != nil || c.Appeal != "we sold nothing of the kind" || len(c.Deeds) != 1 || c.Deeds[0].Reasons != "sold counterfeit goods" {
		t.Errorf("case %+v, %v", c, err)
	}
	after, err := b.DecideAppeal(t.Context(), officer, got.ID, badge.Upheld, "the goods were genuine")
	if err != nil || after.State != badge.Active {
		t.Fatalf("%s, %v", after.State, err)
	}
	r, err := b.Show(t.Context(), got.ID)
	if err != nil {
		t.Fatal(err)
	}
	var said []badge.Why
	for _, c := range r.History[3:] {
		said = append(said, c.Why)
	}
	if want := []badge.Why{"operator_fraud", "appeal_received", "appeal_upheld", "appeal_upheld"}; !slices.Equal(said, want) {
		t.Errorf("history %v, want %v", said, want)
	}
	b.clock.pass(25 * time.Hour)
	b.recheck(t)
	if state, _ := b.state(t, got.ID); state != badge.Active {
		t.Errorf("the facts make it %s", state)
	}
}

func TestAppealsHaveTheirTimes(t *testing.T) {
	var log strings.Builder
	b := newBench(t, func(c *badge.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	officer := b.operator(t, "sara", ca.RoleOfficer)
	b.registry.set(func(r *registry) { r.legal.Status = "dissolved" })
	first := b.request(t)
	if first.State != badge.Refused {
		t.Fatal(first.State)
	}
	b.clock.pass(29 * 24 * time.Hour)
	got, err := b.appeal(t, "appeal-1")
	if err != nil || got.Appeal == nil || !got.Appeal.Deadline.Equal(b.clock.Now().Add(15*24*time.Hour)) {
		t.Fatalf("%+v, %v", got.Appeal, err)
	}
	b.clock.pass(15*24*time.Hour + time.Second)
	for range 2 {
		if err := b.WatchLate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "badge appeal is overdue"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	if r, err := b.Show(t.Context(), first.ID); err != nil || !r.Appeal.Late {
		t.Errorf("appeal %+v, %v", r.Appeal, err)
	}
	b.registry.set(func(r *registry) { r.legal.Status = "active" })
	after, err := b.DecideAppeal(t.Context(), officer, first.ID, badge.Upheld, "the register was wrong")
	if err != nil || after.State != badge.Checking {
		t.Fatalf("%s, %v", after.State, err)
	}
	b.shop.put(after.Challenge)
	b.recheck(t)
	if state, why := b.state(t, first.ID); state != badge.Active {
		t.Errorf("judged anew it is %s, %s", state, why)
	}
	late := newBench(t)
	late.registry.set(func(r *registry) { r.legal.Status = "dissolved" })
	late.request(t)
	late.clock.pass(31 * 24 * time.Hour)
	if _, err := late.appeal(t, "appeal-1"); fault.Code(err) != "badge_appeal_late" {
		t.Errorf("a late appeal: %v", err)
	}
}

func TestAWithdrawnBadgeAndARevokedCertificateAreNoMatterOfAppeal(t *testing.T) {
	b := newBench(t)
	b.granted(t)
	a := b.ask()
	a.Request, a.Action = "request-2", badge.ActionWithdrawal
	if _, err := b.Request(t.Context(), b.sign(t, b.key, a)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.appeal(t, "appeal-1"); fault.Code(err) != "badge_appeal_none" {
		t.Errorf("got %v", err)
	}
}

func TestTheServiceSaysHowFastItIsAndForWhomItWaited(t *testing.T) {
	var log strings.Builder
	b := newBench(t, func(c *badge.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	b.registry.set(func(r *registry) { r.err = errDown })
	first := b.request(t)
	step := func(d time.Duration) badge.Badge {
		t.Helper()
		b.clock.pass(d)
		got, err := b.Check(t.Context(), first.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	step(40 * time.Minute) // the registry is silent, and there is no proof: it is the registry's time
	if err := b.WatchLate(t.Context()); err != nil || strings.Contains(log.String(), "late") {
		t.Fatalf("an alarm after 40 minutes: %v %s", err, log.String())
	}
	b.clock.pass(6 * time.Minute)
	for range 2 {
		if err := b.WatchLate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "badge request is late"); n != 1 {
		t.Errorf("%d alarms after 46 minutes", n)
	}
	if l, err := b.ServiceLevel(t.Context()); err != nil || l.Open != 1 || l.Late != 1 || l.Oldest != 46*60 || l.Decided != 0 || l.Whole.P50 != nil {
		t.Errorf("%+v, %v", l, err)
	}
	b.registry.set(func(r *registry) { r.err = nil })
	step(4 * time.Minute)  // it answers: 50 minutes were the registry's
	step(20 * time.Minute) // and these are the applicant's
	b.book.err = errDown
	b.shop.put(first.Challenge)
	step(10 * time.Minute) // still the applicant's: nobody knew
	b.book.err = nil
	if got := step(5 * time.Minute); got.State != badge.Active || got.Waited != (badge.Waited{Applicant: 30 * 60, Registry: 50 * 60, Us: 5 * 60}) {
		t.Fatalf("%s, waited %+v", got.State, got.Waited)
	}
	b.clock.pass(2 * time.Minute)
	l, err := b.ServiceLevel(t.Context())
	if err != nil || l.Open != 0 || l.Decided != 1 || l.Granted != 1 || *l.Whole.P50 != 85*60 || *l.Served.P95 != 55*60 || *l.Whole.WithinAnHour != 0 || *l.Served.WithinAnHour != 1 {
		t.Errorf("%+v, %v", l, err)
	}
	b.clock.pass(31 * 24 * time.Hour)
	if l, err := b.ServiceLevel(t.Context()); err != nil || l.Decided != 0 {
		t.Errorf("a month later %+v, %v", l, err)
	}
}

func TestOtherRulesAreTriedOverAllBadges(t *testing.T) {
	b := newBench(t)
	got := b.granted(t)
	same, err := b.Try(t.Context(), badge.DefaultRules(), "")
	if err != nil || same.Judged != 1 || len(same.Moves) != 0 || same.After != "" {
		t.Fatalf("the same rules: %+v, %v", same, err)
	}
	stricter := badge.DefaultRules()
	stricter.Version, stricter.LicenceTypes = "stricter/1", []string{"cosmetics"}
	report, err := b.Try(t.Context(), stricter, "")
	if err != nil || len(report.Moves) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	want := badge.TrialMove{Badge: got.ID, State: badge.Active, From: badge.Grant, FromLevel: 1, To: badge.Refuse, Why: "licence_type_not_accepted"}
	if report.Moves[0] != want {
		t.Errorf("%+v, want %+v", report.Moves[0], want)
	}
	if after, err := b.Show(t.Context(), got.ID); err != nil || after.State != badge.Active || after.Rules != badge.DefaultRules().Version {
		t.Errorf("the trial changed it: %+v, %v", after, err)
	}
}

func TestRulesThatCannotJudgeAreRefused(t *testing.T) {
	whole, err := os.ReadFile("rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := badge.ParseRules(whole); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string][2]string{
		"an unknown key":              {"quorum: 2", "quorums: 2"},
		"an unknown rule":             {"- duties.open@1", "- duties.open@9"},
		"a rule twice":                {"- duties.open@1", "- site.tls@1"},
		"no quorum":                   {"quorum: 2", "quorum: 0"},
		"a negative length":           {"revoke_after: 720h", "revoke_after: -1h"},
		"three stars":                 {"stars: 2", "stars: 3"},
		"a level twice":               {"stars: 2", "stars: 1"},
		"a level that needs the moon": {"needs: [signer.certificate@1, company.active@2, signer.authority@2, signer.alive@1, domain.control@2", "needs: [moon.full@1"},
		"no version":                  {"version: badge-rules/3", "version: ''"},
		"a number where a length is":  {"challenge_life: 168h", "challenge_life: seven days"},
	} {
		changed := strings.Replace(string(whole), edit[0], edit[1], 1)
		if changed == string(whole) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := badge.ParseRules([]byte(changed)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// What was decided by the first rules is judged the same today.
func TestOldDecisionsReplay(t *testing.T) {
	b, err := os.ReadFile("testdata/trace-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var old []badge.Trace
	if err := json.Unmarshal(b, &old); err != nil || len(old) == 0 {
		t.Fatalf("%d traces, %v", len(old), err)
	}
	for _, tr := range old {
		if findings, o, same := badge.Replay(tr); !same {
			t.Errorf("trace %d: %s %v, then %s %v", tr.Number, tr.Outcome, tr.Findings, o, findings)
		}
		tr.Facts.Company.Status = "dissolved"
		if _, o, same := badge.Replay(tr); same || o == badge.Grant {
			t.Errorf("trace %d with other facts: %s", tr.Number, o)
		}
	}
}
