package acme

import (
	"context"

	"github.com/labstack/echo/v4"

	"mohr/internal/web"
)

// Routes hangs ACME below /acme and the statements about external account
// keys below /api/v1/acme on s.
func (d *Desk) Routes(s *web.Server) {
	op := func(method, path, id, summary string) web.Operation {
		return web.Operation{Method: method, Path: path, ID: id, Summary: summary, Tag: "acme"}
	}
	web.Handle(s, op("GET", "/acme/nonce", "acme-nonce", "A nonce for one statement about external account keys"), d.apiNonce)
	keys := op("POST", "/acme/keys", "acme-keys", "Make, revoke or list a business's external account keys, by a signed statement (JWS)")
	keys.MaxBody, keys.Repeatable = maxStatement+1, true
	keys.Accepts = []string{"application/jose", "application/jose+json"}
	web.Handle(s, keys, d.apiKeys)
	s.Echo.Any(prefix+"/*", echo.WrapHandler(d))
}

type nonceOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Nonce    string `json:"nonce"`
		Audience string `json:"aud"`
		Type     string `json:"type"`
	}
}

func (d *Desk) apiNonce(context.Context, *struct{}) (*nonceOutput, error) {
	out := &nonceOutput{CacheControl: "no-store"}
	out.Body.Nonce, out.Body.Audience, out.Body.Type = d.Nonces.New(StatementPurpose), d.Portal, StatementType
	return out, nil
}

type keysInput struct {
	RawBody []byte
}

type keysOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Given
}

func (d *Desk) apiKeys(ctx context.Context, in *keysInput) (*keysOutput, error) {
	given, err := d.Keys(ctx, in.RawBody)
	return &keysOutput{CacheControl: "no-store", Body: given}, err
}
