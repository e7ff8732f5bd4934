package held

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/signin"
	"mohr/internal/store"
)

// maxShown bounds the uses of a key that its page lists.
const maxShown = 50

// page gathers what the page of a key shows.
func (d *Desk) page(ctx context.Context, who signin.Who, id string) (p keyPage, err error) {
	if p.Key, err = d.Key(ctx, who, id); err != nil {
		return p, err
	}
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		p.Certified, p.SignsIn, err = serves(tx, p.Key, now)
		return err
	})
	if err != nil {
		return p, err
	}
	p.Offered = d.Offered
	p.Signatures, err = d.Signatures(ctx, who, id)
	slices.Reverse(p.Signatures)
	p.Signatures = p.Signatures[:min(maxShown, len(p.Signatures))]
	return p, err
}

// chain is the newest good certificate of the key, as it is delivered, DER;
// empty if there is none.
func (d *Desk) chain(ctx context.Context, k Key) (list [][]byte, err error) {
	now := d.now()
	var newest ca.Certificate
	err = d.Store.View(ctx, func(tx store.Tx) error {
		newest = ca.Certificate{}
		return eachGood(tx, k, now, func(c ca.Certificate) {
			if newest.Serial == "" || newest.NotBefore.Before(c.NotBefore) {
				newest = c
			}
		})
	})
	if err != nil || newest.Serial == "" {
		return nil, err
	}
	issuer, ok := d.CA.Issuer(newest.Issuer)
	if !ok {
		return nil, fmt.Errorf("chain of %s: no issuer %s here", newest.Serial, newest.Issuer)
	}
	return issuer.Delivered(newest.DER), nil
}

// Certified is a key that signs now, with its newest good certificate.
type Certified struct {
	Key
	Chain [][]byte // the certificate and its issuers, DER
}

// Certified returns the live keys of a person, for whom they act with them,
// that have a good certificate, the newest first.
func (d *Desk) Certified(ctx context.Context, h ca.HolderID, b ca.BusinessID) (list []Certified, err error) {
	if h == "" {
		return nil, nil
	}
	var keys []Key
	err = d.Store.View(ctx, func(tx store.Tx) error {
		keys, err = keysOf(tx, h, b)
		return err
	})
	for _, k := range keys {
		if err != nil || k.State != Live {
			continue
		}
		var chain [][]byte
		if chain, err = d.chain(ctx, k); len(chain) > 0 {
			list = append(list, Certified{k, chain})
		}
	}
	return list, err
}

// eachGood calls fn with every certificate of the key that is its holder's and
// good now.
func eachGood(tx store.Tx, k Key, now time.Time, fn func(ca.Certificate)) error {
	return ca.EachOfKey(tx, k.ID, func(c ca.Certificate) error {
		if c.State == ca.Issued && c.Holder == k.Holder && c.Business == k.Business && c.Revoked == nil && !now.Before(c.NotBefore) && now.Before(c.NotAfter) {
			fn(c)
		}
		return nil
	})
}
