package signing

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/document"
	"mohr/ca/document/suite"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
	"mohr/internal/web"
)

// Config is what a Desk needs. New says what is wrong.
type Config struct {
	Store   store.Store
	CA      *ca.Authority
	SignIn  *signin.Desk
	Nonces  *nonce.Source
	Stamper document.Stamper // level T
	Source  document.Source  // level LT
	Places  *web.Places      // for who reads a PDF; nil: any number
	Now     func() time.Time // nil: time.Now
}

// Desk prepares and finishes signatures. It is safe for concurrent use.
type Desk struct{ Config }

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("signing: no "+what))
		}
	}
	need(c.Store != nil, "store")
	need(c.CA != nil, "authority")
	need(c.SignIn != nil, "sign-in")
	need(c.Nonces != nil, "nonces")
	need(c.Stamper != nil, "time stamps")
	need(c.Source != nil, "source of statuses")
	return &Desk{c}, errors.Join(errs...)
}

// place waits for a place to read the document in, where its form is heavy.
func (d *Desk) place(ctx context.Context, w Wanted) (give func(), err error) {
	if w.Form != PAdES {
		return func() {}, nil
	}
	return d.Places.Take(ctx)
}

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }

// kinds are the profiles of certificates by which a person signs documents.
var kinds = []string{ca.NaturalSign, ca.NaturalSignB, ca.NaturalSignC, ca.NaturalSignShort, ca.OrganisationSign}

// refused says why who cannot sign with the certificate at now; nil if they
// can. One that is not theirs is as one that is not there.
func refused(c ca.Certificate, who signin.Who, now time.Time) error {
	kind, _, _ := strings.Cut(c.Profile, "@")
	switch {
	case who.Holder == "" || c.Holder != who.Holder || c.Business != who.Business || c.State != ca.Issued || !slices.Contains(kinds, kind):
		return errUnknown()
	case c.Revoked != nil:
		return fault.New(fault.Denied, "sign_certificate_ended", "this certificate was revoked or suspended and signs no more; choose another one, or apply for one")
	case now.Before(c.NotBefore) || !now.Before(c.NotAfter):
		return fault.New(fault.Denied, "sign_certificate_time", "this certificate is out of its time; choose another one, or renew it")
	}
	return nil
}

func errUnknown() error {
	return fault.New(fault.NotFound, "sign_certificate_unknown", "you have no signing certificate with this serial number; load the page anew and choose one of the list")
}

// Certificates returns those with which who can sign now, the newest first.
func (d *Desk) Certificates(ctx context.Context, who signin.Who) (list []ca.Certificate, err error) {
	if who.Holder == "" {
		return nil, nil
	}
	all, err := d.CA.OfHolder(ctx, who.Holder)
	now := d.now()
	for _, c := range all {
		if refused(c, who, now) == nil {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b ca.Certificate) int { return b.NotBefore.Compare(a.NotBefore) })
	return list, err
}

// signer is a certificate that may sign, parsed.
type signer struct {
	leaf  *x509.Certificate
	chain []*x509.Certificate // its issuers, as they are delivered
}

// signer returns the certificate with the serial, if may lets it sign.
func (d *Desk) signer(ctx context.Context, written string, may func(ca.Certificate) error) (s signer, err error) {
	serial, err := ca.ParseSerial(written)
	if err != nil {
		return s, errUnknown()
	}
	c, err := d.CA.Certificate(ctx, serial)
	if errors.Is(err, fault.NotFound) {
		return s, errUnknown()
	}
	if err != nil {
		return s, err
	}
	if err := may(c); err != nil {
		return s, err
	}
	issuer, ok := d.CA.Issuer(c.Issuer)
	if !ok {
		return s, fmt.Errorf("chain of %s: no issuer %s here", serial, c.Issuer)
	}
	s.chain = issuer.Delivery()
	if s.leaf, err = x509.ParseCertificate(c.DER); err != nil {
		return s, err
	}
	if a, err := suite.For(s.leaf.PublicKey, false); err != nil || a.Family != suite.ECDSA || a.Hash != crypto.SHA256 {
		return s, fault.New(fault.Denied, "sign_key", "keys of this kind sign with the command mohr sign; on this page those on the curve P-256 do")
	}
	return s, nil
}
