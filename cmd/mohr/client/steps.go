package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What a code from an SMS is for.
const (
	CodePhone  = "otp_sms" // the telephone is the person's
	CodeResume = "resume"  // an application goes on here
	CodeSecret = "secret"  // Secret is made
)

// CodeAsk asks a person for the code from an SMS.
type CodeAsk struct {
	For     string   // CodePhone and so on
	Refused *Problem // why the one before was not taken; nil the first time
}

// Steps are the caller's part in an application.
type Steps struct {
	// Accept shows the person the terms of this version and returns nil if
	// they are accepted. nil: nobody accepts them.
	Accept func(ctx context.Context, terms string) error
	// Code asks the person for a code. nil: nobody has one.
	Code func(ctx context.Context, ask CodeAsk) (string, error)
	// Visit sends the person to a page; nil: nobody goes. It is called once
	// for each page, and the page waited for.
	Visit func(link string)
	// CSR is the request for the key, PEM; NewCSR makes one.
	CSR []byte
	// Device vouches for the key; nil: it lives in software.
	Device *Device
	// Before is told what is done next, by its need; it may be nil.
	Before func(need string)
	// StopAt is a need at which Run ends without a certificate; "": none.
	StopAt string
}

// Issued is a certificate that was made.
type Issued struct {
	Chain          []byte // the certificate and its issuers, PEM
	RevocationCode string // of an application's: revokes without the key. Keep it apart from the key
}

const (
	maxSteps     = 60 // of one application, waiting for registers included
	codeTries    = 3  // of a person who mistypes; the service counts for itself
	visitWait    = 5 * time.Second
	registerWait = 2 * time.Second
)

// Run takes the application from where it stands to its certificate, or to
// StopAt. It may be called again after an error.
func (a *Application) Run(ctx context.Context, steps Steps) (Issued, error) {
	for range maxSteps {
		s, err := a.Look(ctx)
		switch {
		case err != nil:
			return Issued{}, err
		case len(s.Needs) == 0 && s.Stage == "review":
			return Issued{}, fmt.Errorf("the application %s waits for review by a person; nothing is to be done here", s.ID)
		case len(s.Needs) == 0:
			return Issued{}, fmt.Errorf("the application ended as %s; ask the service why, with its number %s", s.Stage, s.ID)
		case s.Needs[0] == steps.StopAt:
			return Issued{}, nil
		case s.Needs[0] == "certificate":
			chain, err := a.Certificate(ctx)
			return Issued{Chain: chain, RevocationCode: a.RevocationCode}, err
		}
		if err := a.Step(ctx, s, steps); err != nil {
			return Issued{}, err
		}
	}
	return Issued{}, errors.New("the application does not move on; try again later")
}

// Step does the first thing that the application needs.
func (a *Application) Step(ctx context.Context, s State, steps Steps) error {
	if len(s.Needs) == 0 {
		return nil
	}
	need := s.Needs[0]
	if steps.Before != nil {
		steps.Before(need)
	}
	switch need {
	case "consent":
		if steps.Accept == nil {
			return errors.New("the terms were not accepted: Steps.Accept is missing")
		}
		if err := steps.Accept(ctx, s.Terms); err != nil {
			return err
		}
		return a.Accept(ctx, s.Terms)
	case "otp_sms":
		return steps.WithCode(ctx, CodePhone, func(code string) error { return a.Code(ctx, code) })
	case "face_match":
		return a.visited(ctx, steps, a.MatchFace(ctx))
	case "document_video":
		return a.visited(ctx, steps, a.Film(ctx))
	case "refresh":
		if err := sleep(ctx, registerWait); err != nil {
			return err
		}
		return a.AskRegisters(ctx)
	case "device_attestation":
		return a.vouch(ctx, steps.Device)
	case "csr":
		if len(steps.CSR) == 0 {
			return errors.New("the application is approved and needs the key: Steps.CSR is missing")
		}
		return a.Submit(ctx, steps.CSR)
	}
	return fmt.Errorf("the service wants %q, which this version of mohr does not know", need)
}

// visited says where the person is expected, if anywhere, and waits a while.
func (a *Application) visited(ctx context.Context, steps Steps, err error) error {
	if err != nil {
		return err
	}
	s, err := a.Look(ctx)
	if err != nil || s.Visit == nil {
		return err
	}
	if a.sentTo != s.Visit.Link {
		a.sentTo = s.Visit.Link
		if steps.Visit == nil {
			return errors.New("a person has to visit a page: Steps.Visit is missing")
		}
		steps.Visit(a.sentTo)
	}
	return sleep(ctx, visitWait)
}

// WithCode asks for a code and hands it in, again while it is wrong, three
// times at most. It serves Resume and Secret too.
func (steps Steps) WithCode(ctx context.Context, purpose string, hand func(code string) error) error {
	if steps.Code == nil {
		return errors.New("a code was sent to the person: Steps.Code is missing")
	}
	ask := CodeAsk{For: purpose}
	for try := 1; ; try++ {
		code, err := steps.Code(ctx, ask)
		if err != nil {
			return err
		}
		err = hand(code)
		if Code(err) != "code_wrong" || try == codeTries {
			return err
		}
		errors.As(err, &ask.Refused)
	}
}
