package complaints

import (
	"slices"

	"mohr/ca"
	"mohr/internal/fault"
)

// Ruling is what an officer does with a complaint at one business.
type Ruling struct {
	Business ca.BusinessID `json:"business,omitempty" maxLength:"64" doc:"needed where the complaint is against several"`
	Kind     Kind          `json:"kind" maxLength:"32" doc:"admitted, inadmissible, duplicate, merged, moved, withdrawn, order_found, order_not_found, decided, appeal_granted or appeal_refused"`
	Reason   string        `json:"reason,omitempty" maxLength:"32" doc:"a word of the closed set for the kind"`
	Outcome  Outcome       `json:"outcome,omitempty" maxLength:"32" doc:"decided, and appeal_granted against a decision: for_consumer, for_both or for_business"`
	Of       string        `json:"of,omitempty" maxLength:"64" doc:"duplicate, merged: the other complaint"`
	To       ca.BusinessID `json:"to,omitempty" maxLength:"64" doc:"moved: the business that is meant"`
	Text     string        `json:"text,omitempty" doc:"for both sides to read; needed for decisions"`
}

// Reasons returns the closed set of reasons for what an officer does, in the
// order in which they are listed; none for a kind that is not an officer's.
func Reasons(k Kind) []string {
	switch k {
	case KindAdmitted:
		return []string{"looked_at"}
	case KindInadmissible:
		return []string{"no_purchase_named", "not_a_consumer_matter", "before_a_court", "abusive", "no_such_order"}
	case KindDuplicate:
		return []string{"filed_twice"}
	case KindMerged:
		return []string{"same_purchase"}
	case KindMoved:
		return []string{"wrong_business"}
	case KindWithdrawn:
		return []string{"asked_in_writing", "asked_by_phone"}
	case KindOrderFound:
		return []string{"consumer_proved", "business_admitted"}
	case KindOrderNotFound:
		return []string{"not_proved"}
	case KindDecided:
		return []string{"answer_sufficient", "answer_insufficient", "answer_not_kept", "no_answer_given"}
	case KindAppealGranted:
		return []string{"new_facts", "wrong_facts", "wrong_rule"}
	case KindAppealRefused:
		return []string{"rightly_decided", "nothing_new"}
	}
	return nil
}

// RulingKinds are what an officer may do.
func RulingKinds() []Kind {
	return []Kind{
		KindAdmitted, KindInadmissible, KindDuplicate, KindMerged, KindMoved, KindWithdrawn, KindOrderFound, KindOrderNotFound,
		KindDecided, KindAppealGranted, KindAppealRefused,
	}
}

// check is Invalid for a ruling that no complaint could have.
func (r Ruling) check() error {
	reasons := Reasons(r.Kind)
	decides := r.Kind == KindDecided || r.Kind == KindAppealGranted || r.Kind == KindAppealRefused
	refers := r.Kind == KindDuplicate || r.Kind == KindMerged
	switch {
	case reasons == nil:
		return fault.New(fault.Invalid, "complaint_ruling_unknown", "an officer cannot do this to a complaint; see the kinds of rulings")
	case !slices.Contains(reasons, r.Reason):
		return fault.New(fault.Invalid, "complaint_aside_reason", "a ruling needs a reason of the list for its kind; choose one")
	case refers != (r.Of != ""), (r.Kind == KindMoved) != (r.To != ""):
		return fault.New(fault.Invalid, "complaint_ruling_other", "a duplicate and a merged complaint name the other complaint, a moved one the other business, and nothing else does")
	case decides && r.Text == "":
		return fault.New(fault.Invalid, "complaint_ruling_words", "give the grounds of the decision in words that both sides can read")
	case r.Kind == KindDecided && !r.Outcome.known(), r.Outcome != "" && (!r.Outcome.known() || r.Kind != KindDecided && r.Kind != KindAppealGranted):
		return errOutcome()
	}
	return nil
}

func errOutcome() error {
	return fault.New(fault.Invalid, "complaint_outcome", "a decision is for_consumer, for_both or for_business, also the one that takes its place on appeal; other rulings have no outcome")
}

func (o Outcome) known() bool {
	return slices.Contains([]Outcome{ForConsumer, ForBoth, ForBusiness}, o)
}
