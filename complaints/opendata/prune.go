package opendata

import (
	"context"
	"fmt"
	"time"

	"mohr/internal/ledger"
	"mohr/internal/store"
)

const (
	// fullEvery is after how many editions one has all complaints again.
	fullEvery = 90
	// KeepFor is how long the files of an edition are kept at least.
	KeepFor = 3 * 365 * 24 * time.Hour
	// pruneAtOnce bounds what one transaction deletes.
	pruneAtOnce = 500
)

// full reports whether the edition of the day is to have all complaints: none
// of the editions right before it has.
func (p *Publisher) full(ctx context.Context, day string) (full bool, err error) {
	err = p.Register.Store.View(ctx, func(tx store.Tx) error {
		since := fullEvery
		err := store.Each(tx, editionBucket, "", "", func(of string, e Edition) error {
			if since++; e.Manifest.Full && of < day {
				since = 1
			}
			return nil
		})
		full = since >= fullEvery
		return err
	})
	return full, err
}

// Prune deletes the files of editions that are older than KeepFor and that
// nobody needs to recompute a younger one: an edition with all complaints came
// after them. Their signed manifests stay. It returns how many editions went,
// and is a job, safe to repeat.
func (p *Publisher) Prune(ctx context.Context) (int, error) {
	old, err := p.old(ctx, p.now().Add(-KeepFor))
	if err != nil {
		return 0, fmt.Errorf("prune open data: %w", err)
	}
	n := 0
	for _, e := range old {
		if !e.Pruned {
			n++
		}
		if err := p.prune(ctx, e); err != nil {
			return n, fmt.Errorf("prune open data of %s: %w", e.Manifest.Day, err)
		}
	}
	return n, nil
}

// old returns the editions before the last full one that ended by then.
func (p *Publisher) old(ctx context.Context, by time.Time) (old []Edition, err error) {
	err = p.Register.Store.View(ctx, func(tx store.Tx) error {
		old = nil
		var all []Edition
		return store.Each(tx, editionBucket, "", "", func(_ string, e Edition) error {
			if e.Manifest.At.After(by) {
				return store.Stop
			}
			if e.Manifest.Full {
				old = append(old, all...)
				all = nil
			}
			all = append(all, e)
			return nil
		})
	})
	return old, err
}

// prune says first that the files are not kept, and then deletes them: nobody
// is shown a part of one.
func (p *Publisher) prune(ctx context.Context, e Edition) error {
	day, now := e.Manifest.Day, p.now().UTC().Truncate(time.Second)
	if !e.Pruned {
		err := p.Register.Store.Update(ctx, func(tx store.Tx) error {
			e, err := store.Load[Edition](tx, editionBucket, day)
			if err != nil || e.Pruned {
				return err
			}
			e.Pruned = true
			if err := store.Save(tx, editionBucket, day, e); err != nil {
				return err
			}
			return ledger.Append(tx, ledger.Event{Kind: "complaints.edition_pruned", Subject: day, At: now, Hash: e.SHA256})
		})
		if err != nil {
			return err
		}
	}
	for left := true; left; {
		err := p.Register.Store.Update(ctx, func(tx store.Tx) error {
			var keys []string
			err := tx.Scan(chunkBucket, day+"/", "", func(key string, _ []byte) error {
				if keys = append(keys, key); len(keys) == pruneAtOnce {
					return store.Stop
				}
				return nil
			})
			for _, key := range keys {
				if err == nil {
					err = tx.Delete(chunkBucket, key)
				}
			}
			left = len(keys) == pruneAtOnce
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
