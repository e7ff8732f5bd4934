package complaints

import (
	"context"
	"net/http"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/web"
)

// routesAPI hangs the JSON operations on s.
func (d *Desk) routesAPI(s *web.Server) {
	op := func(method, path, id, summary string) web.Operation {
		return web.Operation{Method: method, Path: path, ID: id, Summary: summary, Tag: "complaints"}
	}
	token := func(o web.Operation) web.Operation { o.Bearer = true; return o }
	jose := func(o web.Operation) web.Operation {
		o.Accepts, o.MaxBody = []string{"application/jose", "application/jose+json"}, MaxAnswer
		return o
	}
	web.Handle(s, op(http.MethodGet, "/complaints/nonce", "complaint-nonce", "A nonce for one signed statement of a business"), d.apiNonce)
	file := op(http.MethodPost, "/complaints", "file-complaint", "Draft a complaint; a code goes to its contact")
	file.Status = http.StatusCreated
	web.Handle(s, file, d.apiFile)
	confirm := token(op(http.MethodPost, "/complaints/{id}/confirm", "confirm-complaint", "File the draft with the code; it is served to the business at once, unless an officer looks at it first"))
	confirm.Status = http.StatusCreated
	web.Handle(s, confirm, d.apiConfirm)
	web.Handle(s, token(op(http.MethodPost, "/complaints/{id}/code", "resend-complaint-code", "Send another code")), d.apiResend)
	web.Handle(s, token(op(http.MethodGet, "/complaints/{id}", "get-complaint", "Follow a complaint")), d.apiFollow)
	for _, r := range []struct{ path, id, summary string }{
		{"withdraw", "withdraw-complaint", "Withdraw a complaint"},
		{"dispute", "dispute-answer", "Say that the answer was none: the same clock goes on"},
		{"accept", "accept-answer", "Accept the answer; that alone settles nothing"},
		{"reject", "reject-answer", "Reject the answer; it stays one"},
		{"settle", "settle-complaint", "Confirm that it is settled with the business"},
		{"escalate", "escalate-complaint", "Ask for an officer's decision"},
		{"appeal", "appeal-decision", "Appeal an officer's decision; another officer decides"},
	} {
		web.Handle(s, token(op(http.MethodPost, "/complaints/{id}/"+r.path, r.id, r.summary)), d.apiReact(steps()[r.path]))
	}
	d.routesReceipts(s, op, token)
	d.routesOfficers(s, op)
	d.routesPictures(s, op)
	d.routesOutages(s, op)
	d.routesPhone(s, op)
	web.Handle(s, jose(op(http.MethodPost, "/complaints/{id}/answers", "answer-complaint", "Answer a complaint by a statement signed by the business (JWS)")), d.apiAnswer)
	web.Handle(s, op(http.MethodGet, "/businesses/{id}/record", "get-record", "The complaint record of a business, once it is public"), d.apiRecord)
	web.Handle(s, jose(op(http.MethodPost, "/businesses/{id}/record", "get-own-record", "The business's own record and complaints, by a signed request (JWS)")), d.apiOwnRecord)
	web.Handle(s, jose(op(http.MethodPost, "/businesses/{id}/notices", "set-notices", "Say where the business is told of complaints, by a signed statement (JWS)")), d.apiNotices)
	web.Handle(s, op(http.MethodGet, "/businesses/{id}/complaints", "list-own-complaints", "The business's own record and complaints, by its TLS client certificate"), d.apiOwn)
	web.Handle(s, d.officers(op(http.MethodPost, "/businesses/{id}/publication", "set-publication", "Invite a business to publish its record, or publish it (officers)")), d.apiPublish)
}

// ByID names a complaint or a business. It is exported because the API
// library reads only exported fields.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

// business reads the id as that of a business.
func (i ByID) business() (ca.BusinessID, error) { return ca.ParseBusinessID(i.ID) }

type nonceIn struct {
	Purpose string `query:"purpose" enum:"complaint-answer,complaint-record,complaint-notices" default:"complaint-answer"`
}

type nonceOut struct {
	Body struct {
		Nonce    string `json:"nonce"`
		Audience string `json:"aud"`
		Type     string `json:"type" doc:"of the statement and of its JWS"`
	}
}

func (d *Desk) apiNonce(_ context.Context, in *nonceIn) (*nonceOut, error) {
	out := &nonceOut{}
	out.Body.Audience, out.Body.Type = d.Audience, AnswerType
	switch purpose := nonce.Purpose(in.Purpose); purpose {
	case RecordNonce, NoticesNonce:
		out.Body.Type = map[nonce.Purpose]string{RecordNonce: RecordType, NoticesNonce: NoticesType}[purpose]
		fallthrough
	case AnswerNonce:
		out.Body.Nonce = d.Nonces.New(purpose)
		return out, nil
	}
	return nil, fault.New(fault.Invalid, "complaint_nonce_purpose", "a nonce is given for complaint-answer, complaint-record or complaint-notices; name one of these")
}

type signedIn struct {
	ByID
	RawBody []byte
}

type acceptedOut struct{ Body Accepted }

func (d *Desk) apiAnswer(ctx context.Context, in *signedIn) (*acceptedOut, error) {
	a, err := d.Answer(ctx, in.ID, in.RawBody)
	return &acceptedOut{Body: a}, err
}

type recordOut struct{ Body Record }

func (d *Desk) apiRecord(ctx context.Context, in *ByID) (*recordOut, error) {
	b, err := in.business()
	if err != nil {
		return nil, err
	}
	r, err := d.Visible(ctx, b, web.PeerCertificate(ctx))
	return &recordOut{Body: r}, err
}

type ownOut struct{ Body Own }

func (d *Desk) apiOwnRecord(ctx context.Context, in *signedIn) (*ownOut, error) {
	b, err := in.business()
	if err != nil {
		return nil, err
	}
	own, err := d.OwnRecord(ctx, b, in.RawBody)
	return &ownOut{Body: own}, err
}

type ownIn struct {
	ByID
	After string `query:"after" maxLength:"64" doc:"id of the last complaint seen"`
}

func (d *Desk) apiOwn(ctx context.Context, in *ownIn) (*ownOut, error) {
	b, err := in.business()
	if err != nil {
		return nil, err
	}
	if err := d.owns(ctx, b, web.PeerCertificate(ctx)); err != nil {
		return nil, err
	}
	own, err := d.own(ctx, b, in.After)
	return &ownOut{Body: own}, err
}

type publishIn struct {
	ByID
	Body struct {
		State Publication `json:"state" maxLength:"16" doc:"invited, public, or private again after an invitation"`
	}
}

type publishedOut struct {
	Body struct {
		Business ca.BusinessID `json:"business"`
		State    Publication   `json:"state"`
		At       string        `json:"at,omitempty" doc:"since when"`
	}
}

func (d *Desk) apiPublish(ctx context.Context, in *publishIn) (*publishedOut, error) {
	b, err := in.business()
	if err != nil {
		return nil, err
	}
	p, err := d.Publish(ctx, web.PeerCertificate(ctx), b, in.Body.State)
	out := &publishedOut{}
	out.Body.Business, out.Body.State = b, p.State
	if !p.At.IsZero() {
		out.Body.At = p.At.Format(time.RFC3339)
	}
	return out, err
}

type noticesOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         Notices
}

func (d *Desk) apiNotices(ctx context.Context, in *signedIn) (*noticesOut, error) {
	b, err := in.business()
	if err != nil {
		return nil, err
	}
	n, err := d.SetNotices(ctx, b, in.RawBody)
	return &noticesOut{CacheControl: "no-store", Body: n}, err
}
