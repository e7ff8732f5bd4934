package enroll

import (
	"time"

	"mohr/ca/evidence"
)

// Awaited is somebody from whom an application waits for word.
type Awaited struct {
	Source evidence.Type `json:"source" doc:"whose word it is: civil_registry, mobile_ownership, legal_registry, officer_review"`
	Since  time.Time     `json:"since"`
}

// awaited returns those of whom the application waits for word: registers that
// gave no answer, then officers. That a register is silent says nothing of the
// person. It is pure.
func (a *Application) awaited(registers []evidence.Type) (list []Awaited) {
	switch a.Stage {
	case Collecting, Waiting:
		for _, t := range registers {
			if p, asked := a.latest(t); asked && p.Result == evidence.Unavailable {
				list = append(list, Awaited{t, p.CheckedAt}) // silence after silence adds no proof
			}
		}
	case Review:
		if a.Decision != nil {
			list = append(list, Awaited{evidence.OfficerReview, a.Decision.At})
		}
	}
	return list
}
