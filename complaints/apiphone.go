package complaints

import (
	"context"
	"net/http"

	"mohr/internal/web"
)

func (d *Desk) routesPhone(s *web.Server, op func(method, path, id, summary string) web.Operation) {
	web.Handle(s, op(http.MethodPost, "/complaints/{id}/answers/code", "send-answer-code", "For a business without a good certificate: send a code for exactly this answer to a signatory's telephone"), d.apiPhoneCode)
	web.Handle(s, op(http.MethodPost, "/complaints/{id}/answers/by-code", "answer-complaint-by-code", "Give the answer with its code"), d.apiAnswerByPhone)
}

type phoneIn struct {
	ByID
	Body PhoneAnswer
}

func (d *Desk) apiPhoneCode(ctx context.Context, in *phoneIn) (*sentOut, error) {
	out := &sentOut{}
	out.Body.Complaint = in.ID
	return out, d.PhoneCode(ctx, in.ID, in.Body, web.Lang(ctx))
}

type byPhoneIn struct {
	ByID
	Body struct {
		PhoneAnswer
		Code string `json:"code" maxLength:"16"`
	}
}

func (d *Desk) apiAnswerByPhone(ctx context.Context, in *byPhoneIn) (*acceptedOut, error) {
	a, err := d.AnswerByPhone(ctx, in.ID, in.Body.PhoneAnswer, in.Body.Code)
	return &acceptedOut{Body: a}, err
}
