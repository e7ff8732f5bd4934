package complaints

import (
	"cmp"
	"time"
)

// State is where a complaint stands at one business.
type State string

// The states.
const (
	StateFiled        State = "filed"         // an officer looks at it before it is served
	StateAdmissible   State = "admissible"    // to be served
	StatePending      State = "pending"       // open, inside the first window
	StateOverdue      State = "overdue"       // open, a window but the last was missed
	StateUnanswered   State = "unanswered"    // open, past the last window
	StateAnswered     State = "answered"      // inside the first window
	StateAnsweredLate State = "answered_late" // after it; that it was late stays
	StateAccepted     State = "accepted"      // the consumer accepts the answer; nothing is settled by that
	StateRejected     State = "rejected"      // the consumer does not
	StateNoReaction   State = "no_reaction"   // silence: never counted as settled
	StateSettled      State = "settled_direct"
	StateEscalated    State = "escalated" // an officer is to decide
	StateDecided      State = "decided"   // and it can be appealed
	StateClosed       State = "closed"    // and it cannot any more
	StateUnderAppeal  State = "under_appeal"
	StateWithdrawn    State = "withdrawn"               // by the consumer
	StateInadmissible State = "inadmissible"            // not counted
	StateDuplicate    State = "duplicate_of"            // not counted
	StateMerged       State = "merged"                  // not counted
	StateMoved        State = "moved_to_other_business" // counted there
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
	Owed           bool      // the business owes an answer
	ReactBy        time.Time // until when the consumer may react; zero where there is nothing to react to
	Untested       bool      // the answer that stands says that there is no such order, and no officer looked
	Outcome        Outcome   // of the decision that stands
	By             string    // the officer whose decision stands, or is under appeal
	AppealBy       time.Time // until when that decision can be appealed; zero: it cannot
	DueBy          time.Time // until when an officer is to act; zero: none is
}

// Open reports whether the business owes an answer.
func (s Status) Open() bool { return s.Owed }

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
	if len(seen) == 0 {
		return Status{}
	}
	r, served := rowOf(seen)
	s := Status{State: StateFiled, Filed: seen[0].At, Policy: seen[0].Policy, Window: seen[0].Window}
	if served {
		s.clock(r, at.Unix())
	}
	courseOf(seen).put(&s, r, at)
	return s
}

// clock fills in what the row says at t.
func (s *Status) clock(r Row, t int64) {
	s.Served = unix(r.Served)
	set := cmp.Or(r.Ended, r.Out)
	// One that is not counted is shown with its clock as it stood then.
	r.Ended, r.Out = set, 0
	v, _ := r.at(t)
	for stage := 1; stage <= s.Window.Stages(); stage++ {
		s.Deadlines = append(s.Deadlines, unix(r.deadline(s.Window.Until(stage), t)))
		if v.past(s.Window.Until(stage)) {
			s.Missed++
		}
	}
	s.EverUnanswered = v.past(s.Window.Total())
	s.Owed = v.open()
	if v.answered {
		s.Answered = unix(v.answeredAt)
	}
	s.State = stateOf(v, s.Missed, s.Window.Stages())
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

func unix(secs int64) time.Time { return time.Unix(secs, 0).UTC() }
