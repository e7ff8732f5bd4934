package complaints

import (
	"slices"

	"mohr/internal/fault"
)

// Groups of states in which the same may happen.
var (
	waiting  = []State{StateFiled, StateAdmissible}
	running  = []State{StatePending, StateOverdue, StateUnanswered}
	fresh    = []State{StateAnswered, StateAnsweredLate} // an answer that nothing was said to
	finished = []State{StateAccepted, StateRejected, StateNoReaction}
	aside    = []State{StateInadmissible, StateDuplicate, StateMerged, StateMoved}
)

// mayFollow lists the states in which an event may be added. One that is not
// here is the service's own and looked at where it is made: filed, flagged,
// served, rested, joined.
func mayFollow(k Kind) []State {
	switch k {
	case KindAdmitted:
		return []State{StateFiled}
	case KindDisputed, KindAccepted, KindRejected:
		return fresh
	case KindSettled:
		return slices.Concat(fresh, finished)
	case KindEscalated:
		return slices.Concat(fresh, finished, []State{StateUnanswered})
	case KindWithdrawn:
		return slices.Concat(waiting, running, fresh, finished, []State{StateEscalated})
	case KindInadmissible, KindDuplicate, KindMerged, KindMoved:
		return slices.Concat(waiting, running, fresh, finished, []State{StateEscalated})
	case KindOrderFound, KindOrderNotFound:
		return slices.Concat(fresh, []State{StateRejected, StateNoReaction, StateEscalated})
	case KindDecided:
		return []State{StateEscalated}
	case KindAppealed:
		return slices.Concat(aside, []State{StateDecided})
	case KindAppealGranted, KindAppealRefused:
		return []State{StateUnderAppeal}
	}
	return nil
}

// final reports whether a consumer who says it cannot take it back: pages ask
// once more.
func (k Kind) final() bool { return k == KindWithdrawn || k == KindSettled }

// allows refuses, as a Conflict that says why, an event of the kind for a
// complaint that stands as s.
func (s Status) allows(k Kind) error {
	switch k {
	case KindHolding, KindAnswer, KindNoSuchOrder:
		return s.allowsAnswer()
	case KindOrderFound, KindOrderNotFound:
		if !s.Untested {
			return fault.New(fault.Conflict, "complaint_order_tested", "no answer stands that says there is no such order, or it was tested; look at the complaint again")
		}
	case KindAppealed:
		if s.State != StateUnderAppeal && s.AppealBy.IsZero() {
			return fault.New(fault.Conflict, "complaint_appeal_none", "there is no officer's decision against which an appeal is still open")
		}
	}
	if slices.Contains(mayFollow(k), s.State) {
		return nil
	}
	switch {
	case k == KindDisputed && s.Owed && slices.Contains(running, s.State):
		return fault.New(fault.Conflict, "complaint_not_answered", "there is no answer yet that could be disputed; the clock is running")
	case s.State == StateNoReaction:
		return fault.New(fault.Conflict, "complaint_reaction_late", "the time to react to this answer is over; say that it is settled, or ask for a decision")
	case s.over():
		return errOver()
	}
	return fault.New(fault.Conflict, "complaint_state", "this cannot be done now: the complaint is %[1]s", string(s.State))
}

// BusinessKinds are the kinds of events that a business makes.
func BusinessKinds() []Kind {
	return []Kind{KindAnswer, KindHolding, KindNoSuchOrder, KindAppealed}
}

// allowsBusiness is allows for the business: it appeals only a decision of the
// matter that goes against it. What set a complaint aside did not.
func (s Status) allowsBusiness(k Kind) error {
	if k == KindAppealed && (s.State != StateDecided || s.Outcome == ForBusiness) {
		return fault.New(fault.Conflict, "complaint_appeal_none", "there is no officer's decision against which an appeal is still open")
	}
	return s.allows(k)
}

// allowsAnswer refuses an answer to what is not open.
func (s Status) allowsAnswer() error {
	switch {
	case s.Owed:
		return nil
	case slices.Contains(waiting, s.State):
		return fault.New(fault.Conflict, "complaint_not_served", "this complaint was not served to you yet")
	case s.over(), s.State == StateUnderAppeal && s.Answered.IsZero():
		return errOver()
	}
	return fault.New(fault.Conflict, "complaint_answered", "this complaint has its answer; another is taken only if the consumer says that it was none")
}

// over reports whether nothing is owed or decided any more, unless on appeal.
func (s Status) over() bool {
	return slices.Contains(aside, s.State) || slices.Contains([]State{StateWithdrawn, StateSettled, StateClosed}, s.State)
}

func errOver() error {
	return fault.New(fault.Conflict, "complaint_over", "this complaint is over; nothing more is owed")
}
