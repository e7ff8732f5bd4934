package complaints

import (
	"context"
	"fmt"

	"mohr/internal/store"
)

// recount makes the counts from all rows and keeps them.
func (g *Register) recount(ctx context.Context, progress func(rows int)) (*Counts, error) {
	for {
		counts, k, err := g.countAll(ctx, progress)
		if err != nil {
			return nil, err
		}
		done, err := g.keepAnew(ctx, counts, k)
		if err != nil {
			return nil, err
		}
		if !done {
			continue // an import came between
		}
		err = g.Store.View(ctx, func(tx store.Tx) (err error) {
			counts, err = g.loadCounts(tx)
			return err
		})
		return counts, err
	}
}

// countAll counts all rows of one snapshot as they stood before the changes
// that are noted in it.
func (g *Register) countAll(ctx context.Context, progress func(rows int)) (counts *Counts, k kept, err error) {
	err = g.Store.View(ctx, func(tx store.Tx) (err error) {
		counts = NewCounts(g.Policies, Window{})
		if k, err = loadKept(tx); err != nil {
			return err
		}
		n := 0
		for _, bucket := range []string{rowBucket, importedBucket} {
			err := store.Each(tx, bucket, "", "", func(_ string, r Row) error {
				if n++; n%progressRows == 0 {
					if progress != nil {
						progress(n)
					}
					if err := ctx.Err(); err != nil {
						return err
					}
				}
				counts.Add(r)
				return nil
			})
			if err != nil {
				return fmt.Errorf("count all complaints: %w", err)
			}
		}
		return counts.addChanges(tx, -1)
	})
	return counts, k, err
}

// progressRows is how often progress is told.
const progressRows = 10_000

// keepAnew replaces the kept counts, unless they changed since k was read.
func (g *Register) keepAnew(ctx context.Context, counts *Counts, k kept) (done bool, err error) {
	err = g.Store.Update(ctx, func(tx store.Tx) error {
		done = false
		now, err := loadKept(tx)
		if err != nil || now != k {
			return err
		}
		if err := forgetCounts(tx); err != nil {
			return err
		}
		done = true
		state := kept{Fresh: true, Policies: g.Policies.fingerprint(), Generation: k.Generation + 1}
		if err := store.Save(tx, keptBucket, "state", state); err != nil {
			return err
		}
		return counts.save(tx)
	})
	return done, err
}

func forgetCounts(tx store.Tx) error {
	var keys []string
	err := tx.Scan(countBucket, "", "", func(key string, _ []byte) error {
		keys = append(keys, key)
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := tx.Delete(countBucket, key); err != nil {
			return err
		}
	}
	return nil
}
