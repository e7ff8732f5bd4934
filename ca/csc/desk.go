package csc

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"mohr/ca/held"
	"mohr/ca/signin"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/internal/web"
)

// Base is where the API lives below the portal.
const Base = "/csc/v2"

// Lives of what is given out.
const (
	requestLife = 15 * time.Minute // of a request that waits for its holder
	codeLife    = 2 * time.Minute
	serviceLife = time.Hour       // of a token that lists
	signLife    = 5 * time.Minute // of one that takes signatures
)

// Config is what a Desk needs. New says what is wrong.
type Config struct {
	Store  store.Store
	Held   *held.Desk
	SignIn *signin.Desk
	Seal   *seal.Box // not that of the held keys
	File   File
	Portal string           // base URL, no slash at the end: the issuer of codes
	Name   string           // of the service
	Gate   *web.Gate        // of all requests; nil: 10 a second from one network, 200 at once
	Asks   *web.Gate        // of requests that are kept for their holders; nil: 1 a second, 60 at once
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: discard
}

// Desk answers clients and their users. It is safe for concurrent use, and
// several may work on one store.
type Desk struct {
	Config
	clients map[string]Client

	authorised, given atomic.Uint64 // signatures
}

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Gate == nil {
		c.Gate = web.NewGate(10, 200)
	}
	if c.Asks == nil {
		c.Asks = web.NewGate(1, 60)
	}
	c.Portal = strings.TrimSuffix(c.Portal, "/")
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("csc: no "+what))
		}
	}
	need(c.Store != nil, "store")
	need(c.Held != nil, "held keys")
	need(c.SignIn != nil, "sign-in")
	need(c.Seal != nil, "seal")
	need(c.Portal != "", "portal")
	need(c.Name != "", "name")
	d := &Desk{Config: c, clients: map[string]Client{}}
	for _, one := range c.File.Clients {
		d.clients[one.ID] = one
	}
	return d, errors.Join(append(errs, c.File.Validate())...)
}

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }

// Counts are signatures since the start of this process.
type Counts struct {
	Authorised uint64 // by their holders, and made
	Given      uint64 // to who asked for them
}

// Counts returns them.
func (d *Desk) Counts() Counts { return Counts{d.authorised.Load(), d.given.Load()} }
