package complaints

import "time"

// How long an officer has.
const (
	// FlaggedTime is for looking at a flagged complaint; then it is served.
	FlaggedTime = 24 * time.Hour
	// DecisionTime is for a decision, and for one of an appeal. Nothing happens
	// when it is over but that the queue shows it.
	DecisionTime = 10 * 24 * time.Hour
)

// course is where a complaint stands beside its clock. Its zero value is that
// of a complaint to which nothing has happened.
type course struct {
	state    State // "": as the clock says
	due      time.Time
	untested bool

	// The officer's decision that stands or is under appeal.
	decision State
	outcome  Outcome
	by       string
	at       time.Time
	before   State // where it stood before that
	final    bool  // an appeal was decided
}

func courseOf(events []Event) (c course) {
	for _, e := range events {
		c.take(e)
	}
	return c
}

// take adds one event.
func (c *course) take(e Event) {
	switch e.Kind {
	case KindFlagged:
		c.due = e.At.Add(FlaggedTime)
	case KindAdmitted:
		c.state, c.due = StateAdmissible, time.Time{}
	case KindServed:
		c.state, c.due = "", time.Time{}
	case KindAnswer, KindNoSuchOrder:
		c.untested = e.Kind == KindNoSuchOrder
	case KindDisputed, KindOrderFound:
		c.untested = false
		if c.state == StateAccepted || c.state == StateRejected {
			c.state = ""
		}
	case KindOrderNotFound:
		c.untested = false
	case KindAccepted, KindRejected, KindSettled, KindWithdrawn, KindEscalated:
		c.state, c.due = saidState(e.Kind), time.Time{}
		if e.Kind == KindEscalated {
			c.due = e.At.Add(DecisionTime)
		}
	case KindDecided, KindInadmissible, KindDuplicate, KindMerged, KindMoved:
		c.before, c.decision, c.outcome, c.by, c.at, c.final = c.state, officerState(e.Kind), e.Outcome, e.Actor, e.At, false
		c.state, c.due = c.decision, time.Time{}
	case KindAppealed:
		c.state, c.due = StateUnderAppeal, e.At.Add(DecisionTime)
	case KindAppealGranted, KindAppealRefused:
		c.endAppeal(e)
	}
}

// endAppeal closes a decision of the matter, and takes back or leaves one that
// set it aside.
func (c *course) endAppeal(e Event) {
	c.final, c.due = true, time.Time{}
	granted := e.Kind == KindAppealGranted
	switch {
	case c.decision == StateDecided:
		c.state = StateClosed
		if granted {
			c.outcome, c.by = e.Outcome, e.Actor
		}
	case granted:
		c.state, c.decision, c.by, c.final = c.before, "", "", false
		if c.state == StateEscalated {
			c.due = e.At.Add(DecisionTime)
		}
	default:
		c.state = c.decision
	}
}

// saidState is the state that the consumer's word leads to.
func saidState(k Kind) State {
	switch k {
	case KindAccepted:
		return StateAccepted
	case KindRejected:
		return StateRejected
	case KindSettled:
		return StateSettled
	case KindWithdrawn:
		return StateWithdrawn
	}
	return StateEscalated
}

// officerState is the state that an officer's decision leads to.
func officerState(k Kind) State {
	switch k {
	case KindInadmissible:
		return StateInadmissible
	case KindDuplicate:
		return StateDuplicate
	case KindMerged:
		return StateMerged
	case KindMoved:
		return StateMoved
	}
	return StateDecided
}

// put brings the status that the clock gave in line with the course.
func (c course) put(s *Status, r Row, at time.Time) {
	s.DueBy, s.Outcome, s.By = c.due, c.outcome, c.by
	s.Untested = c.untested && !s.Answered.IsZero()
	last := c.at.Add(AppealTime)
	switch {
	case c.state == "" && !s.Answered.IsZero():
		if r.Silent(at.Unix()) {
			s.State = StateNoReaction
		} else {
			s.ReactBy = r.reactBy(at.Unix())
		}
	case c.state == StateDecided && at.After(last):
		s.State = StateClosed
	case c.state != "":
		s.State = c.state
	}
	if c.by != "" && !c.final && c.state == c.decision && !at.After(last) {
		s.AppealBy = last
	}
}
