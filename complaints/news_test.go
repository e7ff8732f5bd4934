package complaints_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/ca/catest"
	"mohr/complaints"
)

// newsOf runs the job and returns what was told since.
func (b *bench) newsOf(t testing.TB) []string {
	t.Helper()
	b.told.news = nil
	for range 2 { // the second time there is nothing left
		if err := b.TellConsumers(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return b.told.news
}

func TestAConsumerIsToldWhatOthersDid(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	tell := func(what string) string { return "+989121112233 en " + ticket.ID + " " + what }
	want := func(when string, list ...string) {
		t.Helper()
		if got := b.newsOf(t); !slices.Equal(got, list) {
			t.Errorf("%s: told %q, want %q", when, got, list)
		}
	}
	want("filed and served at once")
	b.answer(t, ticket.ID, complaints.KindHolding)
	want("a holding answer", tell("holding"))
	b.answer(t, ticket.ID, complaints.KindHolding)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	want("two things before a message went out", tell("answer"))
	b.said(t, ticket, complaints.KindDisputed)
	want("what he said himself")
	b.clock.advance(96 * hour)
	want("in the last second of the time to answer")
	b.clock.advance(time.Second)
	want("after it", tell("time_over"))
	b.said(t, ticket, complaints.KindEscalated)
	b.rule(t, ticket.ID, complaints.Ruling{Kind: complaints.KindDecided, Reason: "answer_sufficient", Outcome: complaints.ForBusiness, Text: "پاسخ کافی است."})
	want("a decision", tell("decided"))
}

func TestAConsumerIsNotToldThatTimeIsOverWhereItIsNot(t *testing.T) {
	b := newBench(t, nil)
	answered, rested, withdrawn := b.file(t), b.file(t), b.file(t)
	b.answer(t, answered.ID, complaints.KindAnswer)
	if _, err := b.Withdraw(t.Context(), withdrawn.ID, withdrawn.Token); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(90 * hour)
	o := b.plan(t, -10*hour, -2*hour)
	if _, err := b.RecordOutage(t.Context(), b.officer(t, "sara"), o.Plan.ID); err != nil {
		t.Fatal(err)
	}
	b.newsOf(t)
	b.clock.advance(6*hour + time.Second) // the first deadline is over, that after the outage is not
	if got := b.newsOf(t); len(got) != 0 {
		t.Errorf("told %q", got)
	}
	b.clock.advance(8 * hour)
	if got := b.newsOf(t); len(got) != 1 || !strings.HasSuffix(got[0], rested.ID+" time_over") {
		t.Errorf("told %q", got)
	}
	b.empty(t, "complaints_over")
}

func TestAMessageToAConsumerThatFailsIsSentLater(t *testing.T) {
	b := newBench(t, nil)
	ticket, removed := b.file(t), b.file(t)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	b.answer(t, removed.ID, complaints.KindAnswer)
	if _, err := b.RemoveText(t.Context(), b.officer(t, "sara"), removed.ID, "consumer_erasure"); err != nil {
		t.Fatal(err)
	}
	b.told.fail = errors.New("down")
	if err := b.TellConsumers(t.Context()); !errors.Is(err, b.told.fail) {
		t.Errorf("%v", err)
	}
	b.told.fail = nil
	if got := b.newsOf(t); len(got) != 0 {
		t.Errorf("before its time: %q", got)
	}
	b.clock.advance(time.Minute)
	if got := b.newsOf(t); len(got) != 1 || !strings.Contains(got[0], ticket.ID) {
		t.Errorf("told %q", got)
	}
	b.empty(t, "complaints_news")
}

func TestNewsHasWordsAndNoSecret(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	var said string
	teller := b.teller(t, nil, func(_ context.Context, to, text string) error { said = to + ": " + text; return nil })
	for _, what := range append(complaints.RulingKinds(), complaints.KindServed, complaints.KindHolding, complaints.KindAnswer,
		complaints.KindNoSuchOrder, complaints.KindJoined, complaints.KindRested, complaints.KindAppealed, "time_over") {
		if what == complaints.KindAdmitted {
			continue // it is served then
		}
		for _, lang := range []string{"fa", "en", ""} {
			if err := teller.News(t.Context(), "+989121112233", lang, ticket.ID, what); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(said, catest.Portal+"/complaints/"+ticket.ID) || strings.Contains(said, "complaints.news") || strings.Contains(said, ticket.Token) || strings.Contains(said, string(shop)) {
				t.Errorf("%s, %q: %s", what, lang, said)
			}
		}
	}
}
