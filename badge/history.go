package badge

import (
	"fmt"
	"time"

	"mohr/internal/ledger"
	"mohr/internal/store"
)

// ID names a badge: "b-" and 32 hex digits, taken from the hash of the
// request that asked for it.
type ID string

// State of a badge.
type State string

// The states. A badge counts only while it is Active.
const (
	Checking  State = "checking"  // accepted, not judged yet
	Waiting   State = "waiting"   // judged, and something could not be found out
	Refused   State = "refused"   // for good, but for an appeal; another request may follow
	Active    State = "active"    //
	Suspended State = "suspended" // a fact turned bad; may come back
	Revoked   State = "revoked"   // for good, but for an appeal
	Expired   State = "expired"   // for good
)

// Open reports whether the request behind the badge is still undecided.
func (s State) Open() bool { return s == Checking || s == Waiting }

// moves is the life of a badge: the states each state may go to.
func (s State) mayBecome(next State) bool {
	switch s {
	case "":
		return next == Checking
	case Checking, Waiting:
		return next == Waiting || next == Refused || next == Active
	case Refused: // on appeal
		return next == Checking
	case Revoked: // on appeal
		return next == Active
	case Active:
		return next == Suspended || next == Revoked || next == Expired
	case Suspended:
		// To itself: the domain was taken over meanwhile, which is for good.
		return next == Active || next == Suspended || next == Revoked || next == Expired
	}
	return false
}

// Change is one entry of a badge's public history.
type Change struct {
	At    time.Time `json:"at"`
	State State     `json:"state"`
	Why   Why       `json:"why,omitempty"`
}

// move takes the badge to another state at now: the history and the public
// log get an entry each. hash is that of what the decision rested on; since
// is when what the state says came to be, zero for now.
func (b *Badge) move(tx store.Tx, next State, why Why, hash string, since, now time.Time) error {
	if !b.State.mayBecome(next) {
		return fmt.Errorf("badge %s: from %q to %q: no such move", b.ID, b.State, next)
	}
	before := b.State
	b.State, b.Why, b.StateAt = next, why, now
	if next != Suspended {
		b.Hold = nil
	}
	switch {
	case next != Suspended:
		b.SuspendedAt = time.Time{}
	case b.SuspendedAt.IsZero():
		b.SuspendedAt = now
	}
	if !next.Open() && b.DecidedAt.IsZero() {
		b.DecidedAt = now
	}
	if since.IsZero() {
		since = now
	}
	if err := b.remember(tx, Change{At: since, State: next, Why: why}); err != nil {
		return err
	}
	if err := countMove(tx, before, next, why, since); err != nil {
		return err
	}
	return ledger.Append(tx, event(b.ID, next, why, hash, now))
}

// remember adds to the history.
func (b *Badge) remember(tx store.Tx, c Change) error {
	key := fmt.Sprintf("%s/%06d", b.ID, b.Changes)
	b.Changes++
	return store.Save(tx, historyBucket, key, c)
}

// note records something that leaves the state as it is, as move does.
func (b *Badge) note(tx store.Tx, why Why, hash string, now time.Time) error {
	if err := b.remember(tx, Change{At: now, State: b.State, Why: why}); err != nil {
		return err
	}
	return ledger.Append(tx, noteEvent(b.ID, why, hash, now))
}

// noteEvent is what the public log says of a note.
func noteEvent(id ID, why Why, hash string, now time.Time) ledger.Event {
	return ledger.Event{Kind: "badge.noted", Subject: string(id), At: now, Hash: hash, Note: string(why)}
}

// event is what the public log says of a change.
func event(id ID, next State, why Why, hash string, now time.Time) ledger.Event {
	return ledger.Event{Kind: "badge." + string(next), Subject: string(id), At: now, Hash: hash, Note: string(why)}
}

// history returns the badge's changes, oldest first.
func history(tx store.Tx, id ID) ([]Change, error) {
	var list []Change
	err := store.Each(tx, historyBucket, string(id)+"/", "", func(_ string, c Change) error {
		list = append(list, c)
		return nil
	})
	return list, err
}
