package complaints

import (
	"errors"
	"fmt"
	"slices"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// matter is a complaint at one of its businesses: it has the events and the
// clock. Business is that one.
type matter struct {
	file
	Business ca.BusinessID
}

// businesses returns all that the complaint is against, in the order in which
// they came to it.
func (f file) businesses() []ca.BusinessID {
	return append([]ca.BusinessID{f.Business}, f.Also...)
}

// at returns the complaint at the business; "" is the only one there is.
// NotFound if the complaint is not against it, Invalid if "" is not enough.
func (f file) at(b ca.BusinessID) (matter, error) {
	switch {
	case b == "" && len(f.Also) == 0:
		return matter{f, f.Business}, nil
	case b == "":
		return matter{}, fault.New(fault.Invalid, "complaint_business_needed", "this complaint is against several businesses; say which one is meant")
	case !slices.Contains(f.businesses(), b):
		return matter{}, fault.New(fault.NotFound, "complaint_not_against", "this complaint is not against that business; see its list")
	}
	return matter{f, b}, nil
}

// loadMatter reads a complaint at a business, "" being its only one, with its
// events.
func loadMatter(tx store.Tx, id string, b ca.BusinessID) (m matter, events []Event, err error) {
	f, err := loadFile(tx, id)
	if err != nil {
		return m, nil, err
	}
	if m, err = f.at(b); err != nil {
		return m, nil, err
	}
	events, err = m.load(tx)
	return m, events, err
}

func (m matter) key() string { return m.ID + "/" + businessKey(string(m.Business)) }

// load reads the events in order.
func (m matter) load(tx store.Tx) ([]Event, error) {
	var events []Event
	err := store.Each(tx, eventBucket, m.key()+"/", "", func(_ string, e Event) error {
		events = append(events, e)
		return nil
	})
	return events, err
}

// maxRepeats bounds what a side could say for ever: holding answers, and that
// an answer was none. Each kind has a bound of its own, so that neither side
// fills the file to keep the other from answering, disputing or withdrawing.
const maxRepeats = 10

// MaxEvents bounds how much happens to one complaint at one business: the keys
// of events have four digits, and readers of the open data rely on it.
const MaxEvents = 9999

// maxRested leaves room, below that, for what the sides and officers say after
// more outages than there ever were.
const maxRested = MaxEvents - 1000

// add appends e to the events, with its leaf in the ledger, and brings up to
// date the row for counting and what waits for an officer. It returns all
// events, e as it was added being the last.
func (m matter) add(tx store.Tx, events []Event, e Event) ([]Event, error) {
	if (e.Kind == KindHolding || e.Kind == KindDisputed) && count(events, e.Kind) >= maxRepeats {
		return nil, fault.New(fault.Conflict, "complaint_full", "this was said %[1]d times of this complaint, which is as often as it can be; write to the desk", maxRepeats)
	}
	if len(events) >= MaxEvents {
		return nil, fault.New(fault.Conflict, "complaint_events", "%[1]d things have happened to this complaint, and no more are recorded; write to the desk", MaxEvents)
	}
	before := Derive(events, notBefore(events, e.At))
	e.Seq, e.At = len(events)+1, notBefore(events, e.At)
	leaf, err := m.leaf(e)
	if err != nil {
		return nil, err
	}
	if err := store.Save(tx, eventBucket, fmt.Sprintf("%s/%04d", m.key(), e.Seq), e); err != nil {
		return nil, err
	}
	if err := ledger.Append(tx, leaf); err != nil {
		return nil, err
	}
	events = append(events, e)
	after := Derive(events, e.At)
	if err := errors.Join(m.queue(tx, before, after), m.announce(tx, e, before, after)); err != nil {
		return nil, err
	}
	row, served := rowOf(events)
	if !served {
		return events, nil
	}
	row.Category = string(m.Category)
	return events, putLive(tx, rowKey(string(m.Business), m.ID), row)
}

// step adds e if the state allows it. What the last event said already is said
// again without effect.
func (m matter) step(tx store.Tx, events []Event, e Event) ([]Event, error) {
	if i := lastWord(events); i >= 0 && events[i].says(e) {
		return events, nil
	}
	if err := Derive(events, notBefore(events, e.At)).allows(e.Kind); err != nil {
		return nil, err
	}
	return m.add(tx, events, e)
}

// lastWord returns the index of the last event that one of the sides or an
// officer made of this matter, -1 if there is none.
func lastWord(events []Event) int {
	for i := len(events) - 1; i >= 0; i-- {
		if k := events[i].Kind; k != KindRested && k != KindJoined && k != KindServed {
			return i
		}
	}
	return -1
}

// says reports whether the two are the same deed, whenever it was done.
func (e Event) says(f Event) bool {
	return e.Kind == f.Kind && e.Actor == f.Actor && e.Reason == f.Reason && e.Outcome == f.Outcome && e.Of == f.Of && e.Business == f.Business
}

// count returns how many of the events are of the kind.
func count(events []Event, k Kind) (n int) {
	for _, e := range events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// leaf is what the public log says of e: that something of this kind happened
// to this complaint. Business and content are in it as a salted commitment,
// the SHA-256 of canonical JSON (RFC 8785).
func (m matter) leaf(e Event) (ledger.Event, error) {
	hash, err := commitment(struct {
		Complaint string        `json:"complaint"`
		Business  ca.BusinessID `json:"business"`
		Event     Event         `json:"event"`
	}{m.ID, m.Business, e})
	return ledger.Event{Kind: "complaint." + string(e.Kind), Subject: m.ID, At: e.At, Hash: hash}, err
}
