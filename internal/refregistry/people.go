package refregistry

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// People is the content of a people file.
type People struct {
	Persons      []Person      `json:"persons"`
	LegalPersons []LegalPerson `json:"legal_persons"`
}

// Person is one entry of the civil and the mobile register.
type Person struct {
	NationalCode   string `json:"national_code"`
	FirstName      string `json:"first_name"`
	LastName       string `json:"last_name"`
	FatherName     string `json:"father_name"`
	BirthDate      string `json:"birth_date"` // YYYY-MM-DD
	Gender         string `json:"gender"`     // "M" or "F"
	Alive          bool   `json:"alive"`
	Mobile         string `json:"mobile"` // +98...
	SIMChangedDays int    `json:"sim_changed_days"`
	CardSerial     string `json:"card_serial,omitzero"`
	CardStatus     string `json:"card_status,omitzero"` // "active", "lost", ...
	FaceScore      *int   `json:"face_score,omitzero"`  // percent that every face check finds; absent means 96
	Note           string `json:"note,omitzero"`        // for people who read the file
}

// LegalPerson is one entry of the company register and the licence registers.
type LegalPerson struct {
	LegalID     string      `json:"legal_id"`
	Name        string      `json:"name"`
	Status      string      `json:"status"` // "active", "dissolved", ...
	Signatories []Signatory `json:"signatories"`
	Jointly     int         `json:"jointly,omitzero"` // how many of those who sign jointly bind it together; absent: all
	Domains     []string    `json:"domains"`
	Licences    []Licence   `json:"licences"`
}

// Signatory is a person who may bind a legal person.
type Signatory struct {
	NationalCode string `json:"national_code"`
	Role         string `json:"role"`
	Mode         string `json:"mode"` // "alone" or "jointly"
}

// Licence is one licence of a legal person.
type Licence struct {
	Type    string `json:"type"`
	Number  string `json:"number"`
	ValidTo string `json:"valid_to"` // YYYY-MM-DD, the last day
}

// maxPeople bounds a people file, octets.
const maxPeople = 256 << 20

//go:embed people.json
var defaultPeople []byte

// DefaultPeople is the people file that comes with the program; it is the
// caller's own.
func DefaultPeople() []byte { return bytes.Clone(defaultPeople) }

// ParsePeople reads a people file: unknown and repeated keys, entries without
// a code or with one that another entry has, and what follows the document
// are refused. Check digits are not looked at, so that a test can invent
// people whose codes do not hold.
func ParsePeople(b []byte) (People, error) {
	var p People
	if len(b) > maxPeople {
		return p, fmt.Errorf("refregistry: the people file is longer than %d octets", maxPeople)
	}
	if err := json.Unmarshal(b, &p, json.RejectUnknownMembers(true)); err != nil {
		return p, fmt.Errorf("refregistry: people file: %w", err)
	}
	return p, p.check()
}

func (p People) check() error {
	seen := map[string]bool{}
	first := func(kind, key string) bool {
		again := seen[kind+key]
		seen[kind+key] = true
		return !again
	}
	for i, q := range p.Persons {
		_, err := time.Parse(time.DateOnly, q.BirthDate)
		switch {
		case !digits(q.NationalCode, 10) || !first("person ", q.NationalCode):
			return fmt.Errorf("refregistry: person %d has no code of ten digits of its own", i+1)
		case err != nil:
			return fmt.Errorf("refregistry: person %d has no date of birth", i+1)
		case q.FaceScore != nil && (*q.FaceScore < 0 || *q.FaceScore > 100):
			return fmt.Errorf("refregistry: person %d has a face score that is no percentage", i+1)
		case q.SIMChangedDays < 0:
			return fmt.Errorf("refregistry: person %d has a SIM from the future", i+1)
		}
	}
	for i, q := range p.LegalPersons {
		if !digits(q.LegalID, 11) || !first("legal ", q.LegalID) {
			return fmt.Errorf("refregistry: legal person %d has no id of eleven digits of its own", i+1)
		}
		if q.Jointly < 0 || q.Jointly > len(q.Signatories) {
			return fmt.Errorf("refregistry: legal person %d is bound jointly by more persons than it has", i+1)
		}
		for _, s := range q.Signatories {
			if s.Mode != "alone" && s.Mode != "jointly" {
				return fmt.Errorf("refregistry: a signatory of legal person %d signs neither alone nor jointly", i+1)
			}
		}
		for _, d := range q.Domains {
			if d != strings.ToLower(d) || !first("domain ", d) {
				return fmt.Errorf("refregistry: legal person %d has a domain that is another's or not in lower case", i+1)
			}
		}
		for _, l := range q.Licences {
			if _, err := time.Parse(time.DateOnly, l.ValidTo); err != nil || l.Type == "" || l.Number == "" {
				return fmt.Errorf("refregistry: legal person %d has a licence without type, number or last day", i+1)
			}
		}
	}
	return nil
}

func digits(s string, n int) bool { return len(s) == n && strings.Trim(s, "0123456789") == "" }
