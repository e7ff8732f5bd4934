package badge

import (
	"context"
	"errors"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// Person is what the civil registry says of who signed. Nothing personal is in it.
type Person struct {
	Source
	Nobody  bool `json:"nobody,omitempty"`  // the certificate names no person
	Undated bool `json:"undated,omitempty"` // when the person was born, which the registry asks for, is not to be had here
	Found   bool `json:"found,omitempty"`   // the registry knows the person
	Alive   bool `json:"alive,omitempty"`
}

// askPerson asks the civil registry for who signed with the certificate, whose
// national code is code.
func (d *Desk) askPerson(ctx context.Context, c ca.Certificate, code string) (Person, answer) {
	if code == "" {
		return Person{Nobody: true}, answer{}
	}
	born, err := d.born(ctx, c)
	switch {
	case errors.Is(err, fault.NotFound):
		return Person{Undated: true}, answer{}
	case err != nil:
		d.Log.Error("look up when the signer was born", "error", err)
		return Person{Undated: true}, answer{}
	}
	a, err := d.Registry.Person(ctx, code, born)
	if err != nil {
		d.Log.Warn("civil registry did not answer", "error", err)
		return Person{}, answer{}
	}
	p := Person{Source: sourceOf(a)}
	switch a.Value.Result {
	case gateway.Match:
		p.Found, p.Alive = a.Value.NationalCode == code, a.Value.Alive
	case gateway.Mismatch:
	default:
		p.Answered = false
	}
	return p, answer{source: a.Source, raw: a.Raw}
}

// born is when the holder of the certificate was born; NotFound if nobody knows.
func (d *Desk) born(ctx context.Context, c ca.Certificate) (string, error) {
	unknown := fault.New(fault.NotFound, "badge_signer_undated", "it is not known here when the signer was born")
	if d.People == nil {
		return "", unknown
	}
	born, err := d.People.Born(ctx, c)
	if err == nil && born == "" {
		err = unknown
	}
	return born, err
}

// signerAlive: the civil registry knows who signed, as one who lives. Its
// reasons say no more than that: they are public.
func signerAlive(_ Rules, f Facts) Finding {
	switch p := f.Person; {
	case p.Nobody:
		return valid("signer_no_person")
	case p.Undated:
		return unknown("signer_not_looked_up", ForUs)
	case !p.Answered:
		return unknown("civil_registry_silent", ForRegistry)
	case !p.Found:
		return invalid("signer_not_known")
	case !p.Alive:
		return invalid("signer_cannot_act")
	}
	return valid("signer_can_act")
}
