package complaints_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/complaints"
	"mohr/internal/fault"
)

func TestAbuseAnotherConsumersTokenReactsToNothing(t *testing.T) {
	b := newBench(t, nil)
	ticket, stranger := b.file(t), b.file(t)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	before := b.dump(t)
	for _, k := range complaints.Reactions() {
		r := complaints.Reaction{Kind: k}
		if k == complaints.KindEscalated || k == complaints.KindAppealed {
			r.Text = "پول من پس داده نشده است."
		}
		for _, token := range []string{"", stranger.Token, ticket.ID} {
			_, err := b.React(t.Context(), ticket.ID, token, r)
			wantFault(t, err, fault.Denied, "complaint_token_wrong")
		}
	}
	_, err := b.ReceiptFile(t.Context(), ticket.ID, stranger.Token, "")
	wantFault(t, err, fault.Denied, "complaint_token_wrong")
	if b.dump(t) != before {
		t.Error("a stranger left something behind")
	}
}

// TestAbuseTheBusinessCannotSpeakForTheConsumer: what a business signs is an
// answer or its own appeal and nothing else, however it calls it.
func TestAbuseTheBusinessCannotSpeakForTheConsumer(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	for _, k := range append(complaints.Reactions(), complaints.RulingKinds()...) {
		_, err := b.Answer(t.Context(), ticket.ID, b.signed(t, b.key, b.says(ticket.ID, k, nil)))
		if k == complaints.KindAppealed { // its own, where it was decided against it
			wantFault(t, err, fault.Conflict, "complaint_appeal_none")
			continue
		}
		wantFault(t, err, fault.Invalid, "complaint_answer_kind")
	}
	if c := b.follow(t, ticket); c.State != complaints.StateAnswered || len(c.History) != 3 {
		t.Errorf("%s, %+v", c.State, c.History)
	}
}

func TestAbuseAnOfficerDoesNotDecideOfTheAppealAgainstHisOwnDecision(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	b.said(t, ticket, complaints.KindEscalated)
	b.rule(t, ticket.ID, decided)
	b.said(t, ticket, complaints.KindAppealed)
	refuse := complaints.Ruling{Kind: complaints.KindAppealRefused, Reason: "rightly_decided", Text: "همان است."}
	// Under his own name, and under another that the same person has.
	person := ca.HolderID("h-" + strings.Repeat("5", 32))
	for _, name := range []string{"sara", "maryam"} {
		if err := b.ca.IntroduceOperator(t.Context(), name, person); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"sara", "maryam"} {
		_, err := b.Rule(t.Context(), b.officer(t, name), ticket.ID, refuse, false)
		wantFault(t, err, fault.Denied, "complaint_own_decision")
	}
	if _, err := b.Rule(t.Context(), b.officer(t, "omid"), ticket.ID, refuse, false); err != nil {
		t.Error(err)
	}
	if _, err := b.says2(t, ticket, complaints.KindAppealed); fault.Code(err) != "complaint_appeal_none" {
		t.Errorf("a second appeal: %v", err)
	}
}

func TestAbuseMergingGivesTheBusinessNoTime(t *testing.T) {
	b := newBench(t, nil)
	first := b.file(t)
	b.clock.advance(50 * hour)
	second := b.file(t)
	merge := func(id, into string) error {
		_, err := b.Rule(t.Context(), b.officer(t, "sara"), id, complaints.Ruling{Kind: complaints.KindMerged, Reason: "same_purchase", Of: into}, false)
		return err
	}
	wantFault(t, merge(first.ID, second.ID), fault.Conflict, "complaint_other_unfit")
	wantFault(t, merge(second.ID, second.ID), fault.Conflict, "complaint_other_unfit")
	wantFault(t, merge(second.ID, "c-1"), fault.Conflict, "complaint_other_unfit")
	if err := merge(second.ID, first.ID); err != nil {
		t.Fatal(err)
	}
	wantFault(t, merge(first.ID, second.ID), fault.Conflict, "complaint_other_unfit") // no circle
	if c := b.follow(t, first); !c.Deadlines[0].Equal(first.Deadlines[0]) || c.History[len(c.History)-1].Of != second.ID {
		t.Errorf("%+v", c)
	}
	r, err := b.Record(t.Context(), shop)
	if err != nil || r.Scorecard.Received != 1 {
		t.Errorf("received %d, %v", r.Scorecard.Received, err)
	}
}

func TestAbuseAnotherConsumersComplaintIsNotMergedAway(t *testing.T) {
	b := newBench(t, nil)
	first := b.file(t)
	in := filing()
	in.Contact.Mobile = "09121112299"
	second, err := b.File(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Rule(t.Context(), b.officer(t, "sara"), second.ID, complaints.Ruling{Kind: complaints.KindMerged, Reason: "same_purchase", Of: first.ID}, false)
	wantFault(t, err, fault.Conflict, "complaint_other_unfit")
}

func TestAppealAgainstSettingAsideBringsTheSameClockBack(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	b.clock.advance(50 * hour)
	b.rule(t, ticket.ID, complaints.Ruling{Kind: complaints.KindInadmissible, Reason: "abusive"})
	b.clock.advance(100 * hour)
	if c := b.said(t, ticket, complaints.KindAppealed); c.State != complaints.StateUnderAppeal || c.Owed {
		t.Errorf("%+v", c)
	}
	_, err := b.Answer(t.Context(), ticket.ID, b.signed(t, b.key, b.says(ticket.ID, complaints.KindAnswer, nil)))
	wantFault(t, err, fault.Conflict, "complaint_over")
	granted := complaints.Ruling{Kind: complaints.KindAppealGranted, Reason: "wrong_rule", Text: "قابل رسیدگی است.", Outcome: complaints.ForBoth}
	_, err = b.Rule(t.Context(), b.officer(t, "omid"), ticket.ID, granted, false)
	wantFault(t, err, fault.Invalid, "complaint_outcome") // there was no outcome to replace
	granted.Outcome = ""
	c, err := b.Rule(t.Context(), b.officer(t, "omid"), ticket.ID, granted, false)
	if err != nil || c.State != complaints.StatePending || !c.Deadlines[0].Equal(b.clock.Now().Add(46*hour)) {
		t.Errorf("%s, %v, %v: 46 hours should be left at %v", c.State, c.Deadlines, err, b.clock.Now())
	}
	r, err := b.Record(t.Context(), shop)
	if err != nil || r.Scorecard.Received != 1 {
		t.Errorf("it is not counted again: %+v, %v", r.Scorecard, err)
	}
}

func TestAMovedComplaintBeginsAtTheOtherBusinessByItsOldPolicy(t *testing.T) {
	policies := complaints.Policies{
		{Version: "old/1", Window: window(t, "single(96h)")},
		{Version: "harsh/1", From: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), Window: window(t, "single(1h)")},
	}
	b := newBench(t, func(c *complaints.Config) {
		c.Policies = policies
		c.Businesses = &register{names: map[string]bool{string(nobody): true}}
	})
	ticket := b.file(t)
	b.clock.advance(60 * hour)
	b.rule(t, ticket.ID, complaints.Ruling{Kind: complaints.KindMoved, Reason: "wrong_business", To: nobody})
	all, err := b.FollowAll(t.Context(), ticket.ID, ticket.Token)
	if err != nil || len(all) != 2 || all[0].State != complaints.StateMoved || all[1].State != complaints.StatePending || all[1].Business != nobody {
		t.Fatalf("%+v, %v", all, err)
	}
	if c := all[1]; c.Policy != "old/1" || !c.Deadlines[0].Equal(b.clock.Now().Add(96*hour)) || !c.Filed.Equal(ticket.Served) {
		t.Errorf("%+v", c)
	}
	_, err = b.Rule(t.Context(), b.officer(t, "sara"), ticket.ID, complaints.Ruling{Business: nobody, Kind: complaints.KindMoved, Reason: "wrong_business", To: shop}, false)
	wantFault(t, err, fault.Conflict, "complaint_moved_there")
	// The appeal takes it back from there.
	if _, err := b.React(t.Context(), ticket.ID, ticket.Token, complaints.Reaction{Business: shop, Kind: complaints.KindAppealed, Text: "همان فروشگاه بود."}); err != nil {
		t.Fatal(err)
	}
	_, err = b.Rule(t.Context(), b.officer(t, "omid"), ticket.ID, complaints.Ruling{Business: shop, Kind: complaints.KindAppealGranted, Reason: "wrong_facts", Text: "همان فروشگاه است."}, false)
	if err != nil {
		t.Fatal(err)
	}
	if all, err = b.FollowAll(t.Context(), ticket.ID, ticket.Token); err != nil || all[0].State != complaints.StatePending || all[1].State != complaints.StateMoved {
		t.Errorf("%s and %s, %v", all[0].State, all[1].State, err)
	}
	if !all[0].Deadlines[0].Equal(b.clock.Now().Add(36 * hour)) {
		t.Errorf("deadline %v at %v", all[0].Deadlines, b.clock.Now())
	}
}

func TestAPolicyChangedInTheMiddleJudgesNobodyFiledBefore(t *testing.T) {
	policies := complaints.Policies{
		{Version: "old/1", Window: window(t, "single(96h)")},
		{Version: "harsh/1", From: time.Date(2026, 11, 23, 10, 0, 1, 0, time.UTC), Window: window(t, "single(1h)")},
	}
	b := newBench(t, func(c *complaints.Config) { c.Policies = policies })
	old := b.file(t)
	b.clock.advance(time.Second)
	young := b.file(t)
	b.clock.advance(96*hour - time.Second)
	b.answer(t, old.ID, complaints.KindAnswer)
	b.answer(t, young.ID, complaints.KindAnswer)
	if c := b.follow(t, old); c.State != complaints.StateAnswered || c.Policy != "old/1" {
		t.Errorf("%+v", c)
	}
	if c := b.follow(t, young); c.State != complaints.StateAnsweredLate || c.Policy != "harsh/1" {
		t.Errorf("%+v", c)
	}
}

func TestSeveralBusinessesHaveAClockEach(t *testing.T) {
	b := newBench(t, func(c *complaints.Config) { c.Businesses = &register{names: map[string]bool{string(nobody): true}} })
	otherKey, _ := b.ca.IssueTo(t, other, ca.OrganisationSign, "application-2")
	in := filing()
	in.Also = []string{string(nobody), string(shop), " "}
	ticket, err := b.File(t.Context(), in)
	if err != nil || len(ticket.Others) != 1 || ticket.Others[0].Business != nobody || ticket.Others[0].Receipt == "" {
		t.Fatalf("%+v, %v", ticket, err)
	}
	b.clock.advance(10 * hour)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	_, err = b.Dispute(t.Context(), ticket.ID, ticket.Token)
	wantFault(t, err, fault.Invalid, "complaint_business_needed")
	_, err = b.React(t.Context(), ticket.ID, ticket.Token, complaints.Reaction{Business: "10323012419", Kind: complaints.KindDisputed})
	wantFault(t, err, fault.NotFound, "complaint_not_against")
	b.clock.advance(90 * hour)
	all, err := b.FollowAll(t.Context(), ticket.ID, ticket.Token)
	if err != nil || all[0].State != complaints.StateAnswered || all[1].State != complaints.StateUnanswered {
		t.Fatalf("%+v, %v", all, err)
	}
	for business, unanswered := range map[ca.BusinessID]int{shop: 0, nobody: 1} {
		r, err := b.Record(t.Context(), business)
		if err != nil || r.Scorecard.Received != 1 || r.Scorecard.Unanswered != unanswered {
			t.Errorf("%s: %+v, %v", business, r.Scorecard, err)
		}
	}
	// The other one answers with its own certificate, for itself alone.
	says := b.says(ticket.ID, complaints.KindAnswer, func(s *complaints.AnswerStatement) { s.CertificateSHA256 = sha256Hex(otherKey.Certificate.Raw) })
	if a, err := b.Answer(t.Context(), ticket.ID, b.signed(t, otherKey, says)); err != nil || a.State != complaints.StateAnsweredLate {
		t.Errorf("%+v, %v", a, err)
	}
	in = filing()
	for n := 10100000000; len(in.Also) < 5; n++ {
		if id, err := ca.ParseBusinessID(strconv.Itoa(n)); err == nil {
			in.Also = append(in.Also, string(id))
		}
	}
	_, err = b.Begin(t.Context(), in, "en")
	wantFault(t, err, fault.Invalid, "complaint_too_many_businesses")
}

// TestRacesEndInOneState lets two sides act at once, many times.
func TestRacesEndInOneState(t *testing.T) {
	b := newBench(t, nil)
	for range 15 {
		ticket := b.file(t)
		b.answer(t, ticket.ID, complaints.KindAnswer)
		var all sync.WaitGroup
		for _, k := range []complaints.Kind{complaints.KindAccepted, complaints.KindRejected, complaints.KindDisputed, complaints.KindSettled} {
			all.Go(func() { _, _ = b.says2(t, ticket, k) })
		}
		all.Go(func() {
			_, _ = b.Rule(t.Context(), b.officer(t, "sara"), ticket.ID, complaints.Ruling{Kind: complaints.KindInadmissible, Reason: "abusive"}, false)
		})
		all.Wait()
		seen := map[complaints.Kind]int{}
		for _, e := range b.follow(t, ticket).History {
			seen[e.Kind]++
		}
		for k, n := range seen {
			if n > 1 {
				t.Fatalf("%s came %d times", k, n)
			}
		}
		if seen[complaints.KindAccepted]+seen[complaints.KindRejected]+seen[complaints.KindDisputed] > 1 {
			t.Fatalf("one answer was reacted to in several ways: %v", seen)
		}
	}
}

func TestAnAnswerAndADisputeAtOnceLeaveOneClock(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	raws := [][]byte{}
	for range 4 {
		raws = append(raws, b.signed(t, b.key, b.says(ticket.ID, complaints.KindAnswer, nil)))
	}
	var all sync.WaitGroup
	for _, raw := range raws {
		all.Go(func() { _, _ = b.Answer(t.Context(), ticket.ID, raw) })
		all.Go(func() { _, _ = b.Dispute(t.Context(), ticket.ID, ticket.Token) })
	}
	all.Wait()
	last := complaints.Kind("")
	for _, e := range b.follow(t, ticket).History[2:] {
		if e.Kind == last {
			t.Fatalf("%s twice in a row", e.Kind)
		}
		last = e.Kind
	}
}
