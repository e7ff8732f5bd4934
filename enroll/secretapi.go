package enroll

import (
	"context"
	"net/http"
	"time"

	"mohr/internal/web"
)

type secretIn struct {
	ByID
	Body struct {
		Protocol Protocol `json:"protocol" maxLength:"8" doc:"est, cmp or scep"`
		Code     string   `json:"code" maxLength:"32" doc:"the code that was sent for this"`
	}
}

type secretOut struct {
	Body struct {
		User    string    `json:"user" doc:"user name of EST, reference value of CMP; with a colon before the secret, challengePassword of SCEP"`
		Secret  string    `json:"secret" doc:"given once; good for one key"`
		Expires time.Time `json:"expires"`
	}
}

type secretSent struct {
	Body struct {
		Sent string `json:"sent"`
	}
}

// routesSecret hangs how an applicant gets the one-time secret with which a
// client of another make hands in the key.
func (d *Desk) routesSecret(s *web.Server, op func(method, path, id, summary string) web.Operation) {
	ask := op(http.MethodPost, "/applications/{id}/secret/code", "send-secret-code", "Send the code with which a one-time secret is made")
	ask.Status = http.StatusAccepted
	web.Handle(s, ask, func(ctx context.Context, in *ByID) (*secretSent, error) {
		token, err := web.Bearer(ctx)
		if err != nil {
			return nil, err
		}
		out := &secretSent{}
		out.Body.Sent = "a code to the phone of the application"
		return out, d.AskSecret(ctx, in.ID, token)
	})
	create := op(http.MethodPost, "/applications/{id}/secret", "make-secret", "Make the one-time secret for EST, CMP or SCEP")
	create.Status = http.StatusCreated
	create.Repeatable = true // the code is used up, and the secret is kept nowhere else: who lost the answer asks anew
	web.Handle(s, create, d.apiSecret)
}

func (d *Desk) apiSecret(ctx context.Context, in *secretIn) (*secretOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	one, err := d.MakeSecret(ctx, in.ID, token, in.Body.Protocol, in.Body.Code)
	out := &secretOut{}
	out.Body.User, out.Body.Secret, out.Body.Expires = one.User, one.Secret, one.Expires
	return out, err
}
