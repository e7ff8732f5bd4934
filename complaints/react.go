package complaints

import (
	"context"
	"errors"
	"slices"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Reaction is what a consumer says of a complaint.
type Reaction struct {
	Business ca.BusinessID // "" where the complaint is against one only
	Kind     Kind          // of Reactions
	Text     string        // for escalated and appealed needed, else none
}

// Reactions are the kinds of events that a consumer makes.
func Reactions() []Kind {
	return []Kind{KindDisputed, KindAccepted, KindRejected, KindSettled, KindEscalated, KindAppealed, KindWithdrawn}
}

// React adds what the consumer says, if the complaint stands so that it can be
// said, and returns the complaint after it. Saying it again changes nothing.
//
//	disputed   the answer was none: the same clock goes on where it stopped
//	accepted   the answer is right; whether it is kept is another matter
//	rejected   it is not; it stays an answer
//	settled    it is settled with the business, at any time after an answer
//	escalated  an officer is to decide, after an answer or when none came
//	appealed   against an officer's decision, for ten days
//	withdrawn  it stays on the record, but is no longer owed an answer
func (d *Desk) React(ctx context.Context, id, token string, r Reaction) (Complaint, error) {
	if !slices.Contains(Reactions(), r.Kind) {
		return Complaint{}, fault.New(fault.Invalid, "complaint_step_unknown", "there is no such step; go back to the complaint and use its buttons")
	}
	if r.Kind.needsWords() != (r.Text != "") {
		return Complaint{}, fault.New(fault.Invalid, "complaint_reasons", "say why when you ask for a decision or appeal, in plain text; other steps take no text")
	}
	e := Event{Kind: r.Kind, At: d.now(), Actor: "consumer", Salt: newSalt()}
	w, err := d.words(&e, r.Text)
	if err != nil {
		return Complaint{}, err
	}
	var c Complaint
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		f, err := authorised(tx, id, token)
		if err != nil {
			return err
		}
		m, err := f.at(r.Business)
		if err != nil {
			return err
		}
		events, err := m.load(tx)
		if err != nil {
			return err
		}
		after, err := m.step(tx, events, e)
		if err != nil {
			return err
		}
		if len(after) > len(events) {
			if err := errors.Join(w.save(tx), d.call(tx, m, events, after)); err != nil {
				return err
			}
		}
		c, err = d.show(tx, m, after, e.At)
		return err
	})
	return c, err
}

// needsWords reports whether the consumer has to say why.
func (k Kind) needsWords() bool { return k == KindEscalated || k == KindAppealed }

// Withdraw is React with withdrawn, for a complaint against one business.
func (d *Desk) Withdraw(ctx context.Context, id, token string) (Complaint, error) {
	return d.React(ctx, id, token, Reaction{Kind: KindWithdrawn})
}

// Dispute is React with disputed, for a complaint against one business.
func (d *Desk) Dispute(ctx context.Context, id, token string) (Complaint, error) {
	return d.React(ctx, id, token, Reaction{Kind: KindDisputed})
}
