package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// applicant is who applies, as the API takes it.
type applicant struct {
	NationalCode string `json:"national_code"`
	BirthDate    string `json:"birth_date"`
	Mobile       string `json:"mobile"`
	NamesLatin   string `json:"names_latin,omitempty"`
}

// applying is one application on its way, seen from the applicant's side.
type applying struct {
	api     *client
	profile string
	legalID string
	locale  string
	csr     []byte                                // PEM
	device  *device                               // that vouches for the key; nil: it lives in software
	ask     func(question string) (string, error) // for the code from the SMS
	say     func(format string, args ...any)
	id      string
	revoke  string // revocation code, given once
	sentTo  string // the vendor's page
	stopAt  string // the need at which run ends without a certificate; "": none
}

// applicationState is what the service says of an application.
type applicationState struct {
	ID     string   `json:"id"`
	Stage  string   `json:"stage"`
	Needs  []string `json:"needs"`
	Terms  string   `json:"terms_version"`
	Token  string   `json:"token"`
	Serial string   `json:"serial"`
	Visit  *struct {
		Link string `json:"link"`
	} `json:"visit"` // to a vendor's pages, while one is open
}

// maxSteps bounds the steps of one application, waiting for registers included.
const maxSteps = 60

// run takes the application from its creation to the certificate's PEM chain,
// or to the need where it is to stop.
func (a *applying) run(ctx context.Context, who applicant) ([]byte, error) {
	s, err := a.open(ctx, who)
	if err != nil {
		return nil, err
	}
	a.id, a.api.token = s.ID, s.Token
	for range maxSteps {
		if len(s.Needs) == 0 {
			if s.Stage == "review" {
				return nil, fmt.Errorf("the application %s waits for review by a person; nothing is to be done here", s.ID)
			}
			return nil, fmt.Errorf("the application ended as %s; ask the service why, with its number %s", s.Stage, s.ID)
		}
		if s.Needs[0] == a.stopAt {
			return nil, nil
		}
		if s.Needs[0] == "certificate" {
			return a.api.fetch(ctx, request{method: http.MethodGet, path: a.path("/certificate")})
		}
		if err := a.step(ctx, s.Needs[0], s.Terms); err != nil {
			return nil, err
		}
		s = applicationState{}
		if err := a.api.call(ctx, request{method: http.MethodGet, path: a.path("")}, &s); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the application does not move on; try again later")
}

// open opens an application or, where one is named that was begun elsewhere,
// takes it over with a code: it goes on here, and there no more.
func (a *applying) open(ctx context.Context, who applicant) (s applicationState, err error) {
	post := func(path string, in any, out any) error {
		return a.api.call(ctx, request{method: http.MethodPost, path: path, in: in}, out)
	}
	if a.id != "" {
		err = post(a.path("/resume"), map[string]any{"national_code": who.NationalCode, "birth_date": who.BirthDate}, nil)
		if err != nil {
			return s, err
		}
		err = a.withCode("The code from the SMS, to go on here: ", func(code string) error {
			return post(a.path("/resume/code"), map[string]any{"code": code}, &s)
		})
		return s, err
	}
	in := map[string]any{"person": who, "profile": a.profile, "locale": a.locale}
	if a.legalID != "" {
		in["legal_id"] = a.legalID
	}
	if a.device != nil {
		in["key_home"] = "token"
	}
	err = post("/api/v1/applications", in, &s)
	return s, err
}

func (a *applying) path(rest string) string { return "/api/v1/applications/" + a.id + rest }

// step does what the application needs next.
func (a *applying) step(ctx context.Context, need, terms string) error {
	post := func(rest string, in any) error {
		return a.api.call(ctx, request{method: http.MethodPost, path: a.path(rest), in: in}, nil)
	}
	switch need {
	case "consent":
		a.say("You accept the terms, version %s; the registers are asked now.", terms)
		return post("/consent", map[string]any{"accepted": true, "terms_version": terms})
	case "otp_sms":
		return a.proveCode(post)
	case "face_match":
		a.say("The face match runs (simulated).")
		if err := post("/evidence/face_match", map[string]any{"session": "cli"}); err != nil {
			return err
		}
		return a.visit(ctx)
	case "document_video":
		if err := post("/evidence/document_video", nil); err != nil {
			return err
		}
		return a.visit(ctx)
	case "refresh":
		a.say("A register does not answer; asking again.")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
		return post("/evidence/refresh", map[string]any{})
	case "device_attestation":
		return a.attest(ctx, post)
	case "csr":
		a.say("Approved. The certificate is made.")
		var out struct {
			Code string `json:"revocation_code"`
		}
		err := a.api.call(ctx, request{method: http.MethodPost, path: a.path("/csr"), kind: "application/x-pem-file", body: a.csr}, &out)
		a.revoke = out.Code
		return err
	}
	return fmt.Errorf("the service wants %q, which this version of mohr does not know", need)
}

// visitWait is between two looks at a visit.
const visitWait = 5 * time.Second

// visit says where the applicant is expected, if anywhere, and waits a while.
func (a *applying) visit(ctx context.Context) error {
	var s applicationState
	if err := a.api.call(ctx, request{method: http.MethodGet, path: a.path("")}, &s); err != nil || s.Visit == nil {
		return err
	}
	if a.sentTo != s.Visit.Link {
		a.sentTo = s.Visit.Link
		a.say("Open this page, do what it says, and come back: %s", a.sentTo)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(visitWait):
	}
	return nil
}

// codeTries is how often a person may mistype before the command gives up;
// the service counts for itself.
const codeTries = 3

func (a *applying) proveCode(post func(rest string, in any) error) error {
	return a.withCode("The code from the SMS: ", func(code string) error { return post("/evidence/otp_sms", map[string]any{"code": code}) })
}

// oneTimeSecret is what a client of another make hands the key in with.
type oneTimeSecret struct {
	User    string    `json:"user"`
	Secret  string    `json:"secret"`
	Expires time.Time `json:"expires"`
}

// oneTime makes the approved application's secret for EST or CMP, with a code
// that is sent for this alone.
func (a *applying) oneTime(ctx context.Context, protocol string) (s oneTimeSecret, err error) {
	if err := a.api.call(ctx, request{method: http.MethodPost, path: a.path("/secret/code"), in: map[string]any{}}, nil); err != nil {
		return s, err
	}
	return s, a.withCode("Approved. The second code from the SMS, for the secret: ", func(code string) error {
		return a.api.call(ctx, request{method: http.MethodPost, path: a.path("/secret"), in: map[string]any{"protocol": protocol, "code": code}}, &s)
	})
}

// withCode asks for a code, again while it is wrong.
func (a *applying) withCode(question string, hand func(code string) error) error {
	for try := 1; ; try++ {
		code, err := a.ask(question)
		if err != nil {
			return err
		}
		err = hand(code)
		var p *problem
		if !errors.As(err, &p) || p.Code != "code_wrong" || try == codeTries {
			return err
		}
		a.say("%s", p.Detail)
	}
}

// bundle fetches the evidence bundle, which is stamped shortly after issuance.
func (a *applying) bundle(ctx context.Context) ([]byte, error) {
	for try := 0; ; try++ {
		b, err := a.api.fetch(ctx, request{method: http.MethodGet, path: a.path("/bundle")})
		var p *problem
		if err == nil || try == 20 || !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable {
			return b, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}
