package complaints_test

import (
	"fmt"
	"testing"
	"time"

	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/store"
)

func TestNeitherSideSilencesTheOtherByGoingOnForEver(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	for range 10 {
		b.answer(t, ticket.ID, complaints.KindHolding)
	}
	_, err := b.Answer(t.Context(), ticket.ID, b.signed(t, b.key, b.says(ticket.ID, complaints.KindHolding, nil)))
	wantFault(t, err, fault.Conflict, "complaint_full")
	for range 10 {
		b.answer(t, ticket.ID, complaints.KindAnswer)
		if _, err := b.Dispute(t.Context(), ticket.ID, ticket.Token); err != nil {
			t.Fatal(err)
		}
	}
	b.answer(t, ticket.ID, complaints.KindAnswer)
	_, err = b.Dispute(t.Context(), ticket.ID, ticket.Token)
	wantFault(t, err, fault.Conflict, "complaint_full")
	if c := b.follow(t, ticket); c.State != complaints.StateAnswered {
		t.Errorf("state %s", c.State)
	}
	if c, err := b.Withdraw(t.Context(), ticket.ID, ticket.Token); err != nil || c.State != complaints.StateWithdrawn {
		t.Errorf("state %s, %v", c.State, err)
	}
}

func TestAClockThatIsBehindDoesNotReopenAComplaint(t *testing.T) {
	b := newBench(t, nil)
	answered, gone := b.file(t), b.file(t)
	b.clock.advance(2 * time.Second)
	b.answer(t, answered.ID, complaints.KindAnswer)
	if _, err := b.Withdraw(t.Context(), gone.ID, gone.Token); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(-time.Second) // another node, or a clock set back
	for id, code := range map[string]string{answered.ID: "complaint_answered", gone.ID: "complaint_over"} {
		_, err := b.Answer(t.Context(), id, b.signed(t, b.key, b.says(id, complaints.KindAnswer, nil)))
		wantFault(t, err, fault.Conflict, code)
	}
	_, err := b.Rule(t.Context(), b.officer(t, "sara"), gone.ID, complaints.Ruling{Kind: complaints.KindInadmissible, Reason: "abusive"}, false)
	wantFault(t, err, fault.Conflict, "complaint_over")
	if c, err := b.Dispute(t.Context(), answered.ID, answered.Token); err != nil || c.State != complaints.StatePending {
		t.Errorf("a dispute of the answer: %s, %v", c.State, err)
	}
}

// A complaint to which as much has happened as is recorded takes nothing more,
// and holds up no outage.
func TestTheEventsOfAComplaintAreBounded(t *testing.T) {
	b := newBench(t, nil)
	full, open := b.file(t), b.file(t)
	err := b.ca.Store.Update(t.Context(), func(tx store.Tx) error {
		for n := 3; n <= complaints.MaxEvents; n++ {
			e := complaints.Event{Seq: n, Kind: complaints.KindJoined, At: b.clock.Now(), Actor: "operator:sara"}
			if err := store.Save(tx, "complaints_events", fmt.Sprintf("%s/%s/%04d", full.ID, shop, n), e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Withdraw(t.Context(), full.ID, full.Token)
	wantFault(t, err, fault.Conflict, "complaint_events")
	b.clock.advance(2 * hour)
	o := b.plan(t, -hour, -hour/2)
	if o, err := b.RecordOutage(t.Context(), b.officer(t, "sara"), o.Plan.ID); err != nil || o.State != complaints.OutageDone || o.Moved != 1 {
		t.Errorf("%+v, %v", o, err)
	}
	if c := b.follow(t, open); len(c.History) != 3 {
		t.Errorf("the other one: %+v", c.History)
	}
}
