package complaints

import (
	"context"
	"errors"
	"slices"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// Withdraw ends the complaint for its consumer. It stays on the record, but
// is no longer owed an answer. Doing it again changes nothing.
func (d *Desk) Withdraw(ctx context.Context, id, token string) (Complaint, error) {
	return d.consumerSays(ctx, id, token, KindWithdrawn, func(s Status) error {
		if s.Open() || s.State == StateAnswered || s.State == StateAnsweredLate {
			return nil
		}
		return errOver()
	})
}

// Dispute says for the consumer that the answer was none: the same clock goes
// on from where the answer stopped it. Doing it again changes nothing.
func (d *Desk) Dispute(ctx context.Context, id, token string) (Complaint, error) {
	return d.consumerSays(ctx, id, token, KindDisputed, func(s Status) error {
		switch {
		case s.State == StateAnswered || s.State == StateAnsweredLate:
			return nil
		case s.Open():
			return fault.New(fault.Conflict, "complaint_not_answered", "there is no answer yet that could be disputed; the clock is running")
		}
		return errOver()
	})
}

func errOver() error {
	return fault.New(fault.Conflict, "complaint_over", "this complaint is over; nothing more is owed")
}

// consumerSays adds an event of the consumer's, if may allows it in the
// present state, and returns the complaint after it.
func (d *Desk) consumerSays(ctx context.Context, id, token string, k Kind, may func(Status) error) (Complaint, error) {
	e := Event{Kind: k, At: d.now(), Actor: "consumer", Salt: newSalt()}
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		f, events, err := authorised(tx, id, token)
		if err != nil {
			return err
		}
		return f.step(tx, events, e, may)
	})
	if err != nil {
		return Complaint{}, err
	}
	return d.Follow(ctx, id, token)
}

// step adds e, unless the last event said the same already.
func (f file) step(tx store.Tx, events []Event, e Event, may func(Status) error) error {
	if n := len(events); n > 0 && events[n-1].Kind == e.Kind {
		return nil
	}
	if err := may(Derive(events, notBefore(events, e.At))); err != nil {
		return err
	}
	_, _, err := f.add(tx, events, e)
	return err
}

// reasons to set a complaint aside, a closed set for each kind.
func asideReasons(k Kind) []string {
	switch k {
	case KindInadmissible:
		return []string{"no_purchase_named", "not_a_consumer_matter", "before_a_court", "abusive"}
	case KindDuplicate:
		return []string{"filed_twice"}
	case KindMoved:
		return []string{"wrong_business"}
	}
	return nil
}

// SetAside takes a complaint off the clock for an officer, by a reason of the
// closed set: inadmissible ones and duplicates count no more, one moved to
// another business counts as watched until then. actor is what
// ca.Authority.Operator returned. Doing it again changes nothing.
func (d *Desk) SetAside(ctx context.Context, actor, id string, k Kind, reason string) error {
	if actor == "" {
		return errors.New("complaints: set aside by nobody")
	}
	if !slices.Contains(asideReasons(k), reason) {
		return fault.New(fault.Invalid, "complaint_aside_reason", "a complaint is set aside as inadmissible, duplicate or moved, by a reason of the list for it; choose one")
	}
	e := Event{Kind: k, At: d.now(), Actor: actor, Reason: reason, Salt: newSalt()}
	return d.Store.Update(ctx, func(tx store.Tx) error {
		f, err := loadFile(tx, id)
		if err != nil {
			return err
		}
		events, err := loadEvents(tx, f)
		if err != nil {
			return err
		}
		return f.step(tx, events, e, func(s Status) error {
			if s.Open() || s.State == StateAnswered || s.State == StateAnsweredLate {
				return nil
			}
			return errOver()
		})
	})
}
