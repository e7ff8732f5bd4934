package mandate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Query is what somebody signs to see mandates: those of an organisation,
// for who binds or administers it, else the own ones; and, where it names one,
// what its revocation would end.
type Query struct {
	signature.Claims
	LegalID      string `json:"legal_id,omitzero"` // "": the own ones everywhere
	Mandate      ID     `json:"mandate,omitzero"`
	Given        bool   `json:"given,omitzero"`
	Certificates bool   `json:"certificates,omitzero"`
}

// Listing is a mandate as those are shown it who may see it.
type Listing struct {
	ID         ID         `json:"id"`
	State      State      `json:"state"`
	Terms      GrantTerms `json:"terms"`
	Needs      int        `json:"needs,omitzero" doc:"signatures that are still missing"`
	Signed     int        `json:"signed" doc:"signatures so far"`
	ProposedAt time.Time  `json:"proposed_at"`
	GrantedAt  time.Time  `json:"granted_at,omitzero"`
	RevokedAt  time.Time  `json:"revoked_at,omitzero"`
	Reason     Reason     `json:"reason,omitzero"`
}

// view opens the terms of a mandate.
func (d *Desk) view(m Mandate, now time.Time) (Listing, error) {
	v := Listing{ID: m.ID, State: m.At(now), Needs: m.Needs, Signed: len(m.Signatures), ProposedAt: m.ProposedAt, GrantedAt: m.GrantedAt, RevokedAt: m.RevokedAt, Reason: m.Reason}
	plain, err := d.Seal.Open(mandateBucket, string(m.ID), "terms", m.Terms)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(plain, &v.Terms)
}

// List answers a query: the newest first. A query is good once.
func (d *Desk) List(ctx context.Context, s approval.Signed) ([]Listing, error) {
	in, all, err := d.query(ctx, s)
	if err != nil {
		return nil, err
	}
	var found []Mandate
	err = d.Store.View(ctx, func(tx store.Tx) error {
		found = nil
		add := func(m Mandate) error {
			found = append(found, m)
			return nil
		}
		if all {
			return ofBusiness(tx, ca.BusinessID(in.T.LegalID), add)
		}
		return ofHolder(tx, in.signer().Holder, ca.BusinessID(in.T.LegalID), add)
	})
	if err != nil {
		return nil, err
	}
	return d.listings(found, in.at)
}

// listings are the mandates as they are shown at now, the newest first.
func (d *Desk) listings(found []Mandate, now time.Time) (list []Listing, err error) {
	slices.SortStableFunc(found, func(a, b Mandate) int {
		if c := b.ProposedAt.Compare(a.ProposedAt); c != 0 {
			return c
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
	list = []Listing{}
	for _, m := range found {
		v, e := d.view(m, now)
		list, err = append(list, v), errors.Join(err, e)
	}
	return list, err
}

// Plan answers a query that names a mandate: what its revocation would end.
// It changes nothing but that the query is used up.
func (d *Desk) Plan(ctx context.Context, s approval.Signed) (p Ending, err error) {
	signed, err := d.open(ctx, s, QueryType)
	if err != nil {
		return p, err
	}
	in, err := read[Query](d, signed, QueryType)
	if err != nil {
		return p, err
	}
	_, _, err = d.mayRevoke(ctx, in.T.Mandate, in.signer(), in.at)
	if err != nil {
		return p, err
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if err := in.again(tx); err != nil {
			return err
		}
		if p, err = planOf(tx, Choice{in.T.Mandate, in.T.Given, in.T.Certificates}, in.at); err != nil {
			return err
		}
		return in.nonce.Use(tx)
	})
	return p, err
}

// query uses a query up and says whether its signer may see all mandates of
// the organisation.
func (d *Desk) query(ctx context.Context, s approval.Signed) (in incoming[Query], all bool, err error) {
	signed, err := d.open(ctx, s, QueryType)
	if err != nil {
		return in, false, err
	}
	if in, err = read[Query](d, signed, QueryType); err != nil {
		return in, false, err
	}
	if in.T.LegalID != "" {
		if in.T.LegalID, all, err = d.seesAll(ctx, in.T.LegalID, in.signer(), in.at); err != nil {
			return in, false, err
		}
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if err := in.again(tx); err != nil {
			return err
		}
		return in.nonce.Use(tx)
	})
	return in, all, err
}

// seesAll reports whether the signer administers or binds the organisation.
// One whose register does not answer sees the own mandates meanwhile.
func (d *Desk) seesAll(ctx context.Context, legalID string, signer ca.Certificate, now time.Time) (string, bool, error) {
	b, err := ca.ParseBusinessID(legalID)
	if err != nil {
		return "", false, err
	}
	if err := ownBusiness(signer, b); err != nil {
		return "", false, err
	}
	err = d.Store.View(ctx, func(tx store.Tx) error {
		_, err := Find(tx, b, signer.Holder, Administer, now)
		return err
	})
	if !errors.Is(err, fault.Denied) {
		return string(b), err == nil, err
	}
	if err := d.count(ctx, string(signer.Holder), now); err != nil {
		return "", false, err
	}
	c, err := d.ask(ctx, string(b))
	if err != nil && !errors.Is(err, fault.Unavailable) && !errors.Is(err, fault.Denied) {
		return "", false, err
	}
	return string(b), err == nil && isSignatory(c.signatories, signer.Holder), nil
}
