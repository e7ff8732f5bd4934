package enroll

import "slices"

// Milestone is one of the steps that the page shows of an application.
type Milestone struct {
	Text string // key of its text
	Mark string // "done", "now" or "" for what is to come
}

// milestones are the steps of an application as its page shows them; none of
// one that ended without a certificate.
func (s State) milestones() []Milestone {
	texts := []string{"enroll.milestone.consent", "enroll.milestone.phone", "enroll.milestone.person", "enroll.milestone.key", "enroll.milestone.certificate"}
	at := 0
	switch {
	case s.Stage == Created, s.Stage == Consented:
	case s.Stage == Collecting && slices.Contains(s.Needs, NeedCode):
		at = 1
	case s.Stage == Collecting, s.Stage == Waiting, s.Stage == Evaluated, s.Stage == Review:
		at = 2
	case s.Stage == Approved, s.Stage == KeyBound, s.Stage == Agreed, s.Stage == Issuing:
		at = 3
	case s.Stage == Issued:
		at = len(texts)
	default:
		return nil
	}
	list := make([]Milestone, len(texts))
	for i, text := range texts {
		list[i].Text = text
		switch {
		case i < at:
			list[i].Mark = "done"
		case i == at:
			list[i].Mark = "now"
		}
	}
	return list
}
