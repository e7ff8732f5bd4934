package complaints

import (
	"context"
	"net/http"
	"time"

	"mohr/ca/approval"
	"mohr/internal/web"
)

func (d *Desk) routesOutages(s *web.Server, op func(method, path, id, summary string) web.Operation) {
	const get, post = http.MethodGet, http.MethodPost
	plan := d.officers(op(post, "/complaints/outages", "plan-outage", "Plan the record of an outage: a dry run that says how many clocks would rest (officers)"))
	plan.Status = http.StatusCreated
	web.Handle(s, plan, d.apiPlanOutage)
	web.Handle(s, op(get, "/complaints/outages", "list-outages", "Outages for which clocks rest (officers)"), d.apiOutages)
	web.Handle(s, op(get, "/complaints/outages/{id}", "show-outage", "An outage with who approved it (officers)"), d.apiOutage)
	web.Handle(s, op(get, "/complaints/outages/{id}/challenge", "outage-challenge", "What an approval has to say (officers)"), d.apiOutageChallenge)
	web.Handle(s, d.officers(op(post, "/complaints/outages/{id}/approvals", "approve-outage", "Approve an outage by a signed statement (officers)")), d.apiApproveOutage)
	web.Handle(s, d.officers(op(post, "/complaints/outages/{id}/execute", "record-outage", "Record the outage; clocks rest for it (officers)")), d.apiRecordOutage)
}

type planOutageIn struct {
	Body struct {
		From   time.Time `json:"from" doc:"when the service was lost"`
		To     time.Time `json:"to" doc:"when it was back"`
		Reason string    `json:"reason" maxLength:"32" doc:"power, network, software, attack or maintenance"`
	}
}

type outageOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         Outage
}

func (d *Desk) apiPlanOutage(ctx context.Context, in *planOutageIn) (*outageOut, error) {
	out, err := d.PlanOutage(ctx, web.PeerCertificate(ctx), in.Body.From, in.Body.To, in.Body.Reason)
	return &outageOut{CacheControl: "no-store", Body: out}, err
}

type outagesOut struct {
	Body struct {
		Outages []Outage `json:"outages"`
	}
}

func (d *Desk) apiOutages(ctx context.Context, _ *struct{}) (*outagesOut, error) {
	if err := d.officersOnly(ctx); err != nil {
		return nil, err
	}
	out := &outagesOut{}
	var err error
	out.Body.Outages, err = d.Outages(ctx)
	return out, err
}

func (d *Desk) apiOutage(ctx context.Context, in *ByID) (*outageOut, error) {
	if err := d.officersOnly(ctx); err != nil {
		return nil, err
	}
	o, err := d.Outage(ctx, in.ID)
	return &outageOut{CacheControl: "no-store", Body: o}, err
}

type challengeOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         approval.Challenge
}

func (d *Desk) apiOutageChallenge(ctx context.Context, _ *ByID) (*challengeOut, error) {
	if err := d.officersOnly(ctx); err != nil {
		return nil, err
	}
	return &challengeOut{CacheControl: "no-store", Body: d.approvals.Challenge()}, nil
}

type approveOutageIn struct {
	ByID
	Body struct {
		JWS string `json:"jws" doc:"statement mohr-approval/1, compact"`
	}
}

func (d *Desk) apiApproveOutage(ctx context.Context, in *approveOutageIn) (*outageOut, error) {
	if err := d.officersOnly(ctx); err != nil {
		return nil, err
	}
	o, err := d.ApproveOutage(ctx, in.ID, approval.Signed{Signature: []byte(in.Body.JWS)})
	return &outageOut{CacheControl: "no-store", Body: o}, err
}

func (d *Desk) apiRecordOutage(ctx context.Context, in *ByID) (*outageOut, error) {
	out, err := d.RecordOutage(ctx, web.PeerCertificate(ctx), in.ID)
	return &outageOut{CacheControl: "no-store", Body: out}, err
}
