package complaints_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"mohr/complaints"
	"mohr/internal/fault"
)

// said is one step of a consumer, with a reason where one is needed.
func (b *bench) said(t testing.TB, ticket complaints.Ticket, k complaints.Kind) complaints.Complaint {
	t.Helper()
	c, err := b.says2(t, ticket, k)
	if err != nil {
		t.Fatalf("%s: %v", k, err)
	}
	return c
}

func (b *bench) says2(t testing.TB, ticket complaints.Ticket, k complaints.Kind) (complaints.Complaint, error) {
	t.Helper()
	r := complaints.Reaction{Kind: k}
	if k == complaints.KindEscalated || k == complaints.KindAppealed {
		r.Text = "پاسخ درست نیست و پول من پس داده نشده است."
	}
	return b.React(t.Context(), ticket.ID, ticket.Token, r)
}

var decided = complaints.Ruling{Kind: complaints.KindDecided, Reason: "answer_insufficient", Outcome: complaints.ForConsumer, Text: "کسب‌وکار باید وجه را بازگرداند."}

// TestWhatFollowsAnAnswer walks from an answer to each end.
func TestWhatFollowsAnAnswer(t *testing.T) {
	const day = 24 * time.Hour
	type step struct {
		after time.Duration
		do    complaints.Kind // "": nothing
		want  complaints.State
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"accepted, and settled when it was kept", []step{{day, complaints.KindAccepted, complaints.StateAccepted}, {100 * day, "", complaints.StateAccepted}, {0, complaints.KindSettled, complaints.StateSettled}}},
		{"settled at once", []step{{day, complaints.KindSettled, complaints.StateSettled}, {400 * day, "", complaints.StateSettled}}},
		{"silence begins a second after twenty days", []step{{20 * day, "", complaints.StateAnswered}, {time.Second, "", complaints.StateNoReaction}}},
		{"in the last second one may still react", []step{{20 * day, complaints.KindRejected, complaints.StateRejected}}},
		{"silence ends in a settlement only if the consumer says so", []step{{21 * day, "", complaints.StateNoReaction}, {900 * day, "", complaints.StateNoReaction}, {0, complaints.KindSettled, complaints.StateSettled}}},
		{"silence, then a decision is asked for", []step{{21 * day, complaints.KindEscalated, complaints.StateEscalated}, {day, complaints.KindDecided, complaints.StateDecided}}},
		{"a decision closes a second after ten days", []step{{day, complaints.KindEscalated, complaints.StateEscalated}, {day, complaints.KindDecided, complaints.StateDecided}, {10 * day, "", complaints.StateDecided}, {time.Second, "", complaints.StateClosed}}},
		{"an appeal in the last second, and its refusal", []step{{day, complaints.KindEscalated, complaints.StateEscalated}, {day, complaints.KindDecided, complaints.StateDecided}, {10 * day, complaints.KindAppealed, complaints.StateUnderAppeal}, {50 * day, "", complaints.StateUnderAppeal}, {0, complaints.KindAppealRefused, complaints.StateClosed}}},
		{"an appeal that is granted", []step{{day, complaints.KindRejected, complaints.StateRejected}, {day, complaints.KindEscalated, complaints.StateEscalated}, {day, complaints.KindDecided, complaints.StateDecided}, {day, complaints.KindAppealed, complaints.StateUnderAppeal}, {day, complaints.KindAppealGranted, complaints.StateClosed}}},
		{"withdrawn while an officer was to decide", []step{{day, complaints.KindEscalated, complaints.StateEscalated}, {day, complaints.KindWithdrawn, complaints.StateWithdrawn}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			ticket := b.file(t)
			b.answer(t, ticket.ID, complaints.KindAnswer)
			for i, s := range tt.steps {
				b.clock.advance(s.after)
				var c complaints.Complaint
				switch s.do {
				case "":
					c = b.follow(t, ticket)
				case complaints.KindDecided:
					c = b.rule(t, ticket.ID, decided)
				case complaints.KindAppealRefused, complaints.KindAppealGranted:
					r := complaints.Ruling{Kind: s.do, Reason: "rightly_decided", Text: "همان است."}
					if s.do == complaints.KindAppealGranted {
						r.Reason, r.Outcome = "wrong_facts", complaints.ForBusiness
					}
					var err error
					if c, err = b.Rule(t.Context(), b.officer(t, "omid"), ticket.ID, r, false); err != nil {
						t.Fatal(err)
					}
				default:
					c = b.said(t, ticket, s.do)
					if again := b.said(t, ticket, s.do); again.State != c.State || len(again.History) != len(c.History) {
						t.Errorf("step %d said again: %s with %d events, before %s with %d", i, again.State, len(again.History), c.State, len(c.History))
					}
				}
				if c.State != s.want || b.follow(t, ticket).State != s.want {
					t.Errorf("step %d: %s, want %s", i, c.State, s.want)
				}
			}
		})
	}
}

func TestSilenceIsNeverCountedAsSettled(t *testing.T) {
	row := complaints.Row{Served: 1_000, Answered: 2_000}
	edge := row.Answered + int64(complaints.ReactionTime/time.Second)
	if row.Silent(edge) || !row.Silent(edge+1) || row.Silent(1_999) {
		t.Error("silence begins at another second than the one after twenty days")
	}
	row.Reacted = edge
	if row.Silent(edge + 1) {
		t.Error("a reaction in the last second is called silence")
	}
	row.Reacted, row.Settled = 0, 0
	if !row.Silent(edge+1) || row.Settled != 0 {
		t.Error("silence became a settlement")
	}
}

func TestADecisionWithoutAnAnswerLeavesTheAnswerOwed(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	_, err := b.says2(t, ticket, complaints.KindEscalated)
	wantFault(t, err, fault.Conflict, "complaint_state")
	b.clock.advance(97 * hour)
	if c := b.said(t, ticket, complaints.KindEscalated); c.State != complaints.StateEscalated || !c.Owed || !c.EverUnanswered {
		t.Errorf("%+v", c)
	}
	b.rule(t, ticket.ID, decided)
	r, err := b.Record(t.Context(), shop)
	if err != nil || r.Scorecard.Unanswered != 1 {
		t.Errorf("a decision hides an unanswered complaint: %+v, %v", r.Scorecard, err)
	}
	// The late answer is taken; that it went unanswered stays.
	b.answer(t, ticket.ID, complaints.KindAnswer)
	c := b.follow(t, ticket)
	if r, err = b.Record(t.Context(), shop); err != nil || r.Scorecard.Unanswered != 0 || r.Aside.EverUnanswered != 1 || c.Owed || c.State != complaints.StateDecided {
		t.Errorf("%s, %+v, %+v, %v", c.State, r.Scorecard, r.Aside, err)
	}
}

func TestNoSuchOrderIsTestedByAnOfficer(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	b.clock.advance(50 * hour)
	b.answer(t, ticket.ID, complaints.KindNoSuchOrder)
	if q, err := b.Queue(t.Context(), b.officer(t, "reader"), complaints.TaskOrder); err != nil || len(q) != 1 || q[0].Complaint != ticket.ID {
		t.Fatalf("queue %+v, %v", q, err)
	}
	b.clock.advance(100 * hour)
	b.said(t, ticket, complaints.KindRejected)
	c := b.rule(t, ticket.ID, complaints.Ruling{Kind: complaints.KindOrderFound, Reason: "consumer_proved"})
	if c.State != complaints.StatePending || !c.Deadlines[0].Equal(b.clock.Now().Add(46*hour)) {
		t.Errorf("%s, deadline %v: the same clock should go on with 46 hours left at %v", c.State, c.Deadlines, b.clock.Now())
	}
	if q, err := b.Queue(t.Context(), b.officer(t, "reader"), ""); err != nil || len(q) != 0 {
		t.Errorf("queue %+v, %v", q, err)
	}
	if n := len(b.told.ids); n != 2 {
		t.Errorf("the business was told %d times: of the serving, and that the clock goes on", n)
	}
	b.answer(t, ticket.ID, complaints.KindNoSuchOrder)
	c = b.rule(t, ticket.ID, complaints.Ruling{Kind: complaints.KindOrderNotFound, Reason: "not_proved"})
	if c.State != complaints.StateAnswered {
		t.Errorf("state %s", c.State)
	}
	_, err := b.Rule(t.Context(), b.officer(t, "sara"), ticket.ID, complaints.Ruling{Kind: complaints.KindOrderFound, Reason: "consumer_proved"}, false)
	wantFault(t, err, fault.Conflict, "complaint_order_tested")
}

// TestADryRunKeepsNothing compares everything the room keeps.
func TestADryRunKeepsNothing(t *testing.T) {
	b := newBench(t, func(c *complaints.Config) { c.Businesses = &register{names: map[string]bool{string(nobody): true}} })
	one, two := b.file(t), b.file(t)
	rulings := []complaints.Ruling{
		{Kind: complaints.KindInadmissible, Reason: "abusive"},
		{Kind: complaints.KindMerged, Reason: "same_purchase", Of: one.ID},
		{Kind: complaints.KindDuplicate, Reason: "filed_twice", Of: one.ID},
		{Kind: complaints.KindMoved, Reason: "wrong_business", To: nobody},
		{Kind: complaints.KindWithdrawn, Reason: "asked_by_phone"},
	}
	want := []complaints.State{complaints.StateInadmissible, complaints.StateMerged, complaints.StateDuplicate, complaints.StateMoved, complaints.StateWithdrawn}
	for i, r := range rulings {
		before, leaves := b.dump(t), len(b.leaves(t))
		c, err := b.Rule(t.Context(), b.officer(t, "sara"), two.ID, r, true)
		if err != nil || c.State != want[i] {
			t.Errorf("%s: %s, %v", r.Kind, c.State, err)
		}
		if b.dump(t) != before || len(b.leaves(t)) != leaves {
			t.Errorf("the dry run of %s left something behind", r.Kind)
		}
	}
}

func TestTheConsumerIsShownWhatMayBeSaid(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	may := func() []complaints.Kind { return b.follow(t, ticket).May }
	check := func(when string, want ...complaints.Kind) {
		t.Helper()
		if got := may(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
		// What is shown is exactly what is taken.
		for _, k := range complaints.Reactions() {
			if h := b.follow(t, ticket).History; h[len(h)-1].Kind == k {
				continue // said before: it is said again without effect
			}
			_, err := b.says2(t, ticket, k)
			if err == nil && !slices.Contains(want, k) {
				t.Errorf("%s: %s was taken and not shown", when, k)
			}
			if err == nil {
				return // it changed the state
			}
			if !errors.Is(err, fault.Conflict) {
				t.Errorf("%s: %s: %v", when, k, err)
			}
		}
	}
	check("pending", complaints.KindWithdrawn)
	ticket = b.file(t)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	check("answered", complaints.KindDisputed, complaints.KindAccepted, complaints.KindRejected, complaints.KindSettled, complaints.KindEscalated, complaints.KindWithdrawn)
	ticket = b.file(t)
	b.clock.advance(97 * hour)
	check("unanswered", complaints.KindEscalated, complaints.KindWithdrawn)
	b.rule(t, ticket.ID, decided)
	check("decided", complaints.KindAppealed)
	check("under appeal")
}
