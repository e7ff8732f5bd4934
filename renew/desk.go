package renew

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/signature"
	"mohr/ca/signin"
	"mohr/hsm/attest"
	"mohr/internal/gateway"
	"mohr/internal/i18n"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// NoncePurpose binds nonces to renewals.
const NoncePurpose nonce.Purpose = "renew"

// Registry asks the registers; gateway.Client is the one in use. A register
// that is down gives a fault of kind Unavailable.
type Registry interface {
	Person(ctx context.Context, nationalCode, birthDate string) (gateway.Answer[gateway.Person], error)
	Mobile(ctx context.Context, nationalCode, mobile string) (gateway.Answer[gateway.Mobile], error)
	Legal(ctx context.Context, legalID string) (gateway.Answer[gateway.Legal], error)
}

// People knows from enrollment what a certificate does not say.
type People interface {
	// Known returns at least the date of birth and the mobile number of the
	// person of an application; NotFound if they are not known any more.
	Known(ctx context.Context, application string) (evidence.Identity, error)
	// Locale returns the language that the person is written to in, "fa" or
	// "en"; NotFound for an application of nobody.
	Locale(ctx context.Context, application string) (string, error)
}

// Notifier sends a text to a phone.
type Notifier interface {
	Notify(ctx context.Context, to, text string) error
}

// Config is what a Desk needs. New says what is wrong.
type Config struct {
	Store       store.Store
	CA          *ca.Authority
	Policy      *evidence.Policy
	Verifier    *signature.Verifier
	Nonces      *nonce.Source
	Registry    Registry
	People      People // nil: holders give their date of birth themselves
	Notifier    Notifier
	Seal        *seal.Box
	Attestation *attest.Verifier // of devices that keep keys; nil: their keys are not renewed here
	SignIn      *signin.Desk     // nil: no page for who is signed in
	TermsSHA256 string           // hex, of the terms in force: a statement agrees to exactly these
	Audience    string           // base URL of the portal, no slash at the end; statements name it
	MTLS        string           // base URL of the listener that asks for client certificates; "": no page leads there
	Now         func() time.Time // nil: time.Now
	Log         *slog.Logger     // nil: discard
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("renew: no "+what))
		}
	}
	need(c.Store != nil, "store")
	need(c.CA != nil, "authority")
	need(c.Policy != nil, "policy")
	need(c.Verifier != nil, "verifier")
	need(c.Nonces != nil, "nonces")
	need(c.Registry != nil, "registry")
	need(c.Notifier != nil, "notifier")
	need(c.Seal != nil, "seal")
	need(isSHA256(c.TermsSHA256), "hash of the terms")
	need(c.Audience != "", "audience")
	return errors.Join(errs...)
}

// Desk renews certificates. It is safe for concurrent use, and several may
// work on one store.
type Desk struct {
	Config
	texts *i18n.Catalog // of the messages
}

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	texts, err := i18n.Parse(Texts)
	if err != nil {
		return nil, fmt.Errorf("renew: %w", err)
	}
	return &Desk{Config: c, texts: texts}, nil
}

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }

// isSHA256 reports whether s is a SHA-256 in lower-case hex.
func isSHA256(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}
