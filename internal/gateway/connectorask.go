package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Person asks the civil registry for the person with the code and the date of
// birth (YYYY-MM-DD).
func (n *Connector) Person(ctx context.Context, nationalCode, birthDate string) (Answer[Person], error) {
	return consult(ctx, n, AskPerson, []string{nationalCode, birthDate}, func(a said) (Person, error) {
		p := Person{Result: a.result}
		if a.result != Match {
			return p, nil
		}
		p.NationalCode, p.BirthDate = nationalCode, birthDate
		first, err1 := claim[string](a, "first_name", true)
		last, err2 := claim[string](a, "last_name", true)
		father, err3 := claim[string](a, "father_name", false)
		alive, err4 := claim[bool](a, "alive", true)
		p.FirstName, p.LastName, p.FatherName, p.Alive = first, last, father, alive
		return p, errors.Join(err1, err2, err3, err4)
	}, func(p Person) bool { return p.Result == Match && p.Alive })
}

// Mobile asks whether the number (+989...) is the person's.
func (n *Connector) Mobile(ctx context.Context, nationalCode, mobile string) (Answer[Mobile], error) {
	return consult(ctx, n, AskMobile, []string{nationalCode, mobile}, func(a said) (Mobile, error) {
		m := Mobile{Result: a.result, NationalCode: nationalCode, Mobile: mobile, SIMUnknown: true}
		if _, there := a.claims["sim_changed_days"]; !there || a.result != Match {
			return m, nil
		}
		days, err := claim[int64](a, "sim_changed_days", true)
		if err == nil && (days < 0 || days > 1<<16) {
			err = errors.New("sim_changed_days is no number of days")
		}
		m.SIMChangedDays, m.SIMUnknown = int(days), false
		return m, err
	}, func(m Mobile) bool { return m.Result == Match })
}

// SMS hands a message over for delivery, once.
func (n *Connector) SMS(ctx context.Context, to, text string) (Answer[SMS], error) {
	return consult(ctx, n, SendingSMS, []string{to, text}, func(a said) (SMS, error) {
		if a.result != Match {
			return SMS{}, errors.New("the message was not taken")
		}
		id, err := claim[string](a, "id", false)
		return SMS{ID: id}, err
	}, func(SMS) bool { return true })
}

// Legal asks the company register for the legal person.
func (n *Connector) Legal(ctx context.Context, legalID string) (Answer[Legal], error) {
	return consult(ctx, n, AskLegal, []string{legalID}, func(a said) (Legal, error) {
		l := Legal{Result: a.result, LegalID: legalID}
		if a.result != Match {
			return l, nil
		}
		name, err1 := claim[string](a, "name", true)
		status, err2 := claim[string](a, "status", true)
		people, err3 := claim[[]any](a, "signatories", true)
		domains, err4 := claim[[]any](a, "domains", false)
		jointly, err5 := claim[int64](a, "jointly", false)
		if jointly < 0 || jointly > maxJointly {
			err5 = errors.New("jointly is no number of persons")
		}
		l.Name, l.Status, l.Jointly = name, status, int(jointly)
		errs := []error{err1, err2, err3, err4, err5}
		for _, v := range people {
			s, err := signatory(v)
			l.Signatories, errs = append(l.Signatories, s), append(errs, err)
		}
		for _, v := range domains {
			d, ok := v.(string)
			if !ok {
				errs = append(errs, errors.New("domains is no list of names"))
			}
			l.Domains = append(l.Domains, d)
		}
		return l, errors.Join(errs...)
	}, func(l Legal) bool { return l.Result == Match && l.Status == "active" })
}

// maxJointly bounds how many persons a register may say bind a legal person
// together.
const maxJointly = 100

// signatory reads an entry of the claim signatories. Who is not said to sign
// alone does not.
func signatory(v any) (Signatory, error) {
	m, ok := v.(map[string]any)
	code, ok1 := m["national_code"].(string)
	role, ok2 := m["role"].(string)
	alone, ok3 := m["alone"].(bool)
	if !ok || !ok1 || !ok2 || !ok3 || len(m) != 3 {
		return Signatory{}, errors.New("signatories is no list of {national_code, role, alone}")
	}
	return Signatory{NationalCode: code, Role: role, Alone: alone}, nil
}

// Licence asks a register of licences for one of the type.
func (n *Connector) Licence(ctx context.Context, legalID, licenceType string) (Answer[Licence], error) {
	return consult(ctx, n, AskLicence, []string{legalID, licenceType}, func(a said) (Licence, error) {
		l := Licence{Result: a.result, LegalID: legalID, Type: licenceType}
		if a.result != Match {
			return l, nil
		}
		number, err1 := claim[string](a, "number", true)
		validTo, err2 := claim[string](a, "valid_to", true)
		_, err3 := time.Parse(time.DateOnly, validTo)
		if err3 != nil {
			err3 = errors.New("valid_to is no date YYYY-MM-DD")
		}
		l.Number, l.ValidTo = number, validTo
		return l, errors.Join(err1, err2, err3)
	}, func(l Licence) bool { return l.Result == Match })
}

// Trial is what one question to a gateway came to.
type Trial struct {
	Connector string         `json:"connector"`
	Result    Result         `json:"result"`
	Status    int            `json:"status"` // of HTTP
	Octets    int            `json:"octets"` // of the answer
	TookMS    int64          `json:"took_ms"`
	Claims    map[string]any `json:"claims"`
}

// Try puts the question once, without retry, breaker or a second look, and
// says what its answer comes to: it is how an operator tries a file. The
// question has exactly the fields that Fields names. Errors tell the cause.
func (n *Connector) Try(ctx context.Context, question map[string]string) (Trial, error) {
	for _, field := range n.Fields() {
		if question[field] == "" {
			return Trial{}, fmt.Errorf("the question has no %s", field)
		}
	}
	if len(question) != len(n.Fields()) {
		return Trial{}, fmt.Errorf("the question has other fields than %v", n.Fields())
	}
	begun := time.Now()
	r, status, err := n.attempt(ctx, question)
	if err != nil {
		return Trial{}, err
	}
	a, err := n.plan.read(question, status, r.body)
	return Trial{n.Name(), a.result, status, len(r.body), time.Since(begun).Milliseconds(), a.claims}, err
}

// Fields returns the names of the fields of a question, in order.
func (n *Connector) Fields() []string { return questions[n.file.Asks] }
