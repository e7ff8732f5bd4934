package merchant

import (
	"context"
	"errors"
	"slices"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/document/signing"
	"mohr/ca/mandate"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
	"mohr/internal/web"
)

// Visitor is who is signed in.
type Visitor struct {
	Holder      ca.HolderID   `json:"holder"`
	Business    ca.BusinessID `json:"business,omitempty"`    // for which they came; "": for themselves
	Certificate string        `json:"certificate,omitempty"` // serial of the one that this rests on; "": none
}

// Config is what a Desk needs. New says what is wrong.
type Config struct {
	Store      store.Store
	CA         *ca.Authority
	Badges     *badge.Desk
	Signing    *signing.Desk // of requests as PDF
	Complaints *complaints.Desk
	Teller     *complaints.Teller
	Nonces     *nonce.Source
	Audience   string           // base URL of the portal, no slash at the end
	Now        func() time.Time // nil: time.Now
}

// Desk shows businesses their own. It is safe for concurrent use.
type Desk struct {
	Config
	tries *web.Gate // of webhooks
}

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("merchant: no "+what))
		}
	}
	need(c.Store != nil, "store")
	need(c.CA != nil, "authority")
	need(c.Badges != nil && c.Signing != nil, "badges or signing")
	need(c.Complaints != nil, "complaints")
	need(c.Teller != nil && c.Nonces != nil, "teller or nonces")
	need(c.Audience != "", "audience")
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Desk{Config: c, tries: web.NewGate(0.1, 5)}, errors.Join(errs...)
}

func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }

// Rights is what somebody may see of a business.
type Rights struct{ Badges, Complaints bool }

func errNotYours() error {
	return fault.New(fault.Denied, "merchant_not_yours", "you do not act for this business here; sign in with its certificate, or have a mandate given by those who bind it")
}

// rights is Denied for who may see nothing of the business.
func (d *Desk) rights(ctx context.Context, v Visitor, b ca.BusinessID) (r Rights, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		if r.Badges, err = d.speaks(tx, v, b, mandate.BadgeRequest, now); err != nil {
			return err
		}
		r.Complaints, err = d.speaks(tx, v, b, mandate.ComplaintAnswer, now)
		return err
	})
	if err == nil && !r.Badges && !r.Complaints {
		err = errNotYours()
	}
	return r, err
}

// speaks reports whether the visitor acts for the business in what the scope
// says. Who came for a business acts for that one and not for themselves, and
// the other way round.
func (d *Desk) speaks(tx store.Tx, v Visitor, b ca.BusinessID, s mandate.Scope, now time.Time) (bool, error) {
	switch {
	case b == "" || v.Holder == "" || v.Business != "" && v.Business != b:
		return false, nil
	case v.Business == "" && d.CA.Trader(v.Holder) == b:
		return true, nil
	case v.Business == "":
		_, err := mandate.Find(tx, b, v.Holder, s, now)
		return allowed(err)
	}
	c, err := standing(tx, v.Certificate, now)
	if err != nil {
		return allowed(err)
	}
	_, err = mandate.SpeaksFor(tx, c, b, s, now)
	return allowed(err)
}

// allowed takes a refusal for an answer.
func allowed(err error) (bool, error) {
	if errors.Is(err, fault.Denied) || errors.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// maxLine bounds how many renewals are followed from one certificate.
const maxLine = 100

// standing returns the certificate that counts in the line of the one with
// that serial; Denied where none does any more.
func standing(tx store.Tx, serial string, now time.Time) (ca.Certificate, error) {
	for range maxLine {
		c, err := ca.LoadCertificate(tx, serial)
		if err != nil {
			return c, err
		}
		if c.Revoked != nil && c.Revoked.Reason != ca.Superseded {
			break
		}
		next, err := renewed(tx, c)
		if err != nil {
			return c, err
		}
		if next == "" {
			if c.State != ca.Issued || c.Revoked != nil || now.After(c.NotAfter) {
				break
			}
			return c, nil
		}
		serial = next
	}
	return ca.Certificate{}, errNotYours()
}

// renewed is the serial of what replaced the certificate, "" where nothing did
// or it is not issued yet.
func renewed(tx store.Tx, c ca.Certificate) (string, error) {
	if c.ReplacedBy == "" {
		return "", nil
	}
	next, err := ca.LoadCertificate(tx, c.ReplacedBy)
	if err != nil || next.State != ca.Issued {
		return "", err
	}
	return next.Serial, nil
}

// businesses returns those that the visitor acts for.
func (d *Desk) businesses(ctx context.Context, v Visitor) (list []ca.BusinessID, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		if v.Business != "" {
			list = []ca.BusinessID{v.Business}
			return nil
		}
		list, err = mandate.Businesses(tx, v.Holder, now, mandate.BadgeRequest, mandate.ComplaintAnswer)
		return err
	})
	if err == nil && v.Business == "" && v.Holder != "" {
		list = append(list, d.CA.Trader(v.Holder))
	}
	return slices.Compact(list), err
}
