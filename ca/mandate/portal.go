package mandate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Seer is whom pages show mandates to: a person as signed in, for themselves
// or for an organisation. What pages show authorises nothing: a mandate is
// given and taken back by a signed statement alone.
type Seer struct {
	Holder   ca.HolderID
	Business ca.BusinessID // "": for themselves
}

// signer is the Seer as a certificate would name them.
func (s Seer) signer() ca.Certificate {
	return ca.Certificate{Holder: s.Holder, Business: s.Business}
}

// Own returns the mandates of the person, the newest first.
func (d *Desk) Own(ctx context.Context, s Seer) ([]Listing, error) {
	var found []Mandate
	err := d.Store.View(ctx, func(tx store.Tx) error {
		found = nil
		return ofHolder(tx, s.Holder, s.Business, func(m Mandate) error {
			found = append(found, m)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return d.listings(found, d.now())
}

// Shown is who acts for an organisation, for who may see it.
type Shown struct {
	LegalID  string
	Mandates []Listing // the newest first
	Under    ID        // by which the person administers it; "": as a signatory
}

// Of returns who acts for an organisation, for who binds or administers it;
// Denied for others.
func (d *Desk) Of(ctx context.Context, s Seer, legalID string) (out Shown, err error) {
	id, all, err := d.seesAll(ctx, legalID, s.signer(), d.now())
	if err == nil && !all {
		err = fault.New(fault.Denied, "mandate_not_yours_to_see", "who acts for an organisation is shown to those who bind it by the company register and to its administrators; ask one of them")
	}
	if err != nil {
		return out, err
	}
	out.LegalID = id
	var found []Mandate
	err = d.Store.View(ctx, func(tx store.Tx) error {
		found = nil
		own, err := Find(tx, ca.BusinessID(id), s.Holder, Administer, d.now())
		if err != nil && !errors.Is(err, fault.Denied) {
			return err
		}
		out.Under = own.ID
		return ofBusiness(tx, ca.BusinessID(id), func(m Mandate) error {
			found = append(found, m)
			return nil
		})
	})
	if err == nil {
		out.Mandates, err = d.listings(found, d.now())
	}
	return out, err
}

// PlanShown returns what a revocation would end, for who may sign it.
func (d *Desk) PlanShown(ctx context.Context, s Seer, c Choice) (p Ending, err error) {
	if _, _, err := d.mayRevoke(ctx, c.Mandate, s.signer(), d.now()); err != nil {
		return p, err
	}
	err = d.Store.View(ctx, func(tx store.Tx) error {
		p, err = planOf(tx, c, d.now())
		return err
	})
	if err == nil && p.empty() {
		err = errNothingLeft()
	}
	return p, err
}

// Drafted returns terms to be signed in their one form, with a reference; or
// what is wrong with them.
func (d *Desk) Drafted(t GrantTerms) (GrantTerms, error) {
	reference := make([]byte, 16)
	rand.Read(reference) // never fails (crypto/rand)
	t.Reference = hex.EncodeToString(reference)
	return t.checked(d.now())
}
