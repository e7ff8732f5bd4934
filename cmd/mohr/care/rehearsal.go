package care

import (
	"context"

	"mohr/internal/store"
)

// rehearsal is a Store that changes nothing: what is deleted is gone for who
// works on it, and is counted; what is put is dropped. For one goroutine.
type rehearsal struct {
	store.Store
	gone map[[2]string]bool // bucket and key
}

// Rehearse returns a Store that reads from s and keeps nothing in it. Who
// reads back what he put is not served by it.
func Rehearse(s store.Store) store.Store { return newRehearsal(s) }

func newRehearsal(s store.Store) *rehearsal { return &rehearsal{s, map[[2]string]bool{}} }

func (r *rehearsal) View(ctx context.Context, fn func(store.Tx) error) error {
	return r.Store.View(ctx, func(tx store.Tx) error { return fn(rehearsed{tx, r}) })
}

func (r *rehearsal) Update(ctx context.Context, fn func(store.Tx) error) error {
	return r.View(ctx, fn)
}

// rehearsed is a transaction of a rehearsal.
type rehearsed struct {
	store.Tx
	r *rehearsal
}

func (t rehearsed) Get(bucket, key string) ([]byte, error) {
	if t.r.gone[[2]string{bucket, key}] {
		return nil, store.ErrNotFound
	}
	return t.Tx.Get(bucket, key)
}

func (t rehearsed) Put(string, string, []byte) error { return nil }

func (t rehearsed) Delete(bucket, key string) error {
	has, err := store.Has(t.Tx, bucket, key)
	if has {
		t.r.gone[[2]string{bucket, key}] = true
	}
	return err
}

func (t rehearsed) Scan(bucket, prefix, after string, fn func(key string, value []byte) error) error {
	return t.Tx.Scan(bucket, prefix, after, func(key string, value []byte) error {
		if t.r.gone[[2]string{bucket, key}] {
			return nil
		}
		return fn(key, value)
	})
}
