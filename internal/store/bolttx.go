package store

import (
	"fmt"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// boltRead reads in bbolt's transaction.
type boltRead struct{ tx *bolt.Tx }

func (r boltRead) look(bucket, key string) ([]byte, error) {
	b := r.tx.Bucket([]byte(bucket))
	if b == nil {
		return nil, ErrNotFound
	}
	v := b.Get([]byte(key))
	if v == nil {
		return nil, ErrNotFound
	}
	return v, nil
}

func (r boltRead) rows(bucket, prefix, after string) func() (row, bool, error) {
	b := r.tx.Bucket([]byte(bucket))
	if b == nil {
		return func() (row, bool, error) { return row{}, false, nil }
	}
	c := b.Cursor()
	k, v := c.Seek([]byte(max(prefix, after)))
	if k != nil && string(k) == after {
		k, v = c.Next()
	}
	return func() (row, bool, error) {
		if k == nil || !strings.HasPrefix(string(k), prefix) {
			return row{}, false, nil
		}
		out := row{string(k), v}
		k, v = c.Next()
		return out, true, nil
	}
}

// apply puts the layer's writes into bbolt's transaction.
func apply(tx *bolt.Tx, l *layer) error {
	for bucket, writes := range l.writes {
		if err := applyTo(tx, bucket, writes); err != nil {
			return fmt.Errorf("bucket %q: %w", bucket, err)
		}
	}
	return nil
}

func applyTo(tx *bolt.Tx, bucket string, writes map[string]write) error {
	b := tx.Bucket([]byte(bucket))
	for key, w := range writes {
		if b == nil && w.gone {
			continue
		}
		var err error
		if b == nil {
			b, err = tx.CreateBucket([]byte(bucket))
		}
		switch {
		case err != nil:
		case w.gone:
			err = b.Delete([]byte(key))
		default:
			err = b.Put([]byte(key), w.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
