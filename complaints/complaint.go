package complaints

import (
	"cmp"
	"time"
)

// Kind is what an event says happened.
type Kind string

// The kinds of events. The first two open every complaint.
const (
	KindFiled        Kind = "filed"
	KindServed       Kind = "served"        // the clock starts
	KindHolding      Kind = "holding"       // "we are looking into it": never stops the clock
	KindAnswer       Kind = "answer"        // stops the clock
	KindNoSuchOrder  Kind = "no_such_order" // an answer too, which an officer can test
	KindDisputed     Kind = "disputed"      // the consumer: this was no answer; the same clock goes on
	KindWithdrawn    Kind = "withdrawn"     // by the consumer
	KindInadmissible Kind = "inadmissible"  // by an officer, with a reason; so are the next two
	KindDuplicate    Kind = "duplicate"
	KindMoved        Kind = "moved"
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
		s.Deadlines = append(s.Deadlines, unix(v.start).Add(s.Window.Until(stage)))
		if v.past(s.Window.Until(stage)) {
			s.Missed++
		}
	}
	s.EverUnanswered = v.past(s.Window.Total())
	if v.answered {
		s.Answered = unix(v.start + v.clock)
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
		at := e.At.Unix()
		switch {
		case e.Kind == KindFiled:
			r.Filed, r.Window = at, e.Window
		case e.Kind == KindServed:
			r.Served, ok = at, true
		case e.Kind.stopsClock() && r.Answered == 0:
			r.Answered = at
		case e.Kind == KindDisputed && r.Answered != 0:
			r.Void = append(r.Void, Span{From: r.Answered, To: at})
			r.Answered = 0
		case e.Kind == KindWithdrawn, e.Kind == KindMoved:
			r.Ended = at
		case e.Kind == KindInadmissible, e.Kind == KindDuplicate:
			r.Out = at
		}
	}
	return r, ok
}

func unix(secs int64) time.Time { return time.Unix(secs, 0).UTC() }
