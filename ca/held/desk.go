package held

import (
	"errors"
	"log/slog"
	"time"

	"mohr/ca"
	"mohr/ca/signin"
	"mohr/hsm"
	"mohr/hsm/attest"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Config is what a Desk needs. New says what is wrong.
type Config struct {
	Store    store.Store
	CA       *ca.Authority
	SignIn   *signin.Desk
	Ring     *hsm.Keyring
	Home     string // URI of what wraps the keys: see hsm.Keyring.Wrap
	Seal     *seal.Box
	Nonces   *nonce.Source
	Voucher  attest.Voucher   // says of a key that it is held here
	Offered  bool             // the policy has certificates for keys that are held here
	Audience string           // base URL of the portal: challenges name it
	Limits   Limits           // zero: the usual ones
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: discard
}

// Limits bound what one key signs, hashes counted, and how many keys one
// person has here.
type Limits struct {
	PerHour int // zero: 60
	PerDay  int // zero: 300
	Keys    int // zero: 5
}

// Desk keeps keys and signs with them. It is safe for concurrent use, and
// several may work on one store and one home of keys.
type Desk struct{ Config }

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	for limit, usual := range map[*int]int{&c.Limits.PerHour: 60, &c.Limits.PerDay: 300, &c.Limits.Keys: 5} {
		if *limit == 0 {
			*limit = usual
		}
	}
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("held: no "+what))
		}
	}
	need(c.Store != nil, "store")
	need(c.CA != nil, "authority")
	need(c.SignIn != nil, "sign-in")
	need(c.Ring != nil, "keyring")
	need(c.Home != "", "home of keys")
	need(c.Seal != nil, "seal")
	need(c.Nonces != nil, "nonces")
	need(c.Audience != "", "audience")
	return &Desk{c}, errors.Join(errs...)
}

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }
