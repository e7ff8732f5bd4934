package merchant

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Buckets of this room.
const (
	feedBucket = "merchant_feeds"      // hex SHA-256 of the address's secret -> feed
	ownBucket  = "merchant_feed_owner" // holder/business -> hex SHA-256 of the secret
)

// feedLife is how long an address is good; then a new one is made.
const feedLife = 365 * 24 * time.Hour

// feed is an address at which a calendar program reads a business's days. The
// secret in it is kept nowhere: it is shown once, when it is made.
type feed struct {
	Visitor  Visitor       `json:"visitor"` // who made it: it shows what they may see
	Business ca.BusinessID `json:"business"`
	Since    time.Time     `json:"since"`
}

func feedOwner(h ca.HolderID, b ca.BusinessID) string { return string(h) + "/" + string(b) }

// secretOf is the record's key for a secret.
func secretOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// NewFeed makes a new address and returns its secret; the one that the person
// had for the business opens nothing from then on. It is Denied for who does
// not act for the business.
func (d *Desk) NewFeed(ctx context.Context, v Visitor, b ca.BusinessID) (secret string, err error) {
	if _, err := d.rights(ctx, v, b); err != nil {
		return "", err
	}
	secret = rand.Text() // 130 bits (crypto/rand)
	key, owner, now := secretOf(secret), feedOwner(v.Holder, b), d.now()
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if err := dropFeed(tx, owner); err != nil {
			return err
		}
		if err := store.Save(tx, ownBucket, owner, key); err != nil {
			return err
		}
		return store.Save(tx, feedBucket, key, feed{v, b, now})
	})
	return secret, err
}

// EndFeed makes the person's address for the business open nothing any more.
func (d *Desk) EndFeed(ctx context.Context, v Visitor, b ca.BusinessID) error {
	return d.Store.Update(ctx, func(tx store.Tx) error { return dropFeed(tx, feedOwner(v.Holder, b)) })
}

// EndFeeds makes all addresses of a person open nothing any more, inside tx:
// who signs out everywhere, or is forgotten, leaves none behind.
func EndFeeds(tx store.Tx, h ca.HolderID) error {
	var owners []string
	err := tx.Scan(ownBucket, feedOwner(h, ""), "", func(key string, _ []byte) error {
		owners = append(owners, key)
		return nil
	})
	for _, owner := range owners {
		err = errors.Join(err, dropFeed(tx, owner))
	}
	return err
}

func dropFeed(tx store.Tx, owner string) error {
	old, err := store.Load[string](tx, ownBucket, owner)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(tx.Delete(feedBucket, old), tx.Delete(ownBucket, owner))
}

// feedSince is when the person's address was made; zero if there is none, or
// none any more.
func (d *Desk) feedSince(ctx context.Context, v Visitor, b ca.BusinessID) (since time.Time, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		key, err := store.Load[string](tx, ownBucket, feedOwner(v.Holder, b))
		if err != nil {
			return err
		}
		f, err := d.feedOf(tx, key)
		since = f.Since
		return err
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, fault.NotFound) {
		err = nil
	}
	return since, err
}

// feedOf loads an address by its record's key; NotFound for one that is not
// there, too old, or whose certificate counts no more.
func (d *Desk) feedOf(tx store.Tx, key string) (f feed, err error) {
	f, err = store.Load[feed](tx, feedBucket, key)
	if errors.Is(err, store.ErrNotFound) || err == nil && d.now().Sub(f.Since) > feedLife {
		return feed{}, errNoFeed()
	}
	if err == nil && f.Visitor.Certificate != "" {
		_, err = standing(tx, f.Visitor.Certificate, d.now())
	}
	if errors.Is(err, fault.Denied) {
		err = errNoFeed()
	}
	if err != nil {
		return feed{}, err
	}
	return f, nil
}

func errNoFeed() error {
	return fault.New(fault.NotFound, "merchant_feed_unknown", "there is no calendar at this address, or not any more; make a new address at your desk")
}

// open returns what the address shows now; NotFound for a secret that opens
// nothing, and where who made it does not act for the business any more.
func (d *Desk) open(ctx context.Context, secret string) (f feed, r Rights, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		f, err = d.feedOf(tx, secretOf(secret))
		return err
	})
	if err == nil {
		r, err = d.rights(ctx, f.Visitor, f.Business)
	}
	if errors.Is(err, fault.Denied) {
		err = errNoFeed()
	}
	return f, r, err
}

// feedURL is the address of a calendar.
func (d *Desk) feedURL(secret, lang string) string {
	return fmt.Sprintf("%s/calendar/%s.ics?lang=%s", d.Audience, secret, lang)
}
