package ca

import (
	"context"

	"mohr/internal/store"
)

// MaxList bounds one page of a list.
const MaxList = 500

// List returns up to limit certificates in serial order, from the serial
// after on ("" for the first). A full page says there may be more.
func (a *Authority) List(ctx context.Context, after string, limit int) ([]Certificate, error) {
	return page[Certificate](ctx, a.Store, certBucket, after, limit)
}

// page returns up to limit records of a bucket after the key after; a limit
// out of bounds means MaxList.
func page[T any](ctx context.Context, s store.Store, bucket, after string, limit int) ([]T, error) {
	if limit <= 0 || limit > MaxList {
		limit = MaxList
	}
	list := []T{}
	err := s.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, bucket, "", after, func(_ string, v T) error {
			list = append(list, v)
			if len(list) == limit {
				return store.Stop
			}
			return nil
		})
	})
	return list, err
}

// OfHolder returns the person's issued certificates in serial order.
func (a *Authority) OfHolder(ctx context.Context, h HolderID) ([]Certificate, error) {
	return a.indexed(ctx, holderBucket, string(h))
}

// OfBusiness returns the business's issued certificates in serial order.
func (a *Authority) OfBusiness(ctx context.Context, b BusinessID) ([]Certificate, error) {
	return a.indexed(ctx, businessBucket, string(b))
}

// EachOfBusiness calls fn with each of the business's issued certificates, in
// serial order, inside a transaction.
func EachOfBusiness(tx store.Tx, b BusinessID, fn func(Certificate) error) error {
	return eachIndexed(tx, businessBucket, string(b), fn)
}

// EachOfHolder calls fn with each of the person's issued certificates, in
// serial order, inside a transaction.
func EachOfHolder(tx store.Tx, h HolderID, fn func(Certificate) error) error {
	return eachIndexed(tx, holderBucket, string(h), fn)
}

// OfKey returns the certificates of the key with the hash (hex), whatever
// their state, in serial order.
func (a *Authority) OfKey(ctx context.Context, spkiSHA256 string) ([]Certificate, error) {
	return a.indexed(ctx, keyCertBucket, spkiSHA256)
}

// indexed returns the certificates that an index lists under a name.
func (a *Authority) indexed(ctx context.Context, bucket, name string) ([]Certificate, error) {
	list := []Certificate{}
	err := a.Store.View(ctx, func(tx store.Tx) error {
		list = list[:0]
		return eachIndexed(tx, bucket, name, func(c Certificate) error {
			list = append(list, c)
			return nil
		})
	})
	return list, err
}

func eachIndexed(tx store.Tx, bucket, name string, fn func(Certificate) error) error {
	return store.Each(tx, bucket, name+"/", "", func(_ string, serial string) error {
		c, err := LoadCertificate(tx, serial)
		if err != nil {
			return err
		}
		return fn(c)
	})
}
