package ca

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/zmap/zlint/v3/lint"

	"mohr/internal/store"
)

// IssuerID names an issuing CA in URLs and records: "sign-p256".
type IssuerID string

// The issuing CAs of one hierarchy.
const (
	SignIssuer    IssuerID = "sign-p256"    // signature certificates of people
	AuthIssuer    IssuerID = "auth-p256"    // authentication, operators
	ServiceIssuer IssuerID = "service-p256" // this service's own: TLS, responders, stamps
)

// Issuer is an issuing CA with its key.
type Issuer struct {
	ID          IssuerID
	Certificate *x509.Certificate
	Signer      crypto.Signer
}

// Config is what an Authority needs. Validate says what is wrong.
type Config struct {
	Store     store.Store
	Log       *slog.Logger     // nil: discard
	Now       func() time.Time // nil: time.Now
	Root      *x509.Certificate
	Issuers   []Issuer
	Publish   string // base URL of the plain listener, no slash at the end: http://127.0.0.1:8080
	Portal    string // base URL of the portal, no slash at the end: https://localhost:8443
	Prefix    byte   // first octet of this node's serials, 0x01 to 0x7f; zero means 0x01
	HolderKey []byte // MAC key of HolderOf, 32 bytes
	Simulated bool   // a development hierarchy: may issue under the test policy OID, and only so
}

// Authority issues and answers for certificates. It is safe for concurrent use.
type Authority struct {
	Config
	issuers map[IssuerID]*issuer
	lints   lint.Registry
}

// issuer is an Issuer with what linting needs.
type issuer struct {
	Issuer
	lintParent *x509.Certificate // the issuer with the throwaway key's public half
	lintKey    crypto.Signer
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
	names := map[IssuerID]bool{}
	for _, i := range c.Issuers {
		need(i.ID != "", "an issuer has no name")
		need(!names[i.ID], fmt.Sprintf("issuer %s is there twice", i.ID))
		need(i.Certificate != nil && i.Signer != nil, fmt.Sprintf("issuer %s has no certificate or no key", i.ID))
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
	if c.Prefix == 0 {
		c.Prefix = 0x01
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	lints, err := newLints()
	if err != nil {
		return nil, fmt.Errorf("ca: lints: %w", err)
	}
	a := &Authority{Config: c, issuers: map[IssuerID]*issuer{}, lints: lints}
	for _, i := range c.Issuers {
		if err := i.Certificate.CheckSignatureFrom(c.Root); err != nil {
			return nil, fmt.Errorf("ca: issuer %s: %w", i.ID, err)
		}
		if !i.Certificate.IsCA || i.Certificate.KeyUsage&x509.KeyUsageCertSign == 0 {
			return nil, fmt.Errorf("ca: issuer %s: its certificate is not that of a CA", i.ID)
		}
		w, err := withThrowaway(i)
		if err != nil {
			return nil, fmt.Errorf("ca: issuer %s: %w", i.ID, err)
		}
		a.issuers[i.ID] = w
	}
	return a, nil
}

// Issuer returns the issuing CA, and whether there is one of that name.
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
