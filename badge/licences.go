package badge

import (
	"context"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/gateway"
)

// Registry answers for people, companies and licences; gateway.Client is the
// one in use.
type Registry interface {
	Person(ctx context.Context, nationalCode, birthDate string) (gateway.Answer[gateway.Person], error)
	Legal(ctx context.Context, legalID string) (gateway.Answer[gateway.Legal], error)
	Licence(ctx context.Context, legalID, licenceType string) (gateway.Answer[gateway.Licence], error)
}

// sourceOf says where an answer came from. A registry that contradicts itself
// has not answered.
func sourceOf[T any](a gateway.Answer[T]) Source {
	return Source{Answered: !a.Contradicts, Name: a.Source, CheckedAt: a.At, RawSHA256: a.SHA256, Environment: evidence.Environment(a.Environment)}
}

// askCompany asks the company registry of the business, and what the person
// with the national code may do in its name.
func (d *Desk) askCompany(ctx context.Context, b ca.BusinessID, code string) (Company, answer) {
	a, err := d.Registry.Legal(ctx, string(b))
	if err != nil {
		d.Log.Warn("company registry did not answer", "error", err)
		return Company{}, answer{}
	}
	c := Company{Source: sourceOf(a)}
	switch a.Value.Result {
	case gateway.Match:
		c.Found = a.Value.LegalID == string(b)
	case gateway.Mismatch:
	default:
		c.Answered = false
	}
	if c.Found {
		c.Name, c.Status, c.Signs = a.Value.Name, a.Value.Status, signsNot
		if s, ok := a.Value.Signatory(code); ok && code != "" {
			c.Signs = signsJointly
			if s.Alone {
				c.Signs = signsAlone
			}
		}
		if c.Signs != signsAlone && code != "" {
			d.askMandate(ctx, b, code, &c)
		}
	}
	return c, answer{source: a.Source, raw: a.Raw}
}

// askLicence asks the registry of such licences, once. id is the legal id, or
// the national code of a sole trader.
func (d *Desk) askLicence(ctx context.Context, id string, asked Licence) (LicenceAnswer, answer) {
	a, err := d.Registry.Licence(ctx, id, asked.Type)
	if err != nil {
		d.Log.Warn("licence registry did not answer", "error", err)
		return LicenceAnswer{Asked: asked}, answer{}
	}
	l := LicenceAnswer{Source: sourceOf(a), Asked: asked}
	switch a.Value.Result {
	case gateway.Match:
		l.Found = a.Value.LegalID == id && a.Value.Type == asked.Type
	case gateway.Mismatch:
	default:
		l.Answered = false
	}
	if l.Found {
		l.Number, l.ValidTo, l.Issuer = a.Value.Number, a.Value.ValidTo, a.Source
	}
	return l, answer{source: a.Source, raw: a.Raw}
}
