package clock

import (
	"context"
	"errors"
	"time"

	"mohr/internal/store"
)

// bucket holds the latest trusted time, which all nodes of a store share.
const (
	bucket    = "clock"
	latestKey = "latest"
)

func loadLatest(tx store.Tx) (time.Time, error) {
	t, err := store.Load[time.Time](tx, bucket, latestKey)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	return t, err
}

// Latest returns the latest trusted time that was kept; zero for none.
func Latest(ctx context.Context, s store.Store) (t time.Time, err error) {
	err = s.View(ctx, func(tx store.Tx) error {
		t, err = loadLatest(tx)
		return err
	})
	return t, err
}

// Forget drops the latest trusted time. It is an operator's deed, on a stopped
// service, where a clock that ran ahead was trusted and the right time now
// looks as if it had gone back.
func Forget(ctx context.Context, s store.Store) error {
	return s.Update(ctx, func(tx store.Tx) error { return tx.Delete(bucket, latestKey) })
}

// recall takes over what was kept before, by this node or another.
func (g *Guard) recall(ctx context.Context) error {
	kept, err := Latest(ctx, g.Store)
	if err == nil && !kept.IsZero() && kept.Unix() > g.latest.Load() {
		g.latest.Store(kept.Unix())
	}
	return err
}

// remember keeps the latest trusted time, unless a later one is there.
func (g *Guard) remember(ctx context.Context) error {
	latest := time.Unix(g.latest.Load(), 0).UTC()
	return g.Store.Update(ctx, func(tx store.Tx) error {
		kept, err := loadLatest(tx)
		if err != nil || !kept.Before(latest) {
			return err
		}
		return store.Save(tx, bucket, latestKey, latest)
	})
}
