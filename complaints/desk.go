package complaints

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/signature"
	"mohr/internal/nonce"
	"mohr/internal/otp"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/internal/web"
)

// Receipts signs receipts; ca/receipt has the one in use.
type Receipts interface {
	Issue(ctx context.Context, kind string, claims any) ([]byte, error)
}

// Notifier tells a business that a complaint was served, and a consumer what
// happened to one. Telling it twice must do no harm.
type Notifier interface {
	Served(ctx context.Context, b ca.BusinessID, complaint string, deadline time.Time) error
	News(ctx context.Context, mobile, lang, complaint string, what Kind) error
}

// Config is what a Desk needs. Validate says what is wrong.
type Config struct {
	Store    store.Store
	Log      *slog.Logger     // nil: discard
	Now      func() time.Time // nil: time.Now
	CA       *ca.Authority
	Verifier *signature.Verifier
	Nonces   *nonce.Source
	Seal     *seal.Box
	Receipts Receipts
	Notifier Notifier // nil: nobody is told
	Policies Policies // nil: single(96h)
	// Codes confirms mobiles. MailCodes confirms e-mail addresses; nil: a
	// contact must be a mobile.
	Codes     *otp.Codes
	MailCodes *otp.Codes
	// Flags and Placeholders; nil: those that come with the program.
	Flags        *FlagRules
	Placeholders *PlaceholderRules
	Proofs       Proofs // nil: receipts come without inclusion
	// Businesses is asked for a business that is not known here yet.
	Businesses Businesses
	Phones     Phones // nil: no answers without a certificate
	Limits     Limits
	// Find searches businesses by name or domain, for who complains; nil: they
	// are named by their id alone. It is called once the service runs.
	Find func(ctx context.Context, question string) ([]Candidate, error)
	// Objection is how long a business may object after an invitation, before
	// its record is made public without its word. Zero: no time at all.
	Objection time.Duration
	Audience  string // base URL of the portal, no slash at the end: https://localhost:8443
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("complaints: %s", what))
		}
	}
	need(c.Store != nil && c.CA != nil && c.Verifier != nil && c.Nonces != nil, "no store, authority, verifier or nonces")
	need(c.Seal != nil && c.Receipts != nil && c.Codes != nil, "no seal, receipts or codes")
	need(c.Businesses != nil, "no register of businesses")
	need(min(c.Limits.Business, c.Limits.Total, c.Limits.Codes) >= 0, "a limit is below zero")
	need(c.Objection >= 0, "the time to object is below zero")
	u, err := url.Parse(c.Audience)
	need(err == nil && u.Host != "" && !strings.HasSuffix(c.Audience, "/"), "the audience is no base URL")
	return errors.Join(errs...)
}

// Desk takes complaints and answers, and publishes what they come to. It is
// safe for concurrent use.
type Desk struct {
	Config
	register     *Register
	flags        FlagRules
	placeholders PlaceholderRules // mark answers and do nothing else
	approvals    *approval.Desk
	lately       lately
	tokens       []byte    // key of complaint ids and tokens
	uploads      *web.Gate // of pictures; nil before Routes
	writers      *web.Gate // of complaints that are begun; nil before Routes
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
	shipped, err := LoadRules("", "")
	if err != nil {
		return nil, err
	}
	c.Flags, c.Placeholders = cmp.Or(c.Flags, &shipped.Flags), cmp.Or(c.Placeholders, &shipped.Placeholders)
	approvals, err := approval.New(approval.Config{Store: c.Store, CA: c.CA, Verifier: c.Verifier, Nonces: c.Nonces, Audience: c.Audience, Now: c.Now})
	if err != nil {
		return nil, err
	}
	return &Desk{
		Config:       c,
		register:     &Register{Store: c.Store, Policies: c.Policies, Now: c.Now},
		flags:        *c.Flags,
		placeholders: *c.Placeholders,
		approvals:    approvals,
		tokens:       c.Seal.Derive("complaint tokens"),
	}, nil
}

// Register returns the record behind the desk, for import and scorecards.
func (d *Desk) Register() *Register { return d.register }

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }

// newSalt returns the random part of an event. It is made before the
// transaction: one may run twice.
func newSalt() []byte {
	salt := make([]byte, 16)
	rand.Read(salt) // never fails (crypto/rand)
	return salt
}
