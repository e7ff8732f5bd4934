package refregistry

import "time"

// Every answer says that it is simulated and what came of the question.
type head struct {
	Environment string `json:"environment"`
	Result      string `json:"result"`
}

const (
	match        = "match"
	mismatch     = "mismatch"
	inconclusive = "inconclusive"
)

func says(yes bool) head {
	if yes {
		return head{"simulated", match}
	}
	return head{"simulated", mismatch}
}

type personQuestion struct {
	NationalCode string `json:"national_code"`
	BirthDate    string `json:"birth_date"`
}

type personAnswer struct {
	head
	Person *personEntry `json:"person,omitempty"`
}

type personEntry struct {
	NationalCode string `json:"national_code"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	FatherName   string `json:"father_name"`
	BirthDate    string `json:"birth_date"`
	Gender       string `json:"gender"`
	Alive        bool   `json:"alive"`
}

// person answers only who knows code and date of birth; an unknown code is
// like a wrong date. Its lie makes the dead live and the living dead.
func (s *Server) person(q personQuestion, lying bool) any {
	p, ok := s.persons[q.NationalCode]
	if !ok || p.BirthDate != q.BirthDate {
		return personAnswer{head: says(false)}
	}
	return personAnswer{says(true), &personEntry{p.NationalCode, p.FirstName, p.LastName, p.FatherName, p.BirthDate, p.Gender, p.Alive != lying}}
}

type mobileQuestion struct {
	NationalCode string `json:"national_code"`
	Mobile       string `json:"mobile"`
}

type mobileAnswer struct {
	head
	NationalCode   string `json:"national_code"`
	Mobile         string `json:"mobile"`
	SIMChangedDays *int   `json:"sim_changed_days,omitempty"`
}

// mobile says whether the number is the person's. Its lie is the opposite.
func (s *Server) mobile(q mobileQuestion, lying bool) any {
	p, ok := s.persons[q.NationalCode]
	owns := (ok && p.Mobile == q.Mobile) != lying
	a := mobileAnswer{head: says(owns), NationalCode: q.NationalCode, Mobile: q.Mobile}
	if owns {
		a.SIMChangedDays = &p.SIMChangedDays
	}
	return a
}

type legalQuestion struct {
	LegalID string `json:"legal_id"`
}

type legalAnswer struct {
	head
	Legal *legalEntry `json:"legal_person,omitempty"`
}

type legalEntry struct {
	LegalID     string      `json:"legal_id"`
	Name        string      `json:"name"`
	Status      string      `json:"status"`
	Signatories []Signatory `json:"signatories"`
	Jointly     int         `json:"jointly,omitzero"`
	Domains     []string    `json:"domains"`
}

// legalPerson describes a legal person. Its lie turns active and dissolved around.
func (s *Server) legalPerson(q legalQuestion, lying bool) any {
	l, ok := s.legal[q.LegalID]
	if !ok {
		return legalAnswer{head: says(false)}
	}
	status := l.Status
	if lying {
		status = "dissolved"
		if l.Status != "active" {
			status = "active"
		}
	}
	return legalAnswer{says(true), &legalEntry{l.LegalID, l.Name, status, l.Signatories, l.Jointly, l.Domains}}
}

type licenceQuestion struct {
	LegalID string `json:"legal_id"`
	Type    string `json:"type"`
}

type licenceAnswer struct {
	head
	LegalID string `json:"legal_id"`
	Type    string `json:"type"`
	Number  string `json:"number,omitempty"`
	ValidTo string `json:"valid_to,omitempty"`
}

// licence finds the licence of the type, expired or not. Its lie is that
// there is none, or one where there is none.
func (s *Server) licence(q licenceQuestion, lying bool) any {
	a := licenceAnswer{head: says(false), LegalID: q.LegalID, Type: q.Type}
	for _, l := range s.legal[q.LegalID].Licences {
		if l.Type == q.Type {
			a.head, a.Number, a.ValidTo = says(true), l.Number, l.ValidTo
		}
	}
	switch {
	case lying && a.Number != "":
		a.head, a.Number, a.ValidTo = says(false), "", ""
	case lying:
		a.head, a.Number, a.ValidTo = says(true), "00000", s.now().UTC().AddDate(1, 0, 0).Format(time.DateOnly)
	}
	return a
}

type faceQuestion struct {
	NationalCode string `json:"national_code"`
	Session      string `json:"session"`
}

type faceAnswer struct {
	head
	NationalCode string `json:"national_code"`
	Session      string `json:"session"`
	ScorePercent int    `json:"score_percent"`
	Live         bool   `json:"live"`
}

// The simulated comparison: likeness of most people, and what it takes.
const (
	usualScore  = 96
	matchScore  = 80
	unsureScore = 60
)

// face compares nothing: it reads the score from the people file. Its lie is
// the opposite score.
func (s *Server) face(q faceQuestion, lying bool) any {
	a := faceAnswer{head: says(false), NationalCode: q.NationalCode, Session: q.Session, Live: true}
	p, ok := s.persons[q.NationalCode]
	if ok && p.Alive {
		a.ScorePercent = usualScore
		if p.FaceScore != nil {
			a.ScorePercent = *p.FaceScore
		}
	}
	if lying {
		a.ScorePercent = 100 - a.ScorePercent
	}
	switch {
	case a.ScorePercent >= matchScore:
		a.head = says(true)
	case a.ScorePercent >= unsureScore:
		a.Result = inconclusive
	}
	return a
}

type smsQuestion struct {
	To   string `json:"to"`
	Text string `json:"text"`
}

type smsAnswer struct {
	head
	ID string `json:"id"`
}

// send puts the message into the outbox; nothing leaves the machine. It has no lie.
func (s *Server) send(q smsQuestion, _ bool) any {
	id := s.outbox.add(q.To, q.Text, s.now().UTC().Truncate(time.Second))
	s.log.Info("message taken", "message", id)
	return smsAnswer{says(true), id}
}
