package acme

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	protocol "github.com/smallstep/certificates/acme"
	protocolapi "github.com/smallstep/certificates/acme/api"
	"github.com/smallstep/certificates/authority"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/authority/provisioner"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Profile is the certificate profile that is had here; it is in the URLs.
const Profile = ca.ServerAuth

// Limits of a Config that names none.
const (
	defaultOrders = 100 // new orders of a business in an hour
	defaultKeys   = 10  // external account keys of a business that are not revoked
)

// Config is what a Desk needs. Validate says what is wrong.
type Config struct {
	Store    store.Store
	Log      *slog.Logger     // nil: discard
	Now      func() time.Time // nil: time.Now
	CA       *ca.Authority
	Verifier *signature.Verifier
	Nonces   *nonce.Source
	Seal     *seal.Box // for the external account keys
	Portal   string    // base URL of the portal, no slash at the end: https://localhost:8443
	// Proven reports whether the business has a badge that counts at now for
	// exactly this domain (A-labels, lower case). It runs in the transaction
	// of the deed that rests on it.
	Proven func(tx store.Tx, b ca.BusinessID, domain string, now time.Time) (bool, error)

	// Applications are those whose keys live in TPMs; nil: none is served.
	Applications Applications

	OrdersPerHour   int // of a business; zero means 100
	KeysPerBusiness int // not revoked; zero means 10
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("acme: %s", what))
		}
	}
	need(c.Store != nil && c.CA != nil && c.Verifier != nil && c.Nonces != nil, "no store, authority, verifier or nonces")
	need(c.Seal != nil && c.Proven != nil, "no seal, or nobody who knows which domains are proven")
	need(c.OrdersPerHour > 0 && c.KeysPerBusiness > 0, "a limit is below one")
	// RFC 8555 section 6.1: HTTPS only.
	u, err := url.Parse(c.Portal)
	need(err == nil && u.Scheme == "https" && u.Host != "" && u.Path == "", "the portal is no base URL like https://localhost:8443")
	return errors.Join(errs...)
}

// Desk serves ACME and hands out external account keys. It is safe for
// concurrent use.
type Desk struct {
	Config
	host   string // of Portal
	nonces nonces
	router http.Handler
	parts  parts
}

// parts is what smallstep's handlers find in the context of a request.
type parts struct {
	authority    *authority.Authority
	provisioners map[string]*provisioner.ACME // by profile
	database     protocol.DB
	linker       protocol.Linker
}

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OrdersPerHour == 0 {
		c.OrdersPerHour = defaultOrders
	}
	if c.KeysPerBusiness == 0 {
		c.KeysPerBusiness = defaultKeys
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	d := &Desk{Config: c, host: strings.TrimPrefix(c.Portal, "https://"), nonces: newNonces(c.Nonces, c.Now)}
	d.parts.database = database{d}
	d.parts.linker = linker{protocol.NewLinker(d.host, strings.TrimPrefix(prefix, "/")), d}
	var err error
	if d.parts.authority, err = d.newAuthority(); err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	d.parts.provisioners = map[string]*provisioner.ACME{}
	for _, profile := range d.profiles() {
		p, err := d.parts.authority.LoadProvisionerByName(profile)
		if err != nil {
			return nil, fmt.Errorf("acme: %w", err)
		}
		d.parts.provisioners[profile] = p.(*provisioner.ACME) // made just before
	}
	mux := chi.NewRouter()
	mux.Route(prefix, func(r chi.Router) {
		protocolapi.Route(r)
		r.Get(renewalInfoPath+"/{certid}", d.getRenewalInfo)
	})
	d.router = mux
	return d, nil
}

// newAuthority returns smallstep's authority over our CAS. It has no route of
// its own here: neither /sign nor /renew nor /rekey can be reached.
func (d *Desk) newAuthority() (*authority.Authority, error) {
	var list provisioner.List
	for _, profile := range d.profiles() {
		list = append(list, &provisioner.ACME{
			Type: "ACME", Name: profile, RequireEAB: true,
			// None that a domain could be asked for: see CreateChallenge.
			Challenges: []provisioner.ACMEChallenge{provisioner.DEVICE_ATTEST_01},
		})
	}
	return authority.NewEmbedded(
		authority.WithConfig(&config.Config{AuthorityConfig: &config.AuthConfig{Provisioners: list}}),
		authority.WithDatabase(statusDB{d.CA}),
		authority.WithX509RootCerts(d.CA.Anchors()...),
		authority.WithX509CAService(&CAS{Authority: d.CA, Orders: d.approved, Bound: d.bound}),
		authority.WithQuietInit())
}

// context returns ctx with all that smallstep's handlers look for in it; they
// panic without. There is no client in it: no challenge is ever validated.
func (d *Desk) context(ctx context.Context) context.Context {
	ctx = authority.NewContext(ctx, d.parts.authority)
	return protocol.NewContext(ctx, d.parts.database, nil, d.parts.linker, nil)
}

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }
