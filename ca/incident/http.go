package incident

import (
	"context"
	"errors"
	"net/http"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// maxAsk bounds a request with a list, in octets: maxListed hashes with room.
const maxAsk = 8 << 20

// Routes hangs this room's operations on s. Plans are for operators; reporting
// a key is for everyone, ending a certificate for who has a good one.
func (d *Desk) Routes(s *web.Server) {
	d.routesConsole(s)
	op := func(method, path, id, summary string) web.Operation {
		return web.Operation{Method: method, Path: path, ID: id, Summary: summary, Tag: "incident"}
	}
	const get, post = http.MethodGet, http.MethodPost
	propose := op(post, "/plans", "make-plan", "Make a plan: a dry run that changes nothing (operators)")
	propose.Status, propose.MaxBody, propose.Before = http.StatusCreated, maxAsk, d.mayPropose
	web.Handle(s, propose, d.handlePropose)
	web.Handle(s, op(get, "/plans", "list-plans", "List plans (operators)"), d.handlePlans)
	web.Handle(s, op(get, "/plans/{id}", "show-plan", "Show a plan with its approvals (operators)"), d.handleShow)
	web.Handle(s, op(get, "/plans/{id}/targets", "list-targets", "The serials or keys of a plan (operators)"), d.handleTargets)
	web.Handle(s, op(get, "/plans/{id}/challenge", "plan-challenge", "What an approval has to say: a fresh nonce, the audience (operators)"), d.handleChallenge)
	approve := op(post, "/plans/{id}/approvals", "approve-plan", "Approve a plan by a signed statement (operators)")
	approve.MaxBody, approve.Before = maxSigned, d.mayPropose
	web.Handle(s, approve, d.handleApprove)
	web.Handle(s, op(post, "/plans/{id}/execute", "execute-plan", "Carry a plan out, or on; ask again until it is done (operators)"), d.handleExecute)

	web.Handle(s, op(get, "/revocations/nonce", "revocation-nonce", "What a holder's statement has to say: a fresh nonce, the audience"), d.handleNonce)
	end := op(post, "/revocations", "end-certificate", "Revoke or suspend a certificate by a statement signed with it, or with another of the same person")
	end.MaxBody, end.Repeatable = maxSigned, true
	web.Handle(s, end, d.handleEnd)
	report := op(post, "/compromised-keys", "report-key", "Report a compromised key by a certification request of that key with the subject CN="+KeyProof)
	report.MaxBody, report.Accepts = ca.MaxCSR+1, []string{"application/pkcs10", "application/x-pem-file"}
	report.Repeatable = true
	web.Handle(s, report, d.handleReport)
}

// maxSigned bounds a request with a signed statement, in octets.
const maxSigned = 256 << 10

type proposeInput struct{ Body Ask }

type planOutput struct{ Body Plan }

func (d *Desk) handlePropose(ctx context.Context, in *proposeInput) (*planOutput, error) {
	o, err := d.CA.May(ctx, web.PeerCertificate(ctx), RightToPropose(in.Body.Kind))
	if err != nil {
		return nil, err
	}
	p, err := d.Propose(ctx, in.Body, o)
	return &planOutput{Body: p}, err
}

type pageInput struct {
	After string `query:"after" maxLength:"100" doc:"id of the last one seen"`
	Limit int    `query:"limit" minimum:"0" maximum:"5000"`
}

type plansOutput struct {
	Body struct {
		Plans []Plan `json:"plans"`
	}
}

func (d *Desk) handlePlans(ctx context.Context, in *pageInput) (*plansOutput, error) {
	if err := d.mayRead(ctx); err != nil {
		return nil, err
	}
	out := &plansOutput{}
	var err error
	out.Body.Plans, err = d.Plans(ctx, in.After, in.Limit)
	return out, err
}

func (d *Desk) mayRead(ctx context.Context) error {
	_, err := d.CA.May(ctx, web.PeerCertificate(ctx), ca.MayRead)
	return err
}

// mayPropose is Denied for who can have no kind of plan made, and so none
// approved or carried out either.
func (d *Desk) mayPropose(ctx context.Context) (err error) {
	for _, right := range []ca.Right{ca.MayEnd, ca.MayIncident, ca.MayRoles} {
		if _, err = d.CA.May(ctx, web.PeerCertificate(ctx), right); !errors.Is(err, fault.Denied) {
			return err
		}
	}
	return err
}

// mayDeal is Denied for operators who can neither approve the plan nor carry
// it out.
func (d *Desk) mayDeal(ctx context.Context, id string) error {
	if err := d.mayRead(ctx); err != nil {
		return err
	}
	s, err := d.Show(ctx, id)
	if err != nil {
		return err
	}
	_, err = d.CA.May(ctx, web.PeerCertificate(ctx), s.Plan.Document.right())
	return err
}

type idInput struct {
	ID string `path:"id" maxLength:"64"`
}

type shownOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Shown
}

func (d *Desk) handleShow(ctx context.Context, in *idInput) (*shownOutput, error) {
	if err := d.mayRead(ctx); err != nil {
		return nil, err
	}
	s, err := d.Show(ctx, in.ID)
	return &shownOutput{CacheControl: "no-store", Body: s}, err
}

type targetsInput struct {
	ID    string `path:"id" maxLength:"64"`
	After string `query:"after" maxLength:"64" doc:"the last one seen"`
	Limit int    `query:"limit" minimum:"0" maximum:"5000"`
}

type targetsOutput struct {
	Body struct {
		Targets []string `json:"targets"`
	}
}

func (d *Desk) handleTargets(ctx context.Context, in *targetsInput) (*targetsOutput, error) {
	if err := d.mayRead(ctx); err != nil {
		return nil, err
	}
	out := &targetsOutput{}
	var err error
	out.Body.Targets, err = d.Targets(ctx, in.ID, in.After, in.Limit)
	return out, err
}

type challengeOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         approval.Challenge
}

func (d *Desk) handleChallenge(ctx context.Context, _ *idInput) (*challengeOutput, error) {
	if err := d.mayRead(ctx); err != nil {
		return nil, err
	}
	return &challengeOutput{CacheControl: "no-store", Body: d.Challenge()}, nil
}

type approveInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body approval.Body
}

// handleApprove takes the word of who signed, from an operator who could have.
func (d *Desk) handleApprove(ctx context.Context, in *approveInput) (*shownOutput, error) {
	if err := d.mayDeal(ctx, in.ID); err != nil {
		return nil, err
	}
	signed, err := in.Body.Signed()
	if err != nil {
		return nil, err
	}
	s, err := d.Approve(ctx, in.ID, signed)
	return &shownOutput{CacheControl: "no-store", Body: s}, err
}

func (d *Desk) handleExecute(ctx context.Context, in *idInput) (*planOutput, error) {
	if err := d.mayDeal(ctx, in.ID); err != nil {
		return nil, err // before anything is read or hashed for whoever asks
	}
	p, err := d.Execute(ctx, in.ID, web.PeerCertificate(ctx))
	return &planOutput{Body: p}, err
}

func (d *Desk) handleNonce(context.Context, *struct{}) (*challengeOutput, error) {
	return &challengeOutput{CacheControl: "no-store", Body: approval.Challenge{Type: StatementType, Audience: d.Audience, Nonce: d.Nonces.New(NoncePurpose)}}, nil
}

type endInput struct{ Body approval.Body }

type endOutput struct{ Body ca.Entry }

func (d *Desk) handleEnd(ctx context.Context, in *endInput) (*endOutput, error) {
	signed, err := in.Body.Signed()
	if err != nil {
		return nil, err
	}
	c, err := d.End(ctx, signed)
	e := ca.EntryOf(c)
	e.By = "" // which operator ended it is not the holder's to know
	return &endOutput{Body: e}, err
}

type reportInput struct{ RawBody []byte }

type reportOutput struct{ Body KeyReport }

func (d *Desk) handleReport(ctx context.Context, in *reportInput) (*reportOutput, error) {
	r, err := d.ReportKey(ctx, in.RawBody)
	return &reportOutput{Body: r}, err
}
