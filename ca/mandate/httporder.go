package mandate

import (
	"context"
	"net/http"

	"mohr/ca"
	"mohr/internal/web"
)

// routesOperators hangs what operators do with mandates. Every route wants an
// operator's certificate with a right for it.
func (d *Desk) routesOperators(s *web.Server) {
	op := func(method, path, id, summary string, right ca.Right) web.Operation {
		before := func(ctx context.Context) error {
			_, err := d.CA.May(ctx, web.PeerCertificate(ctx), right)
			return err
		}
		return web.Operation{Method: method, Path: path, ID: id, Summary: summary + " (operators)", Tag: "mandate", Before: before}
	}
	web.Handle(s, op(http.MethodGet, "/mandates", "mandates-of-business", "The mandates to act for a business; nothing personal is in them", ca.MayRead), d.handleOfBusiness)
	web.Handle(s, op(http.MethodGet, "/mandates/{id}/ending", "plan-mandate-ending", "What an operator's order would end; changes nothing", ca.MayEnd), d.handlePlanFor)
	web.Handle(s, op(http.MethodPost, "/mandates/{id}/ending", "end-mandate", "End a mandate, with what its plan says", ca.MayEnd), d.handleEnd)
}

type mandatesOfInput struct {
	Business string `query:"business" maxLength:"40" required:"true"`
}

type mandatesOfOutput struct {
	Body struct {
		Mandates []MandateEntry `json:"mandates"`
	}
}

func (d *Desk) handleOfBusiness(ctx context.Context, in *mandatesOfInput) (*mandatesOfOutput, error) {
	out := &mandatesOfOutput{}
	var err error
	out.Body.Mandates, err = d.OfBusiness(ctx, ca.BusinessID(in.Business))
	return out, err
}

type mandateEndingInput struct {
	ID           string `path:"id" maxLength:"40"`
	Given        bool   `query:"given" doc:"mandates given under it too"`
	Certificates bool   `query:"certificates" doc:"certificates that rest on them too"`
}

func (d *Desk) handlePlanFor(ctx context.Context, in *mandateEndingInput) (*planOutput, error) {
	p, err := d.PlanFor(ctx, web.PeerCertificate(ctx), Choice{ID(in.ID), in.Given, in.Certificates})
	return &planOutput{CacheControl: "no-store", Body: p}, err
}

type mandateEndInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body struct {
		Given        bool   `json:"given"`
		Certificates bool   `json:"certificates"`
		Reason       Reason `json:"reason" doc:"abused, ordered (by an authority) or dissolved"`
		Words        string `json:"words" doc:"why, for those who ask later; kept sealed"`
		PlanSHA256   string `json:"plan_sha256" maxLength:"64" doc:"of the plan that was shown"`
	}
}

func (d *Desk) handleEnd(ctx context.Context, in *mandateEndInput) (*briefOutput, error) {
	b := in.Body
	o := Order{Choice: Choice{ID(in.ID), b.Given, b.Certificates}, Reason: b.Reason, Words: b.Words, PlanSHA256: b.PlanSHA256}
	return d.brief(d.End(ctx, web.PeerCertificate(ctx), o))
}
