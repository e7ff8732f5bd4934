package main

import (
	"context"

	mohr "mohr/cmd/mohr/client"
)

// applying is one application on its way, with a person at the keyboard.
type applying struct {
	api     *client
	profile string
	legalID string
	locale  string
	csr     []byte                                // PEM
	device  *mohr.Device                          // that vouches for the key; nil: it lives in software
	ask     func(question string) (string, error) // for the code from the SMS
	say     func(format string, args ...any)
	id      string
	stopAt  string                                          // the need at which run ends without a certificate; "": none
	accept  func(ctx context.Context, version string) error // whether the terms are accepted; nil: they are
}

// run takes the application from its creation to the certificate, or to the
// need where it is to stop.
func (a *applying) run(ctx context.Context, who applicant) (mohr.Issued, error) {
	begun, err := a.open(ctx, who)
	if err != nil {
		return mohr.Issued{}, err
	}
	a.id, a.api.token = begun.ID, begun.Token
	return begun.Run(ctx, a.steps())
}

// open opens an application or, where one is named that was begun elsewhere,
// takes it over with a code: it goes on here, and there no more.
func (a *applying) open(ctx context.Context, who applicant) (begun *mohr.Application, err error) {
	api := a.api.user()
	if a.id == "" {
		w := mohr.Wish{Person: who, Profile: a.profile, LegalID: a.legalID, Locale: a.locale}
		if a.device != nil {
			w.KeyHome = "token"
		}
		return api.Apply(ctx, w)
	}
	if err := api.TakeOver(ctx, a.id, who); err != nil {
		return nil, err
	}
	err = a.steps().WithCode(ctx, mohr.CodeResume, func(code string) error {
		begun, err = api.Resume(ctx, a.id, code)
		return err
	})
	return begun, err
}

// application is it as the package has it.
func (a *applying) application() *mohr.Application {
	return a.api.user().Application(a.id, a.api.token)
}

func (a *applying) path(rest string) string { return "/api/v1/applications/" + a.id + rest }

// steps are what the person is told and asked.
func (a *applying) steps() mohr.Steps {
	accept := a.accept
	if accept == nil {
		accept = func(context.Context, string) error { return nil }
	}
	return mohr.Steps{
		Accept: accept, Code: a.code, CSR: a.csr, Device: a.device, StopAt: a.stopAt,
		Visit: func(link string) { a.say("Open this page, do what it says, and come back: %s", link) },
		Before: func(need string) {
			if text := saidBefore[need]; text != "" {
				a.say("%s", text)
			}
		},
	}
}

// saidBefore is what a person is told before a need is met.
var saidBefore = map[string]string{
	"face_match":         "The face match runs (simulated).",
	"refresh":            "A register does not answer; asking again.",
	"device_attestation": "The TPM vouches for the key.",
	"csr":                "Approved. The certificate is made.",
}

// code asks for the code from an SMS.
func (a *applying) code(_ context.Context, ask mohr.CodeAsk) (string, error) {
	if ask.Refused != nil {
		a.say("%s", ask.Refused.Detail)
	}
	switch ask.For {
	case mohr.CodeResume:
		return a.ask("The code from the SMS, to go on here: ")
	case mohr.CodeSecret:
		return a.ask("Approved. The second code from the SMS, for the secret: ")
	}
	return a.ask("The code from the SMS: ")
}

// oneTime makes the approved application's secret for EST, CMP or SCEP, with a
// code that is sent for this alone.
func (a *applying) oneTime(ctx context.Context, protocol string) (s mohr.Secret, err error) {
	application := a.application()
	if err := application.SendSecretCode(ctx); err != nil {
		return s, err
	}
	return s, a.steps().WithCode(ctx, mohr.CodeSecret, func(code string) error {
		s, err = application.Secret(ctx, protocol, code)
		return err
	})
}
