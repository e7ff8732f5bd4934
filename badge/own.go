package badge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

// ownIndexed is the counter that says that every badge is in the list of its
// business.
const ownIndexed = "own_indexed"

// IndexOwn is a job: it puts badges of before there were lists of a business's
// own into them, once.
func (d *Desk) IndexOwn(ctx context.Context) error {
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		if done, err := store.Has(tx, counterBucket, ownIndexed); err != nil || done {
			return err
		}
		var all []Badge
		err := store.Each(tx, badgeBucket, "", "", func(_ string, b Badge) error {
			all = append(all, Badge{ID: b.ID, Business: b.Business})
			return nil
		})
		for _, b := range all {
			err = errors.Join(err, store.Save(tx, ownBucket, b.ownKey(), b.ID))
		}
		return errors.Join(err, store.Save(tx, counterBucket, ownIndexed, 1))
	})
	if err != nil {
		return fmt.Errorf("index badges by business: %w", err)
	}
	return nil
}

// OfBusiness returns what the public may know of the business's badges and
// requests, also of those that were never granted: the newest first. It is for
// the business alone.
func (d *Desk) OfBusiness(ctx context.Context, business ca.BusinessID) (list []Record, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		return store.Each(tx, ownBucket, string(business)+"/", "", func(_ string, id ID) error {
			b, err := LoadBadge(tx, id)
			if err != nil {
				return err
			}
			if b, err = b.live(tx, now); err == nil {
				list = append(list, d.public(b))
			}
			return err
		})
	})
	slices.SortStableFunc(list, func(a, b Record) int { return b.ReceivedAt.Compare(a.ReceivedAt) })
	return list, err
}

// Due is a day that a business has to know of a badge.
type Due struct {
	What string    `json:"what"` // of the closed set below
	Of   string    `json:"of,omitempty"`
	At   time.Time `json:"at"`
}

// What days are about.
const (
	DueEnds        = "ends"        // the badge
	DueLicence     = "licence"     // Of says which
	DueSite        = "site"        // the site's certificate
	DueCertificate = "certificate" // of who signed
	DueRevoked     = "revoked"     // a suspended badge, unless something is mended
	DueAppeal      = "appeal"      // the last day to appeal
	DueProof       = "proof"       // the last day to prove the domain
)

// Dues returns the days of a badge that lie ahead, the first first. It is for
// its business alone.
func (d *Desk) Dues(ctx context.Context, id ID) (list []Due, err error) {
	now := d.now()
	add := func(what, of string, at time.Time) {
		if at.After(now) {
			list = append(list, Due{what, of, at})
		}
	}
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		b, err := LoadBadge(tx, id)
		if err != nil {
			return err
		}
		if b, err = b.live(tx, now); err != nil {
			return err
		}
		if b.State == Active || b.State == Suspended {
			add(DueEnds, "", b.ValidTo)
			for _, l := range b.shown() {
				if end := l.End(); !end.IsZero() {
					add(DueLicence, l.Type, end.AddDate(0, 0, 1))
				}
			}
			add(DueSite, "", b.SiteEnds)
			add(DueRevoked, "", b.revokesAt(d.Rules))
			_, last, err := lineOf(tx, b.Certificate, now)
			if err != nil {
				return err
			}
			add(DueCertificate, "", last.NotAfter)
		}
		if b.appealable(d.Rules, now) == nil {
			add(DueAppeal, "", b.StateAt.Add(d.Rules.AppealWithin))
		}
		if b.State.Open() {
			add(DueProof, "", later(b.ReceivedAt, b.ReopenedAt).Add(d.Rules.ChallengeLife))
		}
		return nil
	})
	slices.SortStableFunc(list, func(a, b Due) int { return a.At.Compare(b.At) })
	return list, err
}
