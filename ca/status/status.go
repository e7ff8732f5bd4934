package status

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Config is what a Responder needs.
type Config struct {
	Authority *ca.Authority
	Store     store.Store
	// Responder returns the current key that answers for an issuing CA, and
	// whether there is one. It is asked for every signature, so that keys can
	// be renewed while serving; it must be fast and safe for concurrent use.
	Responder func(ca.IssuerID) (ca.SigningKey, bool)
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: discard
	// Clock says why the time is not to be trusted: then nothing is signed,
	// and what was signed serves on to its end. It must be fast. nil: the
	// time is trusted.
	Clock   func() error
	Life    time.Duration // of an OCSP response; zero: 1 hour
	CRLLife time.Duration // of a CRL; zero: 24 hours; a new one is made at half of it
	// Retention is how long records are kept after their certificates'
	// expiry; zero: for ever. It is what OCSP's archiveCutoff and the CRLs'
	// expiredCertsOnCRL promise.
	Retention time.Duration
	Cached    int // OCSP responses kept in memory; zero: 20,000
}

// Responder answers for the certificates of an authority. It is safe for
// concurrent use, and several may work on one store.
type Responder struct {
	Config
	issuers map[ca.IssuerID]*issuer
	cache   *cache
	lists   lists
	known   known
	reach   reach
	expires atomic.Pointer[expires]
}

// issuer is an issuing CA with what answering for it needs.
type issuer struct {
	ca.Issuer
	retired  bool // its life is over and its key gone: what was signed last is all there is
	names    issuerHashes
	delegate atomic.Pointer[delegate] // the last responder certificate that was looked at
	answers  setback                  // of the responder's key
	lists    setback                  // of the issuer's own key
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("status: %s", what))
		}
	}
	need(c.Authority != nil, "no authority")
	need(c.Store != nil, "no store")
	need(c.Responder != nil, "no responder keys")
	need(c.Cached >= 0, "a negative number of cached responses")
	need(c.Retention >= 0, "a negative retention")
	need(c.Life == 0 || c.Life >= 2*maxAge, "responses live shorter than two minutes")
	need(c.CRLLife == 0 || c.CRLLife >= 2*maxAge, "CRLs live shorter than two minutes")
	return errors.Join(errs...)
}

// New returns a Responder, or all that is wrong with c.
func New(c Config) (*Responder, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	orDefault(&c.Life, time.Hour)
	orDefault(&c.CRLLife, 24*time.Hour)
	orDefault(&c.Cached, 20_000)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Clock == nil {
		c.Clock = func() error { return nil }
	}
	r := &Responder{Config: c, issuers: map[ca.IssuerID]*issuer{}, cache: newCache(c.Cached)}
	for n, i := range slices.Concat(c.Authority.Issuers, c.Authority.Retired) {
		names, err := hashesOf(i.Certificate)
		if err != nil {
			return nil, fmt.Errorf("status: issuer %s: %w", i.ID, err)
		}
		r.issuers[i.ID] = &issuer{Issuer: i, retired: n >= len(c.Authority.Issuers), names: names}
	}
	return r, nil
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// now returns the current time in UTC and whole seconds.
func (r *Responder) now() time.Time { return r.Now().UTC().Truncate(time.Second) }

// since is the day from which on statuses are kept: the issuer's first, or
// that which the retention leaves.
func (r *Responder) since(i *issuer, now time.Time) time.Time {
	first := i.Certificate.NotBefore
	if kept := now.Add(-r.Retention); r.Retention > 0 && kept.After(first) {
		return kept
	}
	return first
}

// issuerOf returns the issuing CA of the id; NotFound if there is none.
func (r *Responder) issuerOf(id ca.IssuerID) (*issuer, error) {
	i, ok := r.issuers[id]
	if !ok {
		return nil, errNoIssuer()
	}
	return i, nil
}

func errNoIssuer() error {
	return fault.New(fault.NotFound, "issuer_unknown", "there is no issuing authority of this name here; take the address from the certificate")
}
