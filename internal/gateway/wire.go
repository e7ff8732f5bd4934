package gateway

import (
	"bytes"
	stdjson "encoding/json"

	"github.com/go-json-experiment/json"
)

// maxAnswer bounds the body of a registry's answer, octets.
const maxAnswer = 64 << 10

// The questions, as the registry reads them.
type (
	personQuestion struct {
		NationalCode string `json:"national_code"`
		BirthDate    string `json:"birth_date"`
	}
	mobileQuestion struct {
		NationalCode string `json:"national_code"`
		Mobile       string `json:"mobile"`
	}
	legalQuestion struct {
		LegalID string `json:"legal_id"`
	}
	licenceQuestion struct {
		LegalID string `json:"legal_id"`
		Type    string `json:"type"`
	}
	faceQuestion struct {
		NationalCode string `json:"national_code"`
		Session      string `json:"session"`
	}
	smsMessage struct {
		To   string `json:"to"`
		Text string `json:"text"`
	}
)

// envelope is what every answer has.
type envelope struct {
	Environment string `json:"environment"`
	Result      Result `json:"result"`
}

func (e envelope) head() envelope { return e }

// header gives access to the envelope of any reply.
type header interface{ head() envelope }

// The replies. about checks that a reply is about the question.
type personReply struct {
	envelope
	Person *struct {
		NationalCode string `json:"national_code"`
		FirstName    string `json:"first_name"`
		LastName     string `json:"last_name"`
		FatherName   string `json:"father_name"`
		BirthDate    string `json:"birth_date"`
		Gender       string `json:"gender"`
		Alive        *bool  `json:"alive"`
	} `json:"person"`
}

func (r personReply) about(q personQuestion) (Person, bool) {
	if r.Result != Match {
		return Person{Result: r.Result}, r.Person == nil
	}
	p := r.Person
	if p == nil || p.Alive == nil || p.NationalCode != q.NationalCode || p.BirthDate != q.BirthDate {
		return Person{}, false
	}
	return Person{r.Result, p.NationalCode, p.FirstName, p.LastName, p.FatherName, p.BirthDate, p.Gender, *p.Alive}, true
}

type mobileReply struct {
	envelope
	NationalCode   string `json:"national_code"`
	Mobile         string `json:"mobile"`
	SIMChangedDays *int   `json:"sim_changed_days"`
}

func (r mobileReply) about(q mobileQuestion) (Mobile, bool) {
	if r.NationalCode != q.NationalCode || r.Mobile != q.Mobile {
		return Mobile{}, false
	}
	m := Mobile{Result: r.Result, NationalCode: r.NationalCode, Mobile: r.Mobile}
	if r.Result == Match {
		if r.SIMChangedDays == nil || *r.SIMChangedDays < 0 {
			return Mobile{}, false
		}
		m.SIMChangedDays = *r.SIMChangedDays
	}
	return m, true
}

type legalReply struct {
	envelope
	Legal *struct {
		LegalID     string `json:"legal_id"`
		Name        string `json:"name"`
		Status      string `json:"status"`
		Signatories []struct {
			NationalCode string `json:"national_code"`
			Role         string `json:"role"`
			Mode         string `json:"mode"`
		} `json:"signatories"`
		Jointly int      `json:"jointly"`
		Domains []string `json:"domains"`
	} `json:"legal_person"`
}

func (r legalReply) about(q legalQuestion) (Legal, bool) {
	if r.Result != Match {
		return Legal{Result: r.Result}, r.Legal == nil
	}
	if r.Legal == nil || r.Legal.LegalID != q.LegalID || r.Legal.Jointly < 0 {
		return Legal{}, false
	}
	l := Legal{Result: r.Result, LegalID: r.Legal.LegalID, Name: r.Legal.Name, Status: r.Legal.Status, Jointly: r.Legal.Jointly, Domains: r.Legal.Domains}
	for _, s := range r.Legal.Signatories {
		if s.Mode != "alone" && s.Mode != "jointly" {
			return Legal{}, false
		}
		l.Signatories = append(l.Signatories, Signatory{s.NationalCode, s.Role, s.Mode == "alone"})
	}
	return l, true
}

type licenceReply struct {
	envelope
	LegalID string `json:"legal_id"`
	Type    string `json:"type"`
	Number  string `json:"number"`
	ValidTo string `json:"valid_to"`
}

func (r licenceReply) about(q licenceQuestion) (Licence, bool) {
	if r.LegalID != q.LegalID || r.Type != q.Type || (r.Result == Match && (r.Number == "" || r.ValidTo == "")) {
		return Licence{}, false
	}
	return Licence{r.Result, r.LegalID, r.Type, r.Number, r.ValidTo}, true
}

type faceReply struct {
	envelope
	NationalCode string `json:"national_code"`
	Session      string `json:"session"`
	ScorePercent int    `json:"score_percent"`
	Live         bool   `json:"live"`
}

func (r faceReply) about(q faceQuestion) (Face, bool) {
	if r.NationalCode != q.NationalCode || r.Session != q.Session || r.ScorePercent < 0 || r.ScorePercent > 100 {
		return Face{}, false
	}
	return Face{r.Result, r.NationalCode, r.Session, r.ScorePercent, r.Live}, true
}

type smsReply struct {
	envelope
	ID string `json:"id"`
}

func (r smsReply) about() (SMS, bool) { return SMS{r.ID}, r.Result == Match && r.ID != "" }

// decode reads one JSON document: no unknown field, no key twice, nothing
// behind it.
func decode[R any](b []byte) (R, error) {
	var r R
	err := json.Unmarshal(b, &r, json.RejectUnknownMembers(true))
	return r, err
}

// sameJSON compares two values of one type by their JSON.
func sameJSON(a, b any) bool {
	x, errX := stdjson.Marshal(a)
	y, errY := stdjson.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
