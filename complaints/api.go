package complaints

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
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
	file := op(http.MethodPost, "/complaints", "file-complaint", "File a complaint; it is served to the business at once")
	file.Status = http.StatusCreated
	web.Handle(s, file, d.apiFile)
	web.Handle(s, token(op(http.MethodGet, "/complaints/{id}", "get-complaint", "Follow a complaint")), d.apiFollow)
	web.Handle(s, token(op(http.MethodPost, "/complaints/{id}/withdraw", "withdraw-complaint", "Withdraw a complaint")), d.apiWithdraw)
	web.Handle(s, token(op(http.MethodPost, "/complaints/{id}/dispute", "dispute-answer", "Say that the answer was none: the same clock goes on")), d.apiDispute)
	receipt := token(op(http.MethodGet, "/complaints/{id}/receipt", "complaint-receipt", "The signed receipt with the deadline (JWS)"))
	receipt.Produces = "application/jose"
	web.Handle(s, receipt, d.apiReceipt)
	web.Handle(s, jose(op(http.MethodPost, "/complaints/{id}/answers", "answer-complaint", "Answer a complaint by a statement signed by the business (JWS)")), d.apiAnswer)
	web.Handle(s, op(http.MethodPost, "/complaints/{id}/aside", "set-complaint-aside", "Set a complaint aside (officers)"), d.apiAside)
	web.Handle(s, op(http.MethodGet, "/businesses/{id}/record", "get-record", "The complaint record of a business, once it is public"), d.apiRecord)
	web.Handle(s, jose(op(http.MethodPost, "/businesses/{id}/record", "get-own-record", "The business's own record and complaints, by a signed request (JWS)")), d.apiOwnRecord)
	web.Handle(s, op(http.MethodGet, "/businesses/{id}/complaints", "list-own-complaints", "The business's own record and complaints, by its TLS client certificate"), d.apiOwn)
	web.Handle(s, op(http.MethodPost, "/businesses/{id}/publication", "set-publication", "Invite a business to publish its record, or publish it (officers)"), d.apiPublish)
}

// ByID names a complaint or a business. It is exported because the API
// library reads only exported fields.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

// business reads the id as that of a business.
func (i ByID) business() (ca.BusinessID, error) { return ca.ParseBusinessID(i.ID) }

type nonceIn struct {
	Purpose string `query:"purpose" enum:"complaint-answer,complaint-record" default:"complaint-answer"`
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
	case RecordNonce:
		out.Body.Type = RecordType
		fallthrough
	case AnswerNonce:
		out.Body.Nonce = d.Nonces.New(purpose)
		return out, nil
	}
	return nil, fault.New(fault.Invalid, "complaint_nonce_purpose", "a nonce is given for complaint-answer or complaint-record; name one of the two")
}

type filingBody struct {
	Business string   `json:"business" maxLength:"64" doc:"11-digit legal id, or the opaque id of a sole trader"`
	Category Category `json:"category" maxLength:"32" doc:"not_delivered, late_delivery, not_as_described, refund, charged_more, no_after_sales_service, no_invoice, overpriced, counterfeit or other"`
	Purchase Purchase `json:"purchase"`
	Text     string   `json:"text" doc:"at least 10 letters, at most 4,000 characters"`
	Contact  Contact  `json:"contact"`
}

type fileIn struct {
	Once string `header:"Idempotency-Key" hidden:"true"`
	Body filingBody
}

type ticketOut struct{ Body Ticket }

func (d *Desk) apiFile(ctx context.Context, in *fileIn) (*ticketOut, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	b := in.Body
	t, err := d.File(ctx, Filing{Key: key, Business: b.Business, Category: b.Category, Purchase: b.Purchase, Text: b.Text, Contact: b.Contact})
	return &ticketOut{Body: t}, err
}

// key makes the filing's key from the Idempotency-Key and all that is filed:
// the same request twice is one complaint, even if the process died before it
// could keep its first answer, and nobody gets at another's complaint by
// guessing a key.
func (in *fileIn) key() (string, error) {
	if in.Once == "" {
		return NewKey(), nil
	}
	content, err := json.Marshal(in.Body)
	if err != nil {
		return "", fmt.Errorf("encode filing: %w", err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", len(in.Once), in.Once, content))
	return hex.EncodeToString(sum[:16]), nil
}

type complaintOut struct{ Body Complaint }

// consumer calls fn with the bearer token of the request.
func consumer(ctx context.Context, in *ByID, fn func(ctx context.Context, id, token string) (Complaint, error)) (*complaintOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	c, err := fn(ctx, in.ID, token)
	return &complaintOut{Body: c}, unauthorised(err)
}

// unauthorised turns a wrong token into the answer that HTTP has for it (RFC
// 6750 section 3.1).
func unauthorised(err error) error {
	if fault.Code(err) == codeTokenWrong {
		return web.TokenInvalid()
	}
	return err
}

func (d *Desk) apiFollow(ctx context.Context, in *ByID) (*complaintOut, error) {
	return consumer(ctx, in, d.Follow)
}

func (d *Desk) apiWithdraw(ctx context.Context, in *ByID) (*complaintOut, error) {
	return consumer(ctx, in, d.Withdraw)
}

func (d *Desk) apiDispute(ctx context.Context, in *ByID) (*complaintOut, error) {
	return consumer(ctx, in, d.Dispute)
}

type rawOut struct{ Body []byte }

func (d *Desk) apiReceipt(ctx context.Context, in *ByID) (*rawOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := d.Receipt(ctx, in.ID, token)
	return &rawOut{Body: raw}, unauthorised(err)
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

type asideIn struct {
	ByID
	Body struct {
		Kind   Kind   `json:"kind" maxLength:"32" doc:"inadmissible, duplicate or moved"`
		Reason string `json:"reason" maxLength:"32" doc:"inadmissible: no_purchase_named, not_a_consumer_matter, before_a_court, abusive; duplicate: filed_twice; moved: wrong_business"`
	}
}

type doneOut struct {
	Body struct {
		Complaint string `json:"complaint"`
		Kind      Kind   `json:"kind"`
	}
}

func (d *Desk) apiAside(ctx context.Context, in *asideIn) (*doneOut, error) {
	actor, err := d.CA.Operator(ctx, web.PeerCertificate(ctx), ca.RoleOfficer)
	if err != nil {
		return nil, err
	}
	out := &doneOut{}
	out.Body.Complaint, out.Body.Kind = in.ID, in.Body.Kind
	return out, d.SetAside(ctx, actor, in.ID, in.Body.Kind, in.Body.Reason)
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
	actor, err := d.CA.Operator(ctx, web.PeerCertificate(ctx), ca.RoleOfficer)
	if err != nil {
		return nil, err
	}
	b, err := in.business()
	if err != nil {
		return nil, err
	}
	p, err := d.Publish(ctx, actor, b, in.Body.State)
	out := &publishedOut{}
	out.Body.Business, out.Body.State = b, p.State
	if !p.At.IsZero() {
		out.Body.At = p.At.Format(time.RFC3339)
	}
	return out, err
}
