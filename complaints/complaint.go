package complaints

import (
	"cmp"
	"time"
)

// Kind is what an event says happened.
type Kind string

// The kinds of events. Every complaint opens with the first.
const (
	KindFiled         Kind = "filed"
	KindFlagged       Kind = "flagged"         // by the service: an officer looks at it before it is served
	KindAdmitted      Kind = "admitted"        // by an officer, or by the service when his time is over
	KindServed        Kind = "served"          // the clock starts
	KindRested        Kind = "rested"          // the service could not be reached for a while, in which no clock runs
	KindHolding       Kind = "holding"         // "we are looking into it": never stops the clock
	KindAnswer        Kind = "answer"          // stops the clock
	KindNoSuchOrder   Kind = "no_such_order"   // an answer too, which an officer can test
	KindOrderFound    Kind = "order_found"     // an officer: there is such an order; the same clock goes on
	KindOrderNotFound Kind = "order_not_found" // an officer: there is none
	KindDisputed      Kind = "disputed"        // the consumer: this was no answer; the same clock goes on
	KindAccepted      Kind = "accepted"        // the consumer accepts the answer
	KindRejected      Kind = "rejected"        // the consumer does not; it stays an answer
	KindSettled       Kind = "settled"         // the consumer confirms that it is settled with the business
	KindEscalated     Kind = "escalated"       // the consumer asks for an officer's decision
	KindDecided       Kind = "decided"         // by an officer
	KindWithdrawn     Kind = "withdrawn"       // by the consumer
	KindInadmissible  Kind = "inadmissible"    // by an officer, with a reason; so are the next three
	KindDuplicate     Kind = "duplicate"       // of another complaint
	KindMerged        Kind = "merged"          // into another complaint
	KindMoved         Kind = "moved"           // to another business
	KindJoined        Kind = "joined"          // another complaint was merged into this one
	KindAppealed      Kind = "appealed"        // against an officer's decision
	KindAppealGranted Kind = "appeal_granted"  // by another officer: the decision falls
	KindAppealRefused Kind = "appeal_refused"  // by another officer: the decision stays
)

// stopsClock reports whether an event of the kind is a substantive answer.
func (k Kind) stopsClock() bool { return k == KindAnswer || k == KindNoSuchOrder }

// Event is one thing that happened to one complaint at one business. Events
// are only ever added; nothing personal is in them.
type Event struct {
	Seq       int       `json:"seq"` // from 1
	Kind      Kind      `json:"kind"`
	At        time.Time `json:"at"`                  // UTC, whole seconds; never before the event before
	Actor     string    `json:"actor"`               // "consumer", "business", "service", "operator:NAME"
	Reason    string    `json:"reason,omitempty"`    // a word of the officer's closed set
	Policy    string    `json:"policy,omitempty"`    // filed: version of the window policy in force
	Window    Window    `json:"window,omitzero"`     // filed: that policy's window
	Content   string    `json:"content,omitempty"`   // filed: salted commitment to what the consumer wrote
	Statement string    `json:"statement,omitempty"` // answers: hex SHA-256 of what was signed
	From      time.Time `json:"from,omitzero"`       // rested: when the service was lost
	To        time.Time `json:"to,omitzero"`         // rested: when it was back
	Salt      []byte    `json:"salt"`                // makes the ledger's commitment say nothing
}

// State is where a complaint stands.
type State string

// The states. Open ones first.
const (
	StatePending      State = "pending"       // open, inside the first window
	StateOverdue      State = "overdue"       // open, a window but the last was missed
	StateUnanswered   State = "unanswered"    // open, past the last window
	StateAnswered     State = "answered"      // inside the first window
	StateAnsweredLate State = "answered_late" // after it; that it was late stays
	StateWithdrawn    State = "withdrawn"     // by the consumer
	StateInadmissible State = "inadmissible"  // not counted
	StateDuplicate    State = "duplicate"     // not counted
	StateMoved        State = "moved"         // to another business
)

// Status is what the events of a complaint say at an instant.
type Status struct {
	State          State
	Filed, Served  time.Time
	Policy         string
	Window         Window
	Deadlines      []time.Time // ends of the windows, moved on by the time the clock rested
	Answered       time.Time   // zero while no answer stands
	Missed         int         // windows missed so far, the last one included
	EverUnanswered bool
}

// Open reports whether the business owes an answer.
func (s Status) Open() bool {
	return s.State == StatePending || s.State == StateOverdue || s.State == StateUnanswered
}

// Deadline returns the end of the last window.
func (s Status) Deadline() time.Time {
	if len(s.Deadlines) == 0 {
		return time.Time{}
	}
	return s.Deadlines[len(s.Deadlines)-1]
}

// Derive returns the status that the events of one complaint give at an
// instant; events after it are not looked at. It is pure. The zero Status
// means that nothing had happened yet.
func Derive(events []Event, at time.Time) Status {
	seen := events
	for i, e := range events {
		if e.At.After(at) {
			seen = events[:i]
			break
		}
	}
	r, ok := rowOf(seen)
	if !ok {
		return Status{}
	}
	// One that is not counted is shown with its clock as it stood then.
	r.Ended, r.Out = cmp.Or(r.Ended, r.Out), 0
	v, _ := r.at(at.Unix())
	s := Status{Filed: seen[0].At, Served: unix(r.Served), Policy: seen[0].Policy, Window: seen[0].Window}
	for stage := 1; stage <= s.Window.Stages(); stage++ {
		s.Deadlines = append(s.Deadlines, unix(r.deadline(s.Window.Until(stage), at.Unix())))
		if v.past(s.Window.Until(stage)) {
			s.Missed++
		}
	}
	s.EverUnanswered = v.past(s.Window.Total())
	if v.answered {
		s.Answered = unix(v.answeredAt)
	}
	s.State = stateOf(v, s.Missed, s.Window.Stages())
	if over, ok := overState(seen[len(seen)-1].Kind); ok {
		s.State = over
	}
	return s
}

// overState returns the state that an event ends a complaint in, if it does.
func overState(k Kind) (State, bool) {
	switch k {
	case KindWithdrawn:
		return StateWithdrawn, true
	case KindInadmissible:
		return StateInadmissible, true
	case KindDuplicate:
		return StateDuplicate, true
	case KindMoved:
		return StateMoved, true
	}
	return "", false
}

func stateOf(v view, missed, stages int) State {
	switch {
	case v.answered && missed == 0:
		return StateAnswered
	case v.answered:
		return StateAnsweredLate
	case missed == 0:
		return StatePending
	case missed < stages:
		return StateOverdue
	}
	return StateUnanswered
}

// rowOf returns what the events come to for counting, once the complaint was
// served.
func rowOf(events []Event) (r Row, ok bool) {
	for _, e := range events {
		r.take(e)
		ok = ok || e.Kind == KindServed
	}
	return r, ok
}

// take adds one event, which is not before those that were added.
func (r *Row) take(e Event) {
	at := e.At.Unix()
	switch e.Kind {
	case KindFiled:
		r.Filed, r.Window = at, e.Window
	case KindServed:
		r.Served = at
	case KindRested:
		r.Rest = append(r.Rest, Rest{Span: Span{From: e.From.Unix(), To: e.To.Unix()}, At: at})
	case KindAnswer, KindNoSuchOrder:
		r.Answered = cmp.Or(r.Answered, at)
	case KindDisputed, KindOrderFound:
		if r.Answered != 0 {
			r.Void = append(r.Void, Span{From: r.Answered, To: at, Reacted: r.Reacted})
			r.Answered, r.Reacted = 0, 0
		}
	case KindAccepted, KindRejected, KindSettled, KindEscalated, KindDecided, KindAppealed, KindAppealGranted, KindAppealRefused:
		r.takeEnd(e.Kind, at)
	case KindWithdrawn, KindMoved:
		r.Ended = at
	case KindInadmissible, KindDuplicate, KindMerged:
		r.Out = at
	}
}

// takeEnd adds what happens after an answer, and appeals.
func (r *Row) takeEnd(k Kind, at int64) {
	if r.Answered != 0 && (k == KindAccepted || k == KindRejected || k == KindSettled || k == KindEscalated) {
		r.Reacted = cmp.Or(r.Reacted, at)
	}
	switch k {
	case KindAccepted:
		r.Accepted = cmp.Or(r.Accepted, at)
	case KindRejected:
		r.Rejected = cmp.Or(r.Rejected, at)
	case KindSettled:
		r.Settled, r.Closed = at, at
	case KindEscalated:
		r.Escalated = at
	case KindDecided:
		r.Decided, r.Closed = at, at+seconds(AppealTime)
	case KindAppealed:
		r.Closed = 0
	case KindAppealGranted, KindAppealRefused:
		switch {
		case r.Out == 0 && r.Ended == 0:
			r.Closed = at
		case k == KindAppealGranted:
			r.Gone = append(r.Gone, Gone{Span: Span{From: cmp.Or(r.Out, r.Ended), To: at}, Ended: r.Ended != 0})
			r.Out, r.Ended = 0, 0
		}
	}
}

func unix(secs int64) time.Time { return time.Unix(secs, 0).UTC() }
