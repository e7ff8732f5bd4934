package complaints_test

import (
	"testing"
	"time"

	"mohr/complaints"
	"mohr/internal/fault"
)

// decided is a complaint that an officer, sara, decided.
func (b *bench) decided(t testing.TB, o complaints.Outcome) complaints.Ticket {
	t.Helper()
	ticket := b.file(t)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	b.said(t, ticket, complaints.KindEscalated)
	b.rule(t, ticket.ID, complaints.Ruling{Kind: complaints.KindDecided, Reason: "answer_insufficient", Outcome: o, Text: "وجه باید بازگردد."})
	return ticket
}

// appeal is the business's appeal, signed.
func (b *bench) appeal(t testing.TB, ticket complaints.Ticket) (complaints.Accepted, error) {
	t.Helper()
	return b.Answer(t.Context(), ticket.ID, b.signed(t, b.key, b.says(ticket.ID, complaints.KindAppealed, nil)))
}

func TestABusinessAppealsADecisionThatGoesAgainstIt(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.decided(t, complaints.ForConsumer)
	a, err := b.appeal(t, ticket)
	if err != nil || a.State != complaints.StateUnderAppeal || a.Mark != "" {
		t.Fatalf("%+v, %v", a, err)
	}
	if got := b.newsOf(t); len(got) != 1 || got[0] != "+989121112233 en "+ticket.ID+" appealed" {
		t.Errorf("the consumer was told %q", got)
	}
	if q, err := b.Queue(t.Context(), b.officer(t, "reader"), complaints.TaskAppeal); err != nil || len(q) != 1 {
		t.Errorf("%+v, %v", q, err)
	}
	f, err := b.AnswerReceipt(t.Context(), a.Statement)
	if err != nil || f.Receipt == "" {
		t.Errorf("%+v, %v", f, err)
	}
	granted := complaints.Ruling{Kind: complaints.KindAppealGranted, Reason: "wrong_facts", Outcome: complaints.ForBusiness, Text: "پاسخ کافی بود."}
	_, err = b.Rule(t.Context(), b.officer(t, "sara"), ticket.ID, granted, false)
	wantFault(t, err, fault.Denied, "complaint_own_decision")
	c, err := b.Rule(t.Context(), b.officer(t, "omid"), ticket.ID, granted, false)
	if err != nil || c.State != complaints.StateClosed || c.Outcome != complaints.ForBusiness {
		t.Errorf("%+v, %v", c, err)
	}
	h := b.follow(t, ticket).History
	if e := h[len(h)-2]; e.Kind != complaints.KindAppealed || e.Actor != "business" || e.Text == "" {
		t.Errorf("%+v", e)
	}
}

func TestAbuseABusinessAppealsNothingElse(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, b *bench) complaints.Ticket
		code string
	}{
		{"a decision in its favour", func(t *testing.T, b *bench) complaints.Ticket { return b.decided(t, complaints.ForBusiness) }, "complaint_appeal_none"},
		{"a complaint that is open", func(t *testing.T, b *bench) complaints.Ticket { return b.file(t) }, "complaint_appeal_none"},
		{"one that was set aside", func(t *testing.T, b *bench) complaints.Ticket {
			ticket := b.file(t)
			b.rule(t, ticket.ID, complaints.Ruling{Kind: complaints.KindInadmissible, Reason: "abusive"})
			return ticket
		}, "complaint_appeal_none"},
		{"when the time is over", func(t *testing.T, b *bench) complaints.Ticket {
			ticket := b.decided(t, complaints.ForConsumer)
			b.clock.advance(10*day + time.Second)
			return ticket
		}, "complaint_appeal_none"},
		{"twice", func(t *testing.T, b *bench) complaints.Ticket {
			ticket := b.decided(t, complaints.ForBoth)
			if _, err := b.appeal(t, ticket); err != nil {
				t.Fatal(err)
			}
			return ticket
		}, "complaint_appeal_none"},
		{"after its appeal was decided", func(t *testing.T, b *bench) complaints.Ticket {
			ticket := b.decided(t, complaints.ForBoth)
			if _, err := b.appeal(t, ticket); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Rule(t.Context(), b.officer(t, "omid"), ticket.ID, complaints.Ruling{Kind: complaints.KindAppealRefused, Reason: "nothing_new", Text: "همان است."}, false); err != nil {
				t.Fatal(err)
			}
			return ticket
		}, "complaint_appeal_none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			ticket := tt.make(t, b)
			_, err := b.appeal(t, ticket)
			wantFault(t, err, fault.Conflict, tt.code)
		})
	}
	t.Run("in the last second of the time it does", func(t *testing.T) {
		b := newBench(t, nil)
		ticket := b.decided(t, complaints.ForConsumer)
		b.clock.advance(10 * day)
		if _, err := b.appeal(t, ticket); err != nil {
			t.Error(err)
		}
	})
}
