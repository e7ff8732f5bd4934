package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Person is who applies. Dates are YYYY-MM-DD, telephones +98....
type Person struct {
	NationalCode string `json:"national_code"`
	BirthDate    string `json:"birth_date"`
	Mobile       string `json:"mobile"`
	NamesLatin   string `json:"names_latin,omitempty"`
}

// Wish is what is applied for.
type Wish struct {
	Person  Person `json:"person"`
	Profile string `json:"profile"`            // ca.NaturalSign, ca.OrganisationSign
	LegalID string `json:"legal_id,omitempty"` // of the organisation
	Locale  string `json:"locale"`             // of messages to the person: "fa" or "en"
	KeyHome string `json:"key_home,omitempty"` // "token" if a device is to vouch for the key
}

// State is what the service says of an application.
type State struct {
	ID     string   `json:"id"`
	Stage  string   `json:"stage"`
	Needs  []string `json:"needs"` // what it needs next, first the next
	Terms  string   `json:"terms_version"`
	Token  string   `json:"token"` // when it is opened, once
	Serial string   `json:"serial"`
	Visit  *Visit   `json:"visit"` // to a vendor's pages, while one is open
}

// Visit is where a person is expected, to be seen by a vendor's camera.
type Visit struct {
	Link string `json:"link"`
}

// Application is one application on its way. ID and Token are all that is
// needed to go on with it, in another process too: keep them together and
// secret. It is not safe for concurrent use.
type Application struct {
	ID, Token      string
	RevocationCode string // once the key is handed in; it is given once

	c      *Client
	sentTo string // the vendor's page
}

// Apply opens an application.
func (c *Client) Apply(ctx context.Context, w Wish) (*Application, error) {
	var s State
	if err := c.post(ctx, "/api/v1/applications", w, &s); err != nil {
		return nil, err
	}
	return c.Application(s.ID, s.Token), nil
}

// Application goes on with one that was opened before.
func (c *Client) Application(id, token string) *Application {
	with := *c
	with.Token = token
	return &Application{ID: id, Token: token, c: &with}
}

// TakeOver has a code sent to the telephone of an application that was begun
// elsewhere; Resume takes it. Of who only NationalCode and BirthDate count.
func (c *Client) TakeOver(ctx context.Context, id string, who Person) error {
	return c.post(ctx, applicationPath(id, "/resume"), map[string]any{"national_code": who.NationalCode, "birth_date": who.BirthDate}, nil)
}

// Resume goes on with an application by the code of TakeOver. Where it was
// begun it goes on no more.
func (c *Client) Resume(ctx context.Context, id, code string) (*Application, error) {
	var s State
	if err := c.post(ctx, applicationPath(id, "/resume/code"), map[string]any{"code": code}, &s); err != nil {
		return nil, err
	}
	return c.Application(s.ID, s.Token), nil
}

func (c *Client) post(ctx context.Context, path string, in, out any) error {
	return c.Call(ctx, Request{Method: http.MethodPost, Path: path, In: in}, out)
}

func applicationPath(id, rest string) string {
	return "/api/v1/applications/" + url.PathEscape(id) + rest
}

func (a *Application) path(rest string) string { return applicationPath(a.ID, rest) }

// Look asks how it stands.
func (a *Application) Look(ctx context.Context) (s State, err error) {
	err = a.c.Call(ctx, Request{Method: http.MethodGet, Path: a.path("")}, &s)
	return s, err
}

// Accept says that the person accepts the terms of this version; the
// registers are asked then. Need: "consent".
func (a *Application) Accept(ctx context.Context, terms string) error {
	return a.c.post(ctx, a.path("/consent"), map[string]any{"accepted": true, "terms_version": terms}, nil)
}

// Code hands in the code from the SMS. Need: "otp_sms". A Problem with the
// code code_wrong leaves further tries.
func (a *Application) Code(ctx context.Context, code string) error {
	return a.c.post(ctx, a.path("/evidence/otp_sms"), map[string]any{"code": code}, nil)
}

// MatchFace begins the comparison of the face, or asks for its outcome. While
// State.Visit is there, the person is expected at its page. Need: "face_match".
func (a *Application) MatchFace(ctx context.Context) error {
	return a.c.post(ctx, a.path("/evidence/face_match"), map[string]any{"session": "cli"}, nil)
}

// Film begins the film of a document, or asks for its outcome, as MatchFace.
// Need: "document_video".
func (a *Application) Film(ctx context.Context) error {
	return a.c.post(ctx, a.path("/evidence/document_video"), nil, nil)
}

// AskRegisters has the registers asked again that did not answer. Need: "refresh".
func (a *Application) AskRegisters(ctx context.Context) error {
	return a.c.post(ctx, a.path("/evidence/refresh"), map[string]any{}, nil)
}

// Submit hands the certification request (PEM) in, by which the certificate
// is made; the revocation code is in a then. Need: "csr". It may be repeated
// with the same request and brings the same certificate.
func (a *Application) Submit(ctx context.Context, csr []byte) error {
	var out struct {
		Code string `json:"revocation_code"`
	}
	err := a.c.Call(ctx, Request{Method: http.MethodPost, Path: a.path("/csr"), Kind: "application/x-pem-file", Body: csr}, &out)
	if out.Code != "" {
		a.RevocationCode = out.Code
	}
	return err
}

// Certificate is the certificate with its issuers, PEM. Need: "certificate".
func (a *Application) Certificate(ctx context.Context) ([]byte, error) {
	return a.c.Do(ctx, Request{Method: http.MethodGet, Path: a.path("/certificate")})
}

// Bundle is the evidence bundle, JSON; it is stamped shortly after issuance
// and waited for.
func (a *Application) Bundle(ctx context.Context) ([]byte, error) {
	for try := 1; ; try++ {
		b, err := a.c.Do(ctx, Request{Method: http.MethodGet, Path: a.path("/bundle"), once: true})
		var p *Problem
		if try == 40 || !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable {
			return b, err
		}
		if err := sleep(ctx, 250*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// Secret is what a client of another make (EST, CMP, SCEP) hands the key of
// an approved application in with, once.
type Secret struct {
	User    string    `json:"user"`
	Secret  string    `json:"secret"`
	Expires time.Time `json:"expires"`
}

// SendSecretCode sends a second code to the telephone, for Secret alone.
func (a *Application) SendSecretCode(ctx context.Context) error {
	return a.c.post(ctx, a.path("/secret/code"), map[string]any{}, nil)
}

// Secret makes the secret for protocol "est", "cmp" or "scep", by the code of SendSecretCode.
func (a *Application) Secret(ctx context.Context, protocol, code string) (s Secret, err error) {
	err = a.c.post(ctx, a.path("/secret"), map[string]any{"protocol": protocol, "code": code}, &s)
	return s, err
}
