package badge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"mohr/internal/store"
)

const (
	recheckBatch  = 500 // badges in one run of the job
	recheckAtOnce = 8
)

// Recheck is a job: it checks the open requests and the badges that are due.
// It is safe to repeat and to run on several nodes.
func (d *Desk) Recheck(ctx context.Context) error {
	ids, err := d.due(ctx)
	if err != nil {
		return fmt.Errorf("recheck badges: %w", err)
	}
	errs := make([]error, len(ids))
	slots := make(chan struct{}, recheckAtOnce)
	var all sync.WaitGroup
	for i, id := range ids {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			_, errs[i] = d.Check(ctx, id)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (d *Desk) due(ctx context.Context) ([]ID, error) {
	until := fmt.Sprintf("%016x/~", d.now().Unix())
	var ids []ID
	err := d.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, dueBucket, "", "", func(key string, id ID) error {
			if strings.Compare(key, until) > 0 || len(ids) == recheckBatch {
				return store.Stop
			}
			ids = append(ids, id)
			return nil
		})
	})
	return ids, err
}
