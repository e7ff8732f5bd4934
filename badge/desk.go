package badge

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/signature"
	"mohr/complaints"
	"mohr/internal/gateway"
	"mohr/internal/i18n"
	"mohr/internal/memo"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// NoncePurpose binds nonces to badge requests.
const NoncePurpose nonce.Purpose = "badge"

// Stamper time-stamps SHA-256 digests (RFC 3161); ca/timestamp.Unit is one.
type Stamper interface {
	Stamp(ctx context.Context, sha256 []byte) ([]byte, error)
}

// Receipts signs receipts; ca/receipt has the one in use.
type Receipts interface {
	Issue(ctx context.Context, typ string, claims any) ([]byte, error)
}

// Complaints answers for the complaint records of businesses;
// complaints.Desk is the one in use.
type Complaints interface {
	Record(ctx context.Context, b ca.BusinessID) (complaints.Record, error)
	// Public is the record as everybody sees it, NotFound while nobody does.
	Public(ctx context.Context, b ca.BusinessID) (complaints.Record, error)
}

// Config is what a Desk needs. Validate says what is wrong.
type Config struct {
	Store      store.Store
	Log        *slog.Logger     // nil: discard
	Now        func() time.Time // nil: time.Now
	CA         *ca.Authority
	Verifier   *signature.Verifier
	Nonces     *nonce.Source
	Registry   Registry
	Complaints Complaints
	Status     Status
	Stamper    Stamper
	Receipts   Receipts
	Seal       *seal.Box            // for the registries' answers, which name people
	People     People               // nil: nobody is sent a message, and nobody's birth is known
	Notifier   Notifier             // nil: the same
	Credential func() ca.SigningKey // the current key that signs badge credentials
	// Dialer looks at the proof of domain control, through each of its
	// resolvers; it has at least as many as the rules' quorum.
	Dialer     *gateway.Dialer
	DomainPort int    // where shops serve HTTP; zero means 80
	SitePort   int    // where shops serve HTTPS; zero means 443
	Rules      Rules  // the zero Rules means DefaultRules
	Audience   string // base URL of the portal, no slash at the end: https://localhost:8443
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("badge: %s", what))
		}
	}
	need(c.Store != nil && c.CA != nil && c.Verifier != nil && c.Nonces != nil, "no store, authority, verifier or nonces")
	need(c.Registry != nil && c.Complaints != nil, "no registry or no complaints")
	need(c.Status != nil && c.Stamper != nil && c.Receipts != nil && c.Seal != nil, "no status, stamper, receipts or seal")
	need(c.Credential != nil, "no credential key")
	need(c.Dialer != nil && len(c.Dialer.Resolvers()) >= c.Rules.Quorum, "fewer resolvers than the rules' quorum of views")
	need(min(c.DomainPort, c.SitePort) >= 0 && max(c.DomainPort, c.SitePort) <= 65535, "a port of shops is no port")
	u, err := url.Parse(c.Audience)
	need(err == nil && u.Host != "" && !strings.HasSuffix(c.Audience, "/"), "the audience is no base URL")
	if err := c.Rules.Validate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Desk receives requests, decides, watches and shows badges. It is safe for
// concurrent use.
type Desk struct {
	Config
	texts       *i18n.Catalog
	approvals   *approval.Desk
	portal      string // host of Audience
	eyes        []eye  // one a resolver
	credentials credentials
	levels      serviceLevels
	lists       lists
	copies      copies

	// What pictures are made of, for as long as it stays as it is.
	badges       store.Memo[Badge]
	certificates store.Memo[ca.Certificate]
	stood        *store.Kept[ID, Badge]
	drawings     *memo.Map[drawn, []byte]
	codes        *memo.Map[tokenOf, []byte]
	frame        *template.Template
}

// keptImages bounds the badges whose pictures are kept ready.
const keptImages = 1000

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rules.Version == "" {
		c.Rules = DefaultRules()
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	texts, err := i18n.Parse(Texts)
	if err != nil {
		return nil, fmt.Errorf("badge: %w", err)
	}
	u, err := url.Parse(c.Audience)
	if err != nil {
		return nil, fmt.Errorf("badge: %w", err)
	}
	d := &Desk{
		Config: c, texts: texts, portal: u.Host, badges: store.NewMemo[Badge](keptImages),
		certificates: store.NewMemo[ca.Certificate](keptImages), stood: store.NewKept[ID, Badge](c.Store, keptImages), drawings: memo.New[drawn, []byte](2 * keptImages),
		codes: memo.New[tokenOf, []byte](keptImages),
	}
	d.approvals, err = approval.New(approval.Config{Store: c.Store, CA: c.CA, Verifier: c.Verifier, Nonces: c.Nonces, Audience: c.Audience, Now: c.Now})
	if err != nil {
		return nil, fmt.Errorf("badge: %w", err)
	}
	if d.frame, err = parseFrame(); err != nil {
		return nil, fmt.Errorf("badge: %w", err)
	}
	for _, resolver := range c.Dialer.Resolvers() {
		d.eyes = append(d.eyes, eye{resolver, c.Dialer.Client(resolver), c.Dialer})
	}
	return d, nil
}

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }
