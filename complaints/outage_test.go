package complaints_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// approve signs an approval of the outage as the operator with the key.
func (b *bench) approve(t testing.TB, key ca.SigningKey, o complaints.Outage) (complaints.Outage, error) {
	t.Helper()
	now := b.clock.Now().Unix()
	statement := approval.Statement{
		Claims: signature.Claims{
			Type: approval.StatementType, Audience: catest.Portal, CertificateSHA256: sha256Hex(key.Certificate.Raw),
			Nonce: b.nonces.New(approval.NoncePurpose), IssuedAt: now, Expires: now + 300,
		},
		Approves: o.Plan.ID, ApprovesSHA256: o.SHA256,
	}
	return b.ApproveOutage(t.Context(), o.Plan.ID, approval.Signed{Signature: b.signedAs(t, key, approval.StatementType, statement)})
}

// operators makes operators with certificates and the role.
func (b *bench) operators(t testing.TB, role ca.Role, names ...string) (keys []ca.SigningKey) {
	t.Helper()
	for _, name := range names {
		keys = append(keys, b.ca.SigningKey(t, name, ca.Service{Profile: ca.OperatorAuth, CommonName: name}))
		if err := b.ca.GrantRoles(t.Context(), name, role); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

func (b *bench) plan(t testing.TB, from, to time.Duration) complaints.Outage {
	t.Helper()
	now := b.clock.Now()
	o, err := b.PlanOutage(t.Context(), b.officer(t, "sara"), now.Add(from), now.Add(to), "power")
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAnOutageMovesOnTheClocksThatRanInIt(t *testing.T) {
	b := newBench(t, nil)
	open, answered, late, gone := b.file(t), b.file(t), b.file(t), b.file(t)
	b.clock.advance(hour)
	b.answer(t, answered.ID, complaints.KindAnswer)
	if _, err := b.Withdraw(t.Context(), gone.ID, gone.Token); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(99 * hour)
	b.answer(t, late.ID, complaints.KindAnswer) // four hours late
	after := b.file(t)
	before, leaves := b.dump(t), len(b.leaves(t))
	o := b.plan(t, -10*hour, -4*hour)
	if o.Plan.Clocks != 2 || o.Plan.Needs != 0 || o.State != complaints.OutagePlanned {
		t.Fatalf("%+v", o)
	}
	if b.dump(t) != before || len(b.leaves(t)) != leaves {
		t.Error("the dry run changed complaints")
	}
	if c := b.follow(t, open); c.State != complaints.StateUnanswered {
		t.Errorf("before it is recorded: %s", c.State)
	}
	for range 2 {
		if o, err := b.RecordOutage(t.Context(), b.officer(t, "sara"), o.Plan.ID); err != nil || o.State != complaints.OutageDone || o.Moved != 2 {
			t.Fatalf("%+v, %v", o, err)
		}
	}
	if n := len(b.leaves(t)) - leaves; n != 3 {
		t.Errorf("%d leaves: one of the outage, one for each clock", n)
	}
	for ticket, want := range map[*complaints.Ticket]complaints.State{
		&open: complaints.StatePending, &answered: complaints.StateAnswered, &late: complaints.StateAnswered, &gone: complaints.StateWithdrawn, &after: complaints.StatePending,
	} {
		c := b.follow(t, *ticket)
		moved := ticket == &open || ticket == &late
		if last := c.History[len(c.History)-1]; c.State != want || (last.Kind == complaints.KindRested) != moved {
			t.Errorf("%s, %+v", c.State, last)
		}
	}
	if again := b.plan(t, -10*hour, -4*hour); again.Plan.Clocks != 0 {
		t.Errorf("the same hours rest twice: %+v", again.Plan)
	}
	// What the record said before the outage was recorded can still be read.
	b.clock.advance(hour)
	card, _, err := b.Register().Scorecard(t.Context(), string(shop), complaints.Terms{At: b.clock.Now().Add(-hour - time.Second)})
	if err != nil || card.Unanswered != 2 { // the open one, and the late one before its answer
		t.Errorf("%+v, %v", card, err)
	}
}

func TestManyClocksRestOnlyByTwoPersons(t *testing.T) {
	b := newBench(t, nil)
	keys := b.operators(t, ca.RoleOfficer, "sara", "omid")
	registrar := b.operators(t, ca.RoleRegistrar, "reza")[0]
	for range 21 {
		b.file(t)
	}
	b.clock.advance(5 * hour)
	o := b.plan(t, -3*hour, -hour)
	if o.Plan.Clocks != 21 || o.Plan.Needs != 2 {
		t.Fatalf("%+v", o.Plan)
	}
	record := func() error {
		_, err := b.RecordOutage(t.Context(), b.officer(t, "sara"), o.Plan.ID)
		return err
	}
	wantFault(t, record(), fault.Denied, "complaint_outage_unapproved")
	if _, err := b.approve(t, registrar, o); fault.Code(err) != "operator_required" {
		t.Errorf("a registrar: %v", err)
	}
	forged := o
	forged.SHA256 = strings.Repeat("0", 64)
	if _, err := b.approve(t, keys[0], forged); fault.Code(err) != "approval_differs" {
		t.Errorf("another plan: %v", err)
	}
	if _, err := b.approve(t, keys[0], o); err != nil {
		t.Fatal(err)
	}
	if _, err := b.approve(t, keys[0], o); fault.Code(err) != "approval_same_person" {
		t.Errorf("the same person again: %v", err)
	}
	wantFault(t, record(), fault.Denied, "complaint_outage_unapproved")
	if o, err := b.approve(t, keys[1], o); err != nil || len(o.Approved) != 2 {
		t.Fatalf("%+v, %v", o, err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := record(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if o, err := b.Outage(t.Context(), o.Plan.ID); err != nil || o.Moved != 21 || o.State != complaints.OutageDone {
		t.Errorf("%+v, %v", o, err)
	}
	if n := strings.Count(strings.Join(b.leaves(t), "\n"), `"complaint.rested"`); n != 21 {
		t.Errorf("%d clocks rest", n)
	}
	if _, err := b.approve(t, keys[0], o); fault.Code(err) != "complaint_outage_begun" && fault.Code(err) != "approval_same_person" {
		t.Errorf("an approval after it: %v", err)
	}
}

func TestAnOutageThatWasBrokenOffGoesOn(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	b.clock.advance(5 * hour)
	o := b.plan(t, -3*hour, -hour)
	// As it is left by a process that dies after recording it.
	o.State, o.Recorded, o.By = complaints.OutageRunning, b.clock.Now(), "operator:sara"
	err := b.ca.Store.Update(t.Context(), func(tx store.Tx) error {
		if err := store.Save(tx, "complaints_resting", o.Plan.ID, true); err != nil {
			return err
		}
		return store.Save(tx, "complaints_outages", o.Plan.ID, o)
	})
	if err != nil {
		t.Fatal(err)
	}
	b.clock.advance(hour)
	for range 2 {
		if err := b.RestClocks(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c := b.follow(t, ticket)
	if !c.Deadlines[0].Equal(ticket.Deadlines[0].Add(2*hour)) || !c.History[len(c.History)-1].At.Equal(o.Recorded) {
		t.Errorf("%+v", c)
	}
}

func TestOutagesThatAreRefused(t *testing.T) {
	b := newBench(t, nil)
	now := b.clock.Now()
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		from, to time.Duration
		reason   string
		code     string
	}{
		"not over yet":    {-hour, time.Second, "power", "complaint_outage_time"},
		"of no length":    {-hour, -hour, "power", "complaint_outage_time"},
		"back to front":   {-hour, -2 * hour, "power", "complaint_outage_time"},
		"too long":        {-31 * day, -time.Second, "power", "complaint_outage_time"},
		"too long ago":    {-91 * day, -90 * day, "power", "complaint_outage_time"},
		"for no reason":   {-2 * hour, -hour, "", "complaint_outage_reason"},
		"for another one": {-2 * hour, -hour, "holiday", "complaint_outage_reason"},
	} {
		_, err := b.PlanOutage(t.Context(), b.officer(t, "sara"), now.Add(tt.from), now.Add(tt.to), tt.reason)
		if fault.Code(err) != tt.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := b.plan(t, -2*hour, -hour)
	b.clock.advance(7*day + time.Second)
	_, err := b.RecordOutage(t.Context(), b.officer(t, "sara"), o.Plan.ID)
	wantFault(t, err, fault.Conflict, "complaint_outage_expired")
	_, err = b.RecordOutage(t.Context(), b.officer(t, "sara"), "out-1")
	wantFault(t, err, fault.NotFound, "complaint_outage_unknown")
}

func TestOfficersWorkOverHTTP(t *testing.T) {
	p := newPortal(t)
	sara := p.operators(t, ca.RoleOfficer, "sara")[0].Certificate
	reza := p.operators(t, ca.RoleRegistrar, "reza")[0].Certificate
	ticket := p.file(t)
	bearer, at := "Authorization: Bearer "+ticket.Token, "/api/v1/complaints/"+ticket.ID
	p.answer(t, ticket.ID, complaints.KindAnswer)
	var c complaints.Complaint
	get(t, p.call("POST", at+"/reject", "", nil, bearer), 200, &c)
	if w := p.call("POST", at+"/escalate", "", nil, bearer); w.Code != 422 {
		t.Errorf("escalated without reasons: %d %s", w.Code, w.Body)
	}
	get(t, p.call("POST", at+"/escalate", `{"text":"پول پس داده نشد."}`, nil, bearer, asJSON), 200, &c)
	if c.State != complaints.StateEscalated || c.History[len(c.History)-1].Text != "پول پس داده نشد." {
		t.Errorf("%+v", c)
	}
	var q struct{ Queue []complaints.Queued }
	get(t, p.call("GET", "/api/v1/complaints/queue", "", sara), 200, &q)
	if len(q.Queue) != 1 || q.Queue[0].Task != complaints.TaskEscalated {
		t.Errorf("%+v", q)
	}
	rule := `{"kind":"decided","reason":"answer_insufficient","outcome":"for_consumer","text":"وجه را بازگردانید."`
	var ruled struct {
		Complaint complaints.Complaint
		DryRun    bool `json:"dry_run"`
	}
	get(t, p.call("POST", at+"/rulings", rule+`,"dry_run":true}`, sara, asJSON), 200, &ruled)
	get(t, p.call("GET", at, "", nil, bearer), 200, &c)
	if !ruled.DryRun || ruled.Complaint.State != complaints.StateDecided || c.State != complaints.StateEscalated {
		t.Errorf("%+v, %s", ruled, c.State)
	}
	get(t, p.call("POST", at+"/rulings", rule+`}`, sara, asJSON), 200, &ruled)
	get(t, p.call("POST", at+"/appeal", `{"text":"کافی نیست."}`, nil, bearer, asJSON), 200, &c)
	if c.State != complaints.StateUnderAppeal || c.Outcome != complaints.ForConsumer {
		t.Errorf("%+v", c)
	}
	for _, path := range []string{"/api/v1/complaints/queue", at + "/case", "/api/v1/complaints/outages", "/api/v1/complaints/outages/x", "/api/v1/complaints/outages/x/challenge"} {
		if w := p.call("GET", path, "", reza); w.Code != 403 {
			t.Errorf("a registrar gets %s: %d", path, w.Code)
		}
	}
	for _, path := range []string{at + "/rulings", "/api/v1/complaints/outages", "/api/v1/complaints/outages/x/approvals", "/api/v1/complaints/outages/x/execute"} {
		if w := p.call("POST", path, `{}`, reza, asJSON); w.Code != 403 {
			t.Errorf("a registrar posts to %s: %d %s", path, w.Code, w.Body)
		}
	}
	var file struct{ Receipt string }
	get(t, p.call("GET", at+"/receipt.json", "", nil, bearer), 200, &file)
	if file.Receipt != ticket.Receipt {
		t.Error("another receipt")
	}
}
