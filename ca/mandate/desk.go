package mandate

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Registry is the company register; gateway.Client is the one in use.
type Registry interface {
	Legal(ctx context.Context, legalID string) (gateway.Answer[gateway.Legal], error)
}

// Config is what a Desk needs. New says what is wrong.
type Config struct {
	Store       store.Store
	CA          *ca.Authority
	Verifier    *signature.Verifier
	Nonces      *nonce.Source
	Registry    Registry
	Seal        *seal.Box
	Audience    string           // base URL of the portal, no slash at the end; statements name it
	PerBusiness int              // mandates that stand or wait at once; zero means 500
	PerHour     int              // questions to the register that one person causes; zero means 60
	Now         func() time.Time // nil: time.Now
	Log         *slog.Logger     // nil: discard
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("mandate: no "+what))
		}
	}
	need(c.Store != nil, "store")
	need(c.CA != nil, "authority")
	need(c.Verifier != nil, "verifier")
	need(c.Nonces != nil, "nonces")
	need(c.Registry != nil, "registry")
	need(c.Seal != nil, "seal")
	need(c.Audience != "", "audience")
	return errors.Join(errs...)
}

// Desk takes mandates and revocations in. It is safe for concurrent use, and
// several may work on one store.
type Desk struct{ Config }

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.PerBusiness, c.PerHour = cmp.Or(c.PerBusiness, 500), cmp.Or(c.PerHour, 60)
	return &Desk{c}, c.Validate()
}

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }

// Challenge returns what the next statement of the type has to say; Invalid
// for a type that is none of this room's.
func (d *Desk) Challenge(typ string) (approval.Challenge, error) {
	purpose, ok := purposes[typ]
	if !ok {
		return approval.Challenge{}, fault.New(fault.Invalid, "mandate_statement_type", "a nonce is given for mohr-mandate/1, mohr-mandate-revoke/1 or mohr-mandate-query/1; name one of these")
	}
	return approval.Challenge{Type: typ, Audience: d.Audience, Nonce: d.Nonces.New(purpose)}, nil
}
