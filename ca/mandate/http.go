package mandate

import (
	"context"
	"net/http"

	"mohr/ca/approval"
	"mohr/internal/web"
)

// Routes hangs this room's operations on s. All are for who has a certificate
// to sign with, to whom nothing is shown without a signature; or for operators.
func (d *Desk) Routes(s *web.Server) {
	op := func(method, path, id, summary string) web.Operation {
		o := web.Operation{Method: method, Path: path, ID: id, Summary: summary, Tag: "mandate"}
		if method == http.MethodPost {
			o.MaxBody = maxBody
		}
		return o
	}
	const get, post = http.MethodGet, http.MethodPost
	web.Handle(s, op(get, "/mandates/nonce", "mandate-nonce", "What a statement about a mandate has to say: a fresh nonce, the audience"), d.handleNonce)
	give := op(post, "/mandates", "give-mandate", "Let somebody act for an organisation, by a signed statement (mohr-mandate/1)")
	give.Repeatable = true
	web.Handle(s, give, d.handleGive)
	revoke := op(post, "/mandates/revocations", "revoke-mandate", "Take a mandate back, with what its plan says, by a signed statement (mohr-mandate-revoke/1)")
	revoke.Repeatable = true
	web.Handle(s, revoke, d.handleRevoke)
	web.Handle(s, op(post, "/mandates/list", "list-mandates", "Mandates of an organisation, or the own ones, by a signed query (mohr-mandate-query/1)"), d.handleList)
	web.Handle(s, op(post, "/mandates/plan", "plan-mandate-revocation", "What the revocation of a mandate would end, by a signed query; changes nothing"), d.handlePlan)
	d.routesOperators(s)
}

// maxBody bounds a request with a signed statement, in octets: base64 of
// MaxStatement and its frame.
const maxBody = 2 * MaxStatement

type nonceInput struct {
	Type string `query:"type" enum:"mohr-mandate/1,mohr-mandate-revoke/1,mohr-mandate-query/1" default:"mohr-mandate/1"`
}

type challengeOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         approval.Challenge
}

func (d *Desk) handleNonce(_ context.Context, in *nonceInput) (*challengeOutput, error) {
	c, err := d.Challenge(in.Type)
	return &challengeOutput{CacheControl: "no-store", Body: c}, err
}

type signedInput struct{ Body approval.Body }

// Brief is what a deed says of a mandate; nothing personal is in it.
type Brief struct {
	ID    ID    `json:"id"`
	State State `json:"state"`
	Needs int   `json:"needs" doc:"signatures that are still missing"`
}

type briefOutput struct{ Body Brief }

func (d *Desk) brief(m Mandate, err error) (*briefOutput, error) {
	if err != nil {
		return nil, err
	}
	return &briefOutput{Body: Brief{m.ID, m.At(d.now()), m.Needs}}, nil
}

func (d *Desk) handleGive(ctx context.Context, in *signedInput) (*briefOutput, error) {
	signed, err := in.Body.Signed()
	if err != nil {
		return nil, err
	}
	return d.brief(d.Give(ctx, signed))
}

func (d *Desk) handleRevoke(ctx context.Context, in *signedInput) (*briefOutput, error) {
	signed, err := in.Body.Signed()
	if err != nil {
		return nil, err
	}
	return d.brief(d.Revoke(ctx, signed))
}

type listOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         MandateList
}

// MandateList is the answer to a query.
type MandateList struct {
	Mandates []Listing `json:"mandates"`
}

func (d *Desk) handleList(ctx context.Context, in *signedInput) (*listOutput, error) {
	signed, err := in.Body.Signed()
	if err != nil {
		return nil, err
	}
	out := &listOutput{CacheControl: "no-store"}
	out.Body.Mandates, err = d.List(ctx, signed)
	return out, err
}

type planOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Ending
}

func (d *Desk) handlePlan(ctx context.Context, in *signedInput) (*planOutput, error) {
	signed, err := in.Body.Signed()
	if err != nil {
		return nil, err
	}
	p, err := d.Plan(ctx, signed)
	return &planOutput{CacheControl: "no-store", Body: p}, err
}
