package storetest

import (
	"context"
	"errors"

	"mohr/internal/store"
)

// Twice returns a store that runs each function given to Update twice and
// undoes the first run, as a store of several nodes may. A room's test that
// uses it fails when such a function has an effect beside its Tx.
func Twice(s store.Store) store.Store { return twice{s} }

type twice struct{ store.Store }

var errAgain = errors.New("storetest: run it again")

func (s twice) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := s.Store.Update(ctx, func(tx store.Tx) error { return errors.Join(fn(tx), errAgain) })
	if !errors.Is(err, errAgain) {
		return err
	}
	return s.Store.Update(ctx, fn)
}
