package gateway

import "time"

// Answer is what a registry said, with what a bundle needs of it.
type Answer[T any] struct {
	Value       T
	Raw         []byte    // the body as received; to be kept sealed
	SHA256      string    // hex, of Raw
	At          time.Time // when it was received: UTC, whole seconds
	Source      string    // connector's name@version
	Environment string    // "simulated" or "production", as the registry states it
	Signed      *Signed   // the registry's signature on Raw; nil: the source signs nothing
	// Contradicts says that the registry, asked the same question twice,
	// answered differently. Nothing may rest on such an answer but a review.
	Contradicts bool
}

// Result is what a registry made of a question.
type Result string

// The results. A registry that is down gives an error, never a result.
const (
	Match        Result = "match"
	Mismatch     Result = "mismatch"     // unknown, or not so
	Inconclusive Result = "inconclusive" // the registry cannot tell
)

// Person is the civil registry's answer. All but Result is zero unless it is Match.
type Person struct {
	Result       Result
	NationalCode string
	FirstName    string
	LastName     string
	FatherName   string
	BirthDate    string // YYYY-MM-DD
	Gender       string // "M" or "F"
	Alive        bool
}

// Mobile is the mobile register's answer: whether the number is the person's.
type Mobile struct {
	Result         Result
	NationalCode   string
	Mobile         string // +989...
	SIMChangedDays int    // since the SIM was last changed
	SIMUnknown     bool   // the register does not say when that was
}

// Legal is the company register's answer.
type Legal struct {
	Result      Result
	LegalID     string
	Name        string
	Status      string // "active", "dissolved", ...
	Signatories []Signatory
	Jointly     int      // how many of those who sign jointly bind it together; 0: the register does not say
	Domains     []string // as the register lists them
}

// Signatory is a person who may bind a legal person.
type Signatory struct {
	NationalCode string
	Role         string
	Alone        bool // false: only together with others
}

// Signatory returns the person's entry, and whether there is one.
func (l Legal) Signatory(nationalCode string) (Signatory, bool) {
	for _, s := range l.Signatories {
		if s.NationalCode == nationalCode {
			return s, true
		}
	}
	return Signatory{}, false
}

// Licence is a licence register's answer. Whether it is still valid is for
// the caller to judge: a registry returns expired ones too.
type Licence struct {
	Result  Result
	LegalID string
	Type    string
	Number  string
	ValidTo string // YYYY-MM-DD, the last day
}

// Face is the answer of the comparison with the register's picture.
type Face struct {
	Result       Result
	NationalCode string
	Session      string
	ScorePercent int
	Live         bool // a living person was before the camera
}

// SMS says that a message was taken for delivery.
type SMS struct {
	ID string
}

// twice asks, and asks a second time before it hands out an answer that is not
// good, to somebody's disadvantage: no single answer rejects a person. If the
// two differ the answer contradicts.
func twice[T any](ask func() (Answer[T], error), good func(T) bool) (Answer[T], error) {
	first, err := ask()
	if err != nil || good(first.Value) {
		return first, err
	}
	second, err := ask()
	if err != nil {
		return Answer[T]{}, err
	}
	second.Contradicts = good(second.Value) || !sameJSON(first.Value, second.Value)
	return second, nil
}
