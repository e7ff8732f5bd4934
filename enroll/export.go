package enroll

import (
	"context"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// Export is all that is held of a person in one application, for that person.
type Export struct {
	ExportedAt  time.Time         `json:"exported_at"`
	Application State             `json:"application"`
	CreatedAt   time.Time         `json:"created_at"`
	KeptUntil   *time.Time        `json:"kept_until,omitempty" doc:"it is erased then"`
	Said        Person            `json:"said" doc:"what the applicant handed in"`
	Consent     *Consent          `json:"consent,omitempty"`
	Evidence    []evidence.Record `json:"evidence" doc:"what the sources said of the person"`
	Agreement   *Agreement        `json:"agreement,omitempty"`
	Objection   string            `json:"objection,omitempty"`
	History     []Event           `json:"history"`
}

// Export returns all that is held of the applicant, for who holds the token
// and has proven the phone that the register says is theirs: to anybody else
// it would tell what the registers said.
func (d *Desk) Export(ctx context.Context, id, token string) (Export, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return Export{}, err
	}
	return d.export(ctx, a)
}

// export is Export for who may have it.
func (d *Desk) export(ctx context.Context, a Application) (e Export, err error) {
	switch {
	case a.Stage == Erased:
		return Export{}, fault.New(fault.Conflict, "export_erased", "this application was erased: nothing is held of you any more but hashes")
	case !a.phoneProven():
		return Export{}, fault.New(fault.Conflict, "export_unproven", "what is held is shown once the phone is proven to be yours; hand in the code first")
	}
	e = Export{ExportedAt: d.now(), CreatedAt: a.CreatedAt, Consent: a.Consent, Agreement: a.Agreement}
	if !a.KeepUntil.IsZero() {
		e.KeptUntil = &a.KeepUntil
	}
	if e.Application, err = d.Show(ctx, a); err != nil {
		return Export{}, err
	}
	if e.Said, err = d.person(a); err != nil {
		return Export{}, err
	}
	if e.Evidence, err = d.records(a); err != nil {
		return Export{}, err
	}
	if e.Objection, err = d.objection(a); err != nil {
		return Export{}, err
	}
	e.History, err = d.Events(ctx, a.ID)
	for i, h := range e.History {
		if h.What == "review.opened" { // who is in office is not the applicant's to know
			e.History[i].Ref = ""
		}
	}
	return e, err
}

type exportOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         Export
}

func (d *Desk) apiExport(ctx context.Context, in *ByID) (*exportOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	e, err := d.Export(ctx, in.ID, token)
	return &exportOut{"no-store", e}, err
}
