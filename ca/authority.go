package ca

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"mohr/internal/store"
)

// IssuerID names an issuing CA in URLs and records: "sign-p256".
type IssuerID string

// The issuing CAs of one hierarchy.
const (
	SignIssuer     IssuerID = "sign-p256"    // signature certificates of people
	SignP384Issuer IssuerID = "sign-p384"    // seals of legal persons
	SignRSAIssuer  IssuerID = "sign-rsa3072" // for verifiers that know only RSA
	AuthIssuer     IssuerID = "auth-p256"    // authentication, operators
	ServiceIssuer  IssuerID = "service-p256" // this service's own: TLS, responders, stamps
)

// Issuer is an issuing CA with its key. It is one generation of its name.
type Issuer struct {
	ID          IssuerID // unique, in URLs and records: "sign-p256-2"
	Name        IssuerID // what profiles ask for: "sign-p256"; "" is ID
	Certificate *x509.Certificate
	// Chain holds the CAs between Certificate and a root: cross-certificates,
	// or what is below a foreign root. The root is not in it.
	Chain   []*x509.Certificate
	Revoked *Ended        // by its root: it issues nothing any more
	Signer  crypto.Signer // nil for one of Config.Retired
}

// Config is what an Authority needs. Validate says what is wrong.
type Config struct {
	Store     store.Store
	Log       *slog.Logger        // nil: discard
	Now       func() time.Time    // nil: time.Now
	Root      *x509.Certificate   // the current trust anchor
	Roots     []*x509.Certificate // further ones: older roots, foreign roots
	Issuers   []Issuer            // all that answer, of all generations
	Retired   []Issuer            // those whose life is over; their keys are gone
	Publish   string              // base URL of the plain listener, no slash at the end: http://127.0.0.1:8080
	Portal    string              // base URL of the portal, no slash at the end: https://localhost:8443
	Prefix    byte                // first octet of this node's serials, 0x01 to 0x7f; zero means 0x01
	HolderKey []byte              // MAC key of HolderOf, 32 bytes
	Simulated bool                // a development hierarchy: may issue under the test policy OID, and only so
	// IssuerOf chooses another issuing CA for a profile than the built-in one,
	// of the same kind: "organisation-seal": "sign-rsa3072".
	IssuerOf map[string]IssuerID
	// Keyless says that the issuers' keys are on other nodes: this one answers
	// for certificates, and issues none. Their Signer is nil.
	Keyless   bool
	ShardSize int // certificates a CRL shard takes at most; zero: 10,000
	// Clock says why the time is not to be trusted: then nothing is planned
	// or signed. It must be fast. nil: the time is trusted.
	Clock func() error
	Apart // who signs for whom; the zero value is a node that does all
}

// Authority issues and answers for certificates. It is safe for concurrent use.
type Authority struct {
	Config
	issuers map[IssuerID]*issuer
	slots   slots
}

// issuer is an Issuer and how it signs.
type issuer struct {
	Issuer
	scheme scheme
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("ca: %s", what))
		}
	}
	need(c.Store != nil, "no store")
	need(c.Root != nil, "no root certificate")
	need(len(c.Issuers) > 0, "no issuer")
	// What checks a certificate must not need one (RFC 5280 section 8); PDS
	// URLs are https (EN 319 412-5 section 4.3.4).
	need(isBase(c.Publish, "http"), "the base URL for publication is not like http://host:port, without a slash at the end")
	need(isBase(c.Portal, "https"), "the base URL of the portal is not like https://host:port, without a slash at the end")
	need(c.Prefix <= 0x7f, "the serial prefix is above 0x7f")
	need(len(c.HolderKey) == 32, "the holder key is not of 32 bytes")
	for _, wrong := range append(c.issuerFaults(), c.Apart.faults(c.Keyless)...) {
		need(false, wrong)
	}
	names := map[IssuerID]bool{}
	for n, i := range slices.Concat(c.Issuers, c.Retired) {
		need(i.ID != "", "an issuer has no name")
		need(!names[i.ID], fmt.Sprintf("issuer %s is there twice", i.ID))
		need(i.Certificate != nil && (i.Signer != nil || n >= len(c.Issuers) || c.Keyless), fmt.Sprintf("issuer %s has no certificate or no key", i.ID))
		names[i.ID] = true
	}
	return errors.Join(errs...)
}

// isBase reports whether s is a URL of the scheme that paths may follow.
func isBase(s, scheme string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == scheme && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && !strings.HasSuffix(s, "/")
}

// New returns an Authority, or all that is wrong with c.
func New(c Config) (*Authority, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Clock == nil {
		c.Clock = func() error { return nil }
	}
	if c.Prefix == 0 {
		c.Prefix = 0x01
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	a := &Authority{Config: c, issuers: map[IssuerID]*issuer{}}
	for _, i := range slices.Concat(c.Issuers, c.Retired) {
		if _, err := c.anchor(i); err != nil {
			return nil, fmt.Errorf("ca: issuer %s: %w", i.ID, err)
		}
		if !i.Certificate.IsCA || i.Certificate.KeyUsage&x509.KeyUsageCertSign == 0 {
			return nil, fmt.Errorf("ca: issuer %s: its certificate is not that of a CA", i.ID)
		}
		i.Signer = signerOf(i)
		w, err := newIssuer(i)
		if err != nil {
			return nil, fmt.Errorf("ca: issuer %s: %w", i.ID, err)
		}
		a.issuers[i.ID] = w
	}
	return a, nil
}

// Issuer returns the issuing CA of the id, of whatever generation, and whether
// there is one. Its Signer refuses where the CA is revoked or retired.
func (a *Authority) Issuer(id IssuerID) (Issuer, bool) {
	i, ok := a.issuers[id]
	if !ok {
		return Issuer{}, false
	}
	return i.Issuer, true
}

// now returns the current time in UTC and whole seconds.
func (a *Authority) now() time.Time { return a.Now().UTC().Truncate(time.Second) }

// Holder returns the id of the person with the national code.
func (a *Authority) Holder(nationalCode string) HolderID { return HolderOf(a.HolderKey, nationalCode) }
