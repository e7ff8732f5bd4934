package complaints

import (
	"context"

	"mohr/internal/store"
)

// foldBatch is how many changes share a transaction.
const foldBatch = 2000

// Fold brings changes of live complaints into the kept counts and returns how
// many there were. It is safe to repeat and to run on several nodes.
func (g *Register) Fold(ctx context.Context) (n int, err error) {
	for {
		batch := 0
		err := g.Store.Update(ctx, func(tx store.Tx) error {
			batch = 0
			k, err := loadKept(tx)
			if err != nil || !k.Fresh || k.Policies != g.Policies.fingerprint() {
				return err
			}
			counts, keys := NewCounts(g.Policies, Window{}), []string(nil)
			err = store.Each(tx, changeBucket, "", "", func(key string, c changed) error {
				counts.apply(c)
				if keys = append(keys, key); len(keys) == foldBatch {
					return store.Stop
				}
				return nil
			})
			if err != nil {
				return err
			}
			for _, key := range keys {
				if err := tx.Delete(changeBucket, key); err != nil {
					return err
				}
			}
			if batch = len(keys); batch == 0 {
				return nil
			}
			k.Generation++ // what counts all rows meanwhile begins anew
			if err := store.Save(tx, keptBucket, "state", k); err != nil {
				return err
			}
			return counts.save(tx)
		})
		n += batch
		if err != nil || batch < foldBatch {
			return n, err
		}
	}
}
