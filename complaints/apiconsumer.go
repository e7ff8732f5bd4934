package complaints

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/web"
)

type filingBody struct {
	Business string   `json:"business" maxLength:"64" doc:"11-digit legal id, or the opaque id of a sole trader"`
	Also     []string `json:"also,omitempty" maxItems:"8" doc:"further businesses, at most four; each has a clock of its own"`
	Category Category `json:"category" maxLength:"32" doc:"not_delivered, late_delivery, not_as_described, refund, charged_more, no_after_sales_service, no_invoice, overpriced, counterfeit or other"`
	Purchase Purchase `json:"purchase"`
	Text     string   `json:"text" doc:"at least 10 letters, at most 4,000 characters"`
	Contact  Contact  `json:"contact"`
}

type fileIn struct {
	Once string `header:"Idempotency-Key" hidden:"true"`
	Body filingBody
}

type draftOut struct{ Body Draft }

func (d *Desk) apiFile(ctx context.Context, in *fileIn) (*draftOut, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	b := in.Body
	r, err := d.Begin(ctx, Filing{Key: key, Business: b.Business, Also: b.Also, Category: b.Category, Purchase: b.Purchase, Text: b.Text, Contact: b.Contact}, web.Lang(ctx))
	return &draftOut{Body: r}, err
}

type confirmIn struct {
	ByID
	Body struct {
		Code string `json:"code" maxLength:"16" doc:"that the contact got"`
	}
}

type ticketOut struct{ Body Ticket }

func (d *Desk) apiConfirm(ctx context.Context, in *confirmIn) (*ticketOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	t, err := d.Confirm(ctx, in.ID, token, in.Body.Code)
	return &ticketOut{Body: t}, unauthorised(err)
}

type sentOut struct {
	Body struct {
		Complaint string `json:"complaint"`
	}
}

func (d *Desk) apiResend(ctx context.Context, in *ByID) (*sentOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	out := &sentOut{}
	out.Body.Complaint = in.ID
	return out, unauthorised(d.ResendCode(ctx, in.ID, token))
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

// atBusiness names a complaint at one business.
type atBusiness struct {
	ByID
	Business string `query:"business" maxLength:"64" doc:"the first, where it is not said"`
}

// unauthorised turns a wrong token into the answer that HTTP has for it (RFC
// 6750 section 3.1).
func unauthorised(err error) error {
	if fault.Code(err) == codeTokenWrong {
		return web.TokenInvalid()
	}
	return err
}

func (d *Desk) apiFollow(ctx context.Context, in *atBusiness) (*complaintOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	c, err := d.FollowAt(ctx, in.ID, token, ca.BusinessID(in.Business))
	return &complaintOut{Body: c}, unauthorised(err)
}

// steps returns what the consumer's steps say, by their names in paths and forms.
func steps() map[string]Kind {
	return map[string]Kind{
		"withdraw": KindWithdrawn, "dispute": KindDisputed, "accept": KindAccepted, "reject": KindRejected,
		"settle": KindSettled, "escalate": KindEscalated, "appeal": KindAppealed,
	}
}

type reactIn struct {
	ByID
	Body *struct {
		Business string `json:"business,omitempty" maxLength:"64" doc:"needed where the complaint is against several"`
		Text     string `json:"text,omitempty" doc:"why; needed to escalate and to appeal, and only there"`
	} `required:"false"`
}

func (d *Desk) apiReact(k Kind) func(context.Context, *reactIn) (*complaintOut, error) {
	return func(ctx context.Context, in *reactIn) (*complaintOut, error) {
		token, err := web.Bearer(ctx)
		if err != nil {
			return nil, err
		}
		r := Reaction{Kind: k}
		if in.Body != nil {
			r.Business, r.Text = ca.BusinessID(in.Body.Business), in.Body.Text
		}
		c, err := d.React(ctx, in.ID, token, r)
		return &complaintOut{Body: c}, unauthorised(err)
	}
}
