package est

import (
	"context"
	"crypto/x509"
	_ "embed"
	"errors"
	"slices"

	"mohr/ca"
	"mohr/enroll"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// Texts are the Persian texts of this package's faults.
//
//go:embed texts.yaml
var Texts []byte

// Renewals renews a certificate whose key was shown in a TLS handshake, as
// package renew does.
type Renewals interface {
	// RenewTLS returns the certificate for the key of a PKCS #10 request
	// (DER) that replaces old. The same again gives the same.
	RenewTLS(ctx context.Context, old *x509.Certificate, csr []byte, locale string) (ca.Certificate, error)
}

// Config is what a Desk needs. New says what is missing.
type Config struct {
	CA           *ca.Authority
	Applications *enroll.Desk
	Renewals     Renewals
	Gate         *web.Gate // of requests for certificates; nil: 20 a second from one network, 200 at once
}

// Desk answers EST clients. It is safe for concurrent use.
type Desk struct{ Config }

// New returns a Desk, or what is wrong with c.
func New(c Config) (*Desk, error) {
	if c.CA == nil || c.Applications == nil || c.Renewals == nil {
		return nil, errors.New("est: no authority, no applications or no renewals")
	}
	if c.Gate == nil {
		c.Gate = web.NewGate(20, 200)
	}
	return &Desk{c}, nil
}

// Ask is a request for a certificate: who asks, as the connection showed it,
// and the body.
type Ask struct {
	Profile      string            // of the path
	User, Secret string            // of HTTP Basic authentication
	Peer         *x509.Certificate // shown in the TLS handshake; nil: none
	Body         []byte            // PKCS #10 in base64
	Locale       string            // language of messages to the holder
}

// offered refuses profiles that nobody can have.
func offered(profile string) error {
	if !slices.Contains(ca.Profiles(), profile) {
		return fault.New(fault.NotFound, "est_profile_unknown", "there is no certificate profile of this name; take one of those in the practice statement")
	}
	return nil
}

// Enroll is simpleenroll (RFC 7030 section 4.2.1): it returns the certificate
// for an approved application. The fault application_unapproved means that
// somebody has to act first, and that the same request may work later.
func (d *Desk) Enroll(ctx context.Context, a Ask) ([]byte, error) {
	if err := offered(a.Profile); err != nil {
		return nil, err
	}
	b, err := d.bearer(ctx, a)
	if err != nil {
		return nil, err
	}
	if b.Profile() != a.Profile {
		return nil, fault.New(fault.Denied, "est_profile_differs", "the application is for the profile %[1]s; use the address of that profile", b.Profile())
	}
	csr, err := decode(a.Body)
	if err != nil {
		return nil, err
	}
	i, err := d.Applications.SubmitBy(ctx, b, ca.PKCS10, csr)
	if err != nil {
		return nil, err
	}
	return ca.CertsOnly(i.Certificate.DER)
}

// bearer says who hands in a key: who has the one-time secret, else the holder
// of an authentication certificate.
func (d *Desk) bearer(ctx context.Context, a Ask) (b enroll.Bearer, err error) {
	switch {
	case a.User != "" && a.Secret != "":
		return d.Applications.ByESTSecret(ctx, a.User, a.Secret)
	case a.User != "" && a.Peer != nil:
		s, err := d.CA.Standing(ctx, a.Peer)
		if err != nil {
			return b, err
		}
		return d.Applications.ByHolder(ctx, a.User, s)
	}
	return b, fault.New(fault.Denied, "secret_missing", "this needs the application's number as user name and its one-time secret as password (HTTP Basic); with an authentication certificate of the same person in the TLS handshake no password is needed")
}

// Reenroll is simplereenroll (RFC 7030 section 4.2.2). The request's subject,
// which that section wants compared, is skipped unread like all of it but the
// key: the names come from the registers.
func (d *Desk) Reenroll(ctx context.Context, a Ask) ([]byte, error) {
	if err := offered(a.Profile); err != nil {
		return nil, err
	}
	if !ca.Authenticates(a.Profile) {
		return nil, fault.New(fault.Denied, "est_by_statement", "certificates of the profile %[1]s are not for TLS client authentication and cannot be renewed by EST; renew one by a statement signed with its key: mohr renew, the page /renew or POST /api/v1/renewals", a.Profile)
	}
	if a.Peer == nil {
		return nil, fault.New(fault.Denied, "est_certificate_missing", "show the certificate that is to be renewed in the TLS handshake, at the address for certificates (mtls)")
	}
	s, err := d.CA.Standing(ctx, a.Peer)
	if err != nil {
		return nil, err
	}
	if p := profileOf(s.Record()); p != a.Profile {
		return nil, fault.New(fault.Denied, "est_certificate_profile", "the certificate shown is of the profile %[1]s; use the address of that profile", p)
	}
	csr, err := decode(a.Body)
	if err != nil {
		return nil, err
	}
	c, err := d.Renewals.RenewTLS(ctx, a.Peer, csr, a.Locale)
	if err != nil {
		return nil, err
	}
	return ca.CertsOnly(c.DER)
}
