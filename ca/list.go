package ca

import (
	"context"

	"mohr/internal/store"
)

// MaxList bounds one page of List.
const MaxList = 500

// List returns up to limit certificates in serial order, from the serial
// after on ("" for the first). A full page says there may be more.
func (a *Authority) List(ctx context.Context, after string, limit int) ([]Certificate, error) {
	if limit <= 0 || limit > MaxList {
		limit = MaxList
	}
	list := []Certificate{}
	err := a.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, certBucket, "", after, func(_ string, c Certificate) error {
			list = append(list, c)
			if len(list) == limit {
				return store.Stop
			}
			return nil
		})
	})
	return list, err
}
