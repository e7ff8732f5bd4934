package incident

import (
	"errors"
	"log/slog"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/signature"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

// NoncePurpose binds nonces to holders' revocations.
const NoncePurpose nonce.Purpose = "revoke"

// Config is what a Desk needs. New says what is wrong.
type Config struct {
	Store     store.Store
	CA        *ca.Authority
	Verifier  *signature.Verifier
	Nonces    *nonce.Source
	Audience  string           // base URL of the portal, no slash at the end; statements name it
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: discard
	BulkAbove int              // certificates of one owner that one operator may end alone; zero: 10
	Batch     int              // targets a transaction changes; zero: 100
	// UnseenPerHour is how many keys that were never certified here may be
	// reported in an hour: anyone may do that. Zero: 1,000.
	UnseenPerHour int
}

// Desk makes plans and carries them out. It is safe for concurrent use, and
// several may work on one store.
type Desk struct {
	Config
	approvals *approval.Desk
}

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.BulkAbove <= 0 {
		c.BulkAbove = 10
	}
	if c.Batch <= 0 {
		c.Batch = 100
	}
	if c.UnseenPerHour <= 0 {
		c.UnseenPerHour = 1000
	}
	approvals, err := approval.New(approval.Config{
		Store: c.Store, CA: c.CA, Verifier: c.Verifier, Nonces: c.Nonces, Audience: c.Audience, Now: c.Now,
	})
	if err != nil {
		return nil, errors.Join(errors.New("incident: approvals"), err)
	}
	return &Desk{Config: c, approvals: approvals}, nil
}

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }
