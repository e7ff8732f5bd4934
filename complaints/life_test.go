package complaints_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca/catest"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/store"
)

const hour = time.Hour

// TestLifeOfAComplaint walks through states. Each step moves the clock, acts
// and looks.
func TestLifeOfAComplaint(t *testing.T) {
	type step struct {
		after time.Duration
		do    string // "", a kind of answer, "dispute", "withdraw"
		want  complaints.State
	}
	tests := []struct {
		name     string
		policies string
		steps    []step
		missed   int
		ever     bool
	}{
		{"answered in the last second of the window", complaints.DefaultPolicies,
			[]step{{96 * hour, "answer", complaints.StateAnswered}}, 0, false},
		{"answered a second later", complaints.DefaultPolicies,
			[]step{{96*hour + time.Second, "answer", complaints.StateAnsweredLate}}, 1, true},
		{"never answered", complaints.DefaultPolicies,
			[]step{{96 * hour, "", complaints.StatePending}, {time.Second, "", complaints.StateUnanswered}}, 1, true},
		{"a late answer keeps both facts", complaints.DefaultPolicies,
			[]step{{200 * hour, "", complaints.StateUnanswered}, {hour, "answer", complaints.StateAnsweredLate}}, 1, true},
		{"a holding answer does not stop the clock", complaints.DefaultPolicies,
			[]step{{90 * hour, "holding", complaints.StatePending}, {7 * hour, "", complaints.StateUnanswered}}, 1, true},
		{"no such order is an answer", complaints.DefaultPolicies,
			[]step{{90 * hour, "no_such_order", complaints.StateAnswered}}, 0, false},
		{"a dispute lets the same clock go on", complaints.DefaultPolicies,
			[]step{{90 * hour, "answer", complaints.StateAnswered}, {400 * hour, "dispute", complaints.StatePending}, {6 * hour, "", complaints.StatePending}, {time.Second, "", complaints.StateUnanswered}}, 1, true},
		{"a second answer within what was left is in time", complaints.DefaultPolicies,
			[]step{{90 * hour, "answer", complaints.StateAnswered}, {400 * hour, "dispute", complaints.StatePending}, {6 * hour, "answer", complaints.StateAnswered}}, 0, false},
		{"withdrawn", complaints.DefaultPolicies,
			[]step{{hour, "withdraw", complaints.StateWithdrawn}, {500 * hour, "", complaints.StateWithdrawn}}, 0, false},
		{"withdrawn after it went unanswered", complaints.DefaultPolicies,
			[]step{{100 * hour, "withdraw", complaints.StateWithdrawn}}, 1, true},
		{"staged windows of 72, 48 and 24 hours", complaints.CentrePolicies,
			[]step{{72 * hour, "", complaints.StatePending}, {time.Second, "", complaints.StateOverdue}, {48 * hour, "", complaints.StateOverdue}, {24*hour - time.Second, "", complaints.StateOverdue}, {time.Second, "", complaints.StateUnanswered}}, 3, true},
		{"staged: answered in the second window is late", complaints.CentrePolicies,
			[]step{{73 * hour, "answer", complaints.StateAnsweredLate}}, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			policies, err := complaints.ShippedPolicies(tt.policies)
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t, func(c *complaints.Config) { c.Policies = policies })
			ticket := b.file(t)
			for i, s := range tt.steps {
				b.clock.advance(s.after)
				switch s.do {
				case "":
				case "dispute", "withdraw":
					act := map[string]func() (complaints.Complaint, error){
						"dispute":  func() (complaints.Complaint, error) { return b.Dispute(t.Context(), ticket.ID, ticket.Token) },
						"withdraw": func() (complaints.Complaint, error) { return b.Withdraw(t.Context(), ticket.ID, ticket.Token) },
					}[s.do]
					first, err := act()
					if err != nil {
						t.Fatal(err)
					}
					if again, err := act(); err != nil || cmp.Diff(first, again, windows) != "" {
						t.Errorf("step %d again: %v, %+v", i, err, again)
					}
				default:
					if a := b.answer(t, ticket.ID, complaints.Kind(s.do)); a.State != s.want {
						t.Errorf("step %d: the answer says %s, want %s", i, a.State, s.want)
					}
				}
				if c := b.follow(t, ticket); c.State != s.want {
					t.Errorf("step %d: state %s, want %s", i, c.State, s.want)
				}
			}
			if c := b.follow(t, ticket); c.Missed != tt.missed || c.EverUnanswered != tt.ever {
				t.Errorf("missed %d, ever unanswered %v, want %d, %v", c.Missed, c.EverUnanswered, tt.missed, tt.ever)
			}
		})
	}
}

// windows compares windows by what they are.
var windows = cmp.Comparer(func(a, b complaints.Window) bool { return a == b })

func TestOnlyTheTokenOpensAComplaint(t *testing.T) {
	b := newBench(t, nil)
	ticket, stranger := b.file(t), b.file(t)
	for _, token := range []string{"", stranger.Token, ticket.Token + "x"} {
		_, err := b.Follow(t.Context(), ticket.ID, token)
		wantFault(t, err, fault.Denied, "complaint_token_wrong")
		_, err = b.Withdraw(t.Context(), ticket.ID, token)
		wantFault(t, err, fault.Denied, "complaint_token_wrong")
		_, err = b.Dispute(t.Context(), ticket.ID, token)
		wantFault(t, err, fault.Denied, "complaint_token_wrong")
		_, err = b.Receipt(t.Context(), ticket.ID, token, "")
		wantFault(t, err, fault.Denied, "complaint_token_wrong")
	}
	for _, id := range []string{"", "c-1", ticket.ID + "/", strings.ToUpper(ticket.ID)} {
		_, err := b.Follow(t.Context(), id, ticket.Token)
		wantFault(t, err, fault.NotFound, "complaint_unknown")
	}
}

func TestStepsThatTheStateForbids(t *testing.T) {
	b := newBench(t, nil)
	open, answered, gone := b.file(t), b.file(t), b.file(t)
	b.answer(t, answered.ID, complaints.KindAnswer)
	if _, err := b.Withdraw(t.Context(), gone.ID, gone.Token); err != nil {
		t.Fatal(err)
	}
	_, err := b.Dispute(t.Context(), open.ID, open.Token)
	wantFault(t, err, fault.Conflict, "complaint_not_answered")
	_, err = b.Dispute(t.Context(), gone.ID, gone.Token)
	wantFault(t, err, fault.Conflict, "complaint_over")
	_, err = b.Answer(t.Context(), gone.ID, b.signed(t, b.key, b.says(gone.ID, complaints.KindAnswer, nil)))
	wantFault(t, err, fault.Conflict, "complaint_over")
	_, err = b.Answer(t.Context(), answered.ID, b.signed(t, b.key, b.says(answered.ID, complaints.KindHolding, nil)))
	wantFault(t, err, fault.Conflict, "complaint_answered")
	rule := func(id string, r complaints.Ruling) error {
		_, err := b.Rule(t.Context(), b.officer(t, "sara"), id, r, false)
		return err
	}
	wantFault(t, rule(gone.ID, complaints.Ruling{Kind: complaints.KindInadmissible, Reason: "abusive"}), fault.Conflict, "complaint_over")
	wantFault(t, rule(open.ID, complaints.Ruling{Kind: complaints.KindAnswer, Reason: "abusive"}), fault.Invalid, "complaint_ruling_unknown")
	wantFault(t, rule(open.ID, complaints.Ruling{Kind: complaints.KindInadmissible, Reason: "filed_twice"}), fault.Invalid, "complaint_aside_reason")
}

func TestSetAsideTakesAComplaintOutOfTheCount(t *testing.T) {
	b := newBench(t, func(c *complaints.Config) { c.Businesses = &register{names: map[string]bool{string(nobody): true}} })
	duplicate, moved, kept := b.file(t), b.file(t), b.file(t)
	early := b.file(t)
	b.rule(t, early.ID, complaints.Ruling{Kind: complaints.KindInadmissible, Reason: "abusive"})
	b.clock.advance(200 * hour)
	if c := b.follow(t, early); c.Missed != 0 || c.EverUnanswered {
		t.Errorf("the clock of one set aside ran on: missed %d", c.Missed)
	}
	for range 2 {
		b.rule(t, duplicate.ID, complaints.Ruling{Kind: complaints.KindDuplicate, Reason: "filed_twice", Of: kept.ID})
		b.rule(t, moved.ID, complaints.Ruling{Business: shop, Kind: complaints.KindMoved, Reason: "wrong_business", To: nobody})
	}
	r, err := b.Record(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Scorecard; s.Received != 2 || s.Unanswered != 1 || s.Pending != 0 || r.Aside.EverUnanswered != 2 {
		t.Errorf("%+v, %+v", s, r.Aside)
	}
	c := b.follow(t, duplicate)
	if last := c.History[len(c.History)-1]; c.State != complaints.StateDuplicate || last.Actor != "officer" || last.Reason != "filed_twice" {
		t.Errorf("state %s, last %+v", c.State, last)
	}
	if at := r.Aside.Oldest; !at.Equal(kept.Served) {
		t.Errorf("oldest unanswered: %v", at)
	}
	b.answer(t, kept.ID, complaints.KindAnswer)
	if r, err = b.Record(t.Context(), shop); err != nil || !r.Aside.Oldest.IsZero() {
		t.Errorf("oldest unanswered after the answer: %v, %v", r.Aside.Oldest, err)
	}
}

func TestNothingPersonalIsReadableOrLogged(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	in := filing()
	secrets := []string{in.Purchase.Order, "9121112233", "سفارش", "پوزش", ticket.Token, "4500000", catest.Zahra.NationalCode, "2026-11-01"}
	kept, leaves := b.dump(t), strings.Join(b.leaves(t), "\n")
	for _, s := range secrets {
		quoted, _ := json.Marshal(s)
		if strings.Contains(kept, strings.Trim(string(quoted), `"`)) || strings.Contains(kept, s) {
			t.Errorf("the store shows %q", s)
		}
		if strings.Contains(leaves, s) {
			t.Errorf("the ledger shows %q", s)
		}
	}
	if n := len(b.leaves(t)); n != 3 {
		t.Errorf("%d leaves, want filed, served and answer: %s", n, leaves)
	}
	if strings.Contains(leaves, string(shop)) {
		t.Error("the ledger names a business whose record is private")
	}
}

func TestBusinessIsToldLaterIfItCouldNotBeTold(t *testing.T) {
	b := newBench(t, nil)
	b.told.fail = errors.New("down")
	ticket, gone := b.file(t), b.file(t)
	if err := b.NotifyServed(t.Context()); err != nil {
		t.Errorf("tried again within a minute: %v", err)
	}
	b.clock.advance(time.Minute)
	if err := b.NotifyServed(t.Context()); err == nil {
		t.Error("the job hides that nobody could be told")
	}
	b.told.fail = nil
	if _, err := b.Withdraw(t.Context(), gone.ID, gone.Token); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(time.Minute) // the second wait is two minutes
	if err := b.NotifyServed(t.Context()); err != nil || len(b.told.ids) != 0 {
		t.Errorf("told %v, %v", b.told.ids, err)
	}
	b.clock.advance(time.Minute)
	for range 2 {
		if err := b.NotifyServed(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.told.ids) != 1 || !strings.Contains(b.told.ids[0], ticket.ID) {
		t.Errorf("told %q", b.told.ids)
	}
}

func TestRowsEqualTheEvents(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	b.clock.advance(90 * hour)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	b.clock.advance(100 * hour)
	if _, err := b.Dispute(t.Context(), ticket.ID, ticket.Token); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(10 * hour)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	var events []complaints.Event
	var row complaints.Row
	err := b.ca.Store.View(t.Context(), func(tx store.Tx) (err error) {
		if row, err = store.Load[complaints.Row](tx, "complaints_rows", string(shop)+"/"+ticket.ID); err != nil {
			return err
		}
		return store.Each(tx, "complaints_events", ticket.ID+"/", "", func(_ string, e complaints.Event) error {
			events = append(events, e)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	// At every hour of the complaint's life the row and the events agree.
	for at := ticket.Served; at.Before(b.clock.Now().Add(hour)); at = at.Add(hour) {
		s := complaints.Derive(events, at)
		c := complaints.Score("b", []complaints.Row{row}, complaints.Terms{At: at})
		if open := c.Pending+c.Unanswered == 1; open != s.Open() || (c.Unanswered == 1) != (s.State == complaints.StateUnanswered) || (c.OnTime == 1) != (s.State == complaints.StateAnswered) {
			t.Fatalf("after %v: the events say %s, the row %+v", at.Sub(ticket.Served), s.State, c)
		}
	}
	if s := complaints.Derive(events, ticket.Served.Add(-time.Second)); s.State != "" {
		t.Errorf("before it was filed it was %s", s.State)
	}
}
