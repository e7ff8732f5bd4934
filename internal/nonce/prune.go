package nonce

import (
	"context"
	"fmt"
	"time"

	"mohr/internal/store"
)

// pruneBatch is how many records one transaction deletes.
const pruneBatch = 500

// Prune deletes the records of nonces whose time is over: they are refused
// without them. A day is kept, for nodes with another clock. It returns how
// many it deleted, is safe to repeat and meant for a job.
func (s *Source) Prune(ctx context.Context, st store.Store) (int, error) {
	before, total, after := s.now().Add(-24*time.Hour), 0, ""
	for {
		old, last, err := expired(ctx, st, after, before)
		if err != nil {
			return total, fmt.Errorf("prune nonces: %w", err)
		}
		err = st.Update(ctx, func(tx store.Tx) error {
			for _, n := range old {
				if err := tx.Delete(bucket, n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return total, fmt.Errorf("prune nonces: %w", err)
		}
		total += len(old)
		if last == "" {
			return total, nil
		}
		after = last
	}
}

// expired returns up to pruneBatch nonces that ended before the time, and
// where to go on, "" at the end.
func expired(ctx context.Context, st store.Store, after string, before time.Time) (old []string, last string, err error) {
	err = st.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, bucket, "", after, func(key string, u used) error {
			if u.Until.Before(before) {
				old = append(old, key)
			}
			if len(old) == pruneBatch {
				last = key
				return store.Stop
			}
			return nil
		})
	})
	return old, last, err
}
