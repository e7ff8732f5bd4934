package complaints

import (
	"context"
	"net/http"

	"mohr/ca"
	"mohr/internal/web"
)

func (d *Desk) routesOfficers(s *web.Server, op func(method, path, id, summary string) web.Operation) {
	queue := op(http.MethodGet, "/complaints/queue", "list-complaint-queue", "What waits for officers (officers)")
	web.Handle(s, queue, d.apiQueue)
	web.Handle(s, op(http.MethodGet, "/complaints/{id}/case", "show-complaint-case", "A complaint with what may be ruled, and others about the same purchase (officers)"), d.apiCase)
	rule := d.officers(op(http.MethodPost, "/complaints/{id}/rulings", "rule-on-complaint", "Admit, set aside, merge, move, test, decide, or decide of an appeal (officers)"))
	web.Handle(s, rule, d.apiRule)
}

// officersOnly refuses whoever may not rule, before anything else is said. The
// transaction of the deed asks again.
func (d *Desk) officersOnly(ctx context.Context) error {
	return d.officer(ctx, web.PeerCertificate(ctx))
}

// officers is the operation for officers only.
func (d *Desk) officers(o web.Operation) web.Operation {
	o.Before = d.officersOnly
	return o
}

type queueIn struct {
	Task string `query:"task" maxLength:"16" doc:"flagged, appeal, escalated or order; all where it is not said"`
}

type queueOut struct {
	Body struct {
		Queue []Queued `json:"queue"`
	}
}

func (d *Desk) apiQueue(ctx context.Context, in *queueIn) (*queueOut, error) {
	out := &queueOut{}
	var err error
	out.Body.Queue, err = d.Queue(ctx, web.PeerCertificate(ctx), Task(in.Task))
	return out, err
}

type caseIn struct {
	ByID
	Business string `query:"business" maxLength:"64" doc:"needed where the complaint is against several"`
}

type caseOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         Case
}

func (d *Desk) apiCase(ctx context.Context, in *caseIn) (*caseOut, error) {
	c, err := d.Case(ctx, web.PeerCertificate(ctx), in.ID, ca.BusinessID(in.Business))
	return &caseOut{CacheControl: "no-store", Body: c}, err
}

type ruleIn struct {
	ByID
	Body struct {
		Ruling
		DryRun bool `json:"dry_run,omitempty" doc:"do all of it and keep nothing"`
	}
}

type ruleOut struct {
	Body struct {
		Complaint Complaint `json:"complaint"`
		DryRun    bool      `json:"dry_run,omitempty"`
	}
}

func (d *Desk) apiRule(ctx context.Context, in *ruleIn) (*ruleOut, error) {
	out := &ruleOut{}
	var err error
	out.Body.DryRun = in.Body.DryRun
	out.Body.Complaint, err = d.Rule(ctx, web.PeerCertificate(ctx), in.ID, in.Body.Ruling, in.Body.DryRun)
	return out, err
}
