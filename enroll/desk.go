package enroll

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/evidence"
	"mohr/ca/held"
	"mohr/ca/signature"
	"mohr/enroll/chip"
	"mohr/hsm/attest"
	"mohr/internal/eid"
	"mohr/internal/gateway"
	"mohr/internal/i18n"
	"mohr/internal/ledger"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Stamper makes time stamps; timestamp.Unit is the one of this service.
type Stamper interface {
	// Stamp returns a TimeStampResp (DER) over a SHA-256 digest.
	Stamp(ctx context.Context, sha256 []byte) ([]byte, error)
}

// Config is what a Desk needs. New says what is wrong.
type Config struct {
	Store    store.Store
	CA       *ca.Authority
	Policy   *evidence.Policy
	Registry Registry
	Vendors  map[evidence.Type]*gateway.Connector // to whose pages applicants go, by what they prove there; nil: none
	OTP      Codes
	Seal     *seal.Box
	Stamper  Stamper
	Audit    func() ca.SigningKey // the current key that signs evidence bundles
	Ledger   *ledger.Log
	Notifier Notifier
	Verifier *signature.Verifier // of officers' statements
	Nonces   *nonce.Source
	Texts    *i18n.Catalog // of the messages
	EID      *eid.Provider // nil: nobody logs in with an eID
	Audience string        // base URL of the portal; agreements name it
	Limits   Limits
	Chips    func() *chip.Trust // whose passports are believed, now; nil: no chip is read

	// Forget deletes, inside tx, what other rooms keep of how a person signs
	// in: their application is erased, and no certificate of theirs counts.
	// nil: nothing is kept.
	Forget func(tx store.Tx, h ca.HolderID, at time.Time) error

	Clients []Protocol // by which other software may hand in keys here: what the page of a one-time secret offers

	Attestation *attest.Verifier // of devices that keep keys; nil: no key may live in one
	Held        *held.Desk       // keeps keys for applicants who are signed in; nil: no key is held here

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: discard
}

// Desk runs applications. It is safe for concurrent use, and several may work
// on one store.
type Desk struct {
	Config
	approvals *approval.Desk
	stamped   atomic.Int64 // when the last time stamp was asked for that was had, Unix nanoseconds; see stampable
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("enroll: no "+what))
		}
	}
	need(c.Store != nil, "store")
	need(c.CA != nil, "authority")
	need(c.Policy != nil, "policy")
	need(c.Registry != nil, "registry")
	need(c.OTP != nil, "one-time codes")
	need(c.Seal != nil, "seal")
	need(c.Stamper != nil, "time-stamping unit")
	need(c.Audit != nil, "audit key")
	need(c.Ledger != nil, "ledger")
	need(c.Notifier != nil, "notifier")
	need(c.Verifier != nil, "verifier")
	need(c.Nonces != nil, "nonces")
	need(c.Texts != nil, "texts")
	need(c.Audience != "", "audience")
	errs = append(errs, c.checkWays())
	return errors.Join(errs...)
}

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Limits.fill()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	approvals, err := approval.New(approval.Config{
		Store: c.Store, CA: c.CA, Verifier: c.Verifier, Nonces: c.Nonces, Audience: c.Audience, Now: c.Now,
	})
	return &Desk{Config: c, approvals: approvals}, err
}

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }
