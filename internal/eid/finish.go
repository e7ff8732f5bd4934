package eid

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// maxParameter bounds a parameter that a browser brings back, octets.
const maxParameter = 4 << 10

// Back is what the browser brings back (RFC 6749, 4.1.2; RFC 9207).
type Back struct {
	Code, State, Issuer, Error string
}

// ReadBack reads what a browser brings back. What is there twice is not there
// (RFC 6749, 3.1).
func ReadBack(q url.Values) Back {
	one := func(name string) string {
		if len(q[name]) != 1 {
			return ""
		}
		return q[name][0]
	}
	if len(q["code"])+len(q["error"]) != 1 || len(q["iss"]) > 1 {
		return Back{}
	}
	return Back{Code: one("code"), State: one("state"), Issuer: one("iss"), Error: one("error")}
}

// Login is who logged in, as the provider says it. The ID token was checked.
type Login struct {
	NationalCode, FirstName, LastName, BirthDate string // as the expressions give them; only the first is never ""

	ACR         string
	Level       string    // that the configuration maps ACR to: "low", "substantial" or "high"
	AuthAt      time.Time // when the person authenticated; UTC, not after now
	Raw         []byte    // the ID token, a JWS in compact form
	SHA256      string    // hex, of Raw
	Source      string    // File.Name
	Environment string
}

// Finish exchanges the code that came back for state, which must be the one
// given to Begin, and returns whose login it was. A state is to be taken out
// of use before: the code serves once.
func (p *Provider) Finish(ctx context.Context, state string, b Back) (Login, error) {
	f, err := p.discover(ctx)
	if err != nil {
		return Login{}, err
	}
	if err := p.answered(f, state, b); err != nil {
		return Login{}, err
	}
	c := p.oauth(f)
	options, err := p.authenticate(&c)
	if err != nil {
		p.Log.Error("eid credential cannot be read", "provider", p.Name, "error", err)
		return Login{}, fmt.Errorf("%w: %w", ErrSetUp, err)
	}
	options = append(options, oauth2.VerifierOption(p.derive("verifier", state)))
	tokens, err := c.Exchange(oidc.ClientContext(ctx, p.client), b.Code, options...)
	if err != nil {
		return Login{}, p.exchangeFailed(ctx, err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	token, err := p.verify(ctx, f, state, raw, tokens.AccessToken)
	if err != nil {
		return Login{}, err
	}
	return p.read(token, raw)
}

// answered looks at what came back before anything is asked of the provider.
// The issuer comes first: what another one sent, an error too, is not looked
// at further (mix-up, RFC 9700, 4.4).
func (p *Provider) answered(f *found, state string, b Back) error {
	switch {
	case b.Issuer != "" && b.Issuer != p.Issuer, b.Issuer == "" && f.names:
		return fmt.Errorf("%w: the answer is of another issuer", ErrToken)
	case subtle.ConstantTimeCompare([]byte(b.State), []byte(state)) != 1:
		return fmt.Errorf("%w: the answer is to another login", ErrToken)
	case b.Error != "":
		return p.refused(b.Error)
	case b.Code == "" || len(b.Code) > maxParameter:
		return fmt.Errorf("%w: the answer has no code", ErrToken)
	}
	return nil
}

// refused classes an error of the provider (RFC 6749, 4.1.2.1; OpenID Connect
// Core 1.0, 3.1.2.6). Its own text is not passed on: a link could carry any.
func (p *Provider) refused(code string) error {
	switch code {
	case "access_denied":
		return ErrCancelled
	case "login_required", "interaction_required", "consent_required", "account_selection_required", "unmet_authentication_requirements":
		return ErrInteraction
	case "server_error", "temporarily_unavailable":
		return ErrUnavailable
	case "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "request_not_supported", "request_uri_not_supported", "registration_not_supported":
		p.Log.Error("eid provider refuses this service", "provider", p.Name, "code", code)
		return ErrSetUp
	}
	p.Log.Warn("eid provider answers with an unknown error", "provider", p.Name)
	return ErrUnavailable
}

// exchangeFailed classes what the token endpoint said.
func (p *Provider) exchangeFailed(ctx context.Context, err error) error {
	var r *oauth2.RetrieveError
	if !errors.As(err, &r) || r.Response == nil {
		return p.unavailable(ctx, "exchange code", err)
	}
	// The body may quote what it was sent, so it is not passed on.
	switch {
	case r.ErrorCode == "invalid_grant":
		return fmt.Errorf("%w: the provider does not take the code", ErrToken)
	case r.Response.StatusCode >= 400 && r.Response.StatusCode < 500 && r.Response.StatusCode != http.StatusTooManyRequests:
		p.Log.Error("eid provider refuses this service", "provider", p.Name, "status", r.Response.StatusCode)
		return ErrSetUp
	}
	return p.unavailable(ctx, "exchange code", fmt.Errorf("status %d", r.Response.StatusCode))
}

// read makes a Login of a checked token.
func (p *Provider) read(t token, raw string) (Login, error) {
	sum := sha256.Sum256([]byte(raw))
	l := Login{
		ACR: t.ACR, Level: p.ACR[t.ACR], AuthAt: t.authAt,
		Raw: []byte(raw), SHA256: hex.EncodeToString(sum[:]), Source: p.Name, Environment: p.Environment,
	}
	if l.Level == "" {
		return Login{}, fmt.Errorf("%w: the token's acr is mapped to no level", ErrLevel)
	}
	for name, to := range map[string]*string{claimCode: &l.NationalCode, claimFirst: &l.FirstName, claimLast: &l.LastName, claimBirth: &l.BirthDate} {
		e, ok := p.claims[name]
		if !ok {
			continue
		}
		s, err := e.Text(tokenVariable, t.all)
		if err != nil || len(s) > maxClaim {
			return Login{}, fmt.Errorf("%w: claims.%s has no value for this token", ErrNobody, name)
		}
		*to = s
	}
	if l.NationalCode == "" {
		return Login{}, ErrNobody
	}
	return l, nil
}
