package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// errReadOnly is returned for a write inside View.
var errReadOnly = errors.New("store: write in a read-only transaction")

// checkEvery is how many keys a scan goes through between looks at its context.
const checkEvery = 256

// boltTx is one caller's view of a transaction: a layer of its own writes
// over what bbolt holds.
type boltTx struct {
	ctx    context.Context
	tx     *bolt.Tx
	writes map[string]map[string]write // by bucket and key; nil in a View
}

// write is a pending Put or Delete.
type write struct {
	value []byte
	gone  bool
}

func (t *boltTx) Get(bucket, key string) ([]byte, error) {
	v, err := t.peek(bucket, key)
	return bytes.Clone(v), err
}

func (t *boltTx) peek(bucket, key string) ([]byte, error) {
	if w, ok := t.writes[bucket][key]; ok {
		if w.gone {
			return nil, ErrNotFound
		}
		return w.value, nil
	}
	b := t.tx.Bucket([]byte(bucket))
	if b == nil {
		return nil, ErrNotFound
	}
	v := b.Get([]byte(key))
	if v == nil {
		return nil, ErrNotFound
	}
	return v, nil
}

func (t *boltTx) Put(bucket, key string, value []byte) error {
	if !json.Valid(value) {
		return fmt.Errorf("put in bucket %q: the value is not JSON", bucket)
	}
	return t.putValid(bucket, key, append([]byte{}, value...))
}

func (t *boltTx) putValid(bucket, key string, value []byte) error {
	// What bbolt would refuse is refused here: later it would be the error of
	// everyone who shares the commit.
	switch {
	case bucket == "" || key == "":
		return fmt.Errorf("put in bucket %q: the name of the bucket or the key is empty", bucket)
	case len(bucket) > bolt.MaxKeySize || len(key) > bolt.MaxKeySize:
		return fmt.Errorf("put: a bucket's name or a key of %d octets is too long", max(len(bucket), len(key)))
	case len(value) > bolt.MaxValueSize:
		return fmt.Errorf("put in bucket %q: a value of %d octets is too long", bucket, len(value))
	}
	return t.write(bucket, key, write{value: value})
}

func (t *boltTx) Delete(bucket, key string) error {
	return t.write(bucket, key, write{gone: true})
}

func (t *boltTx) write(bucket, key string, w write) error {
	if t.writes == nil {
		return errReadOnly
	}
	if t.writes[bucket] == nil {
		t.writes[bucket] = map[string]write{}
	}
	t.writes[bucket][key] = w
	return nil
}

// apply puts the layer into bbolt's transaction.
func (t *boltTx) apply() error {
	for bucket, writes := range t.writes {
		if err := t.applyTo(bucket, writes); err != nil {
			return fmt.Errorf("bucket %q: %w", bucket, err)
		}
	}
	return nil
}

func (t *boltTx) applyTo(bucket string, writes map[string]write) error {
	b := t.tx.Bucket([]byte(bucket))
	for key, w := range writes {
		if b == nil && w.gone {
			continue
		}
		var err error
		if b == nil {
			b, err = t.tx.CreateBucket([]byte(bucket))
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

func (t *boltTx) Scan(bucket, prefix, after string, fn func(string, []byte) error) error {
	in := func(key string) bool { return strings.HasPrefix(key, prefix) && key > after }
	pending := slices.DeleteFunc(slices.Sorted(maps.Keys(t.writes[bucket])), func(key string) bool { return !in(key) })
	rows := t.stored(bucket, prefix, after)
	key, value, ok := rows()
	for n := 0; ok || len(pending) > 0; n++ {
		if n%checkEvery == 0 && t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		k, v, gone := key, value, false
		if len(pending) > 0 && (!ok || pending[0] <= key) {
			k = pending[0]
			w := t.writes[bucket][k]
			v, gone, pending = w.value, w.gone, pending[1:]
		}
		if ok && k == key {
			key, value, ok = rows()
		}
		if gone {
			continue
		}
		if err := fn(k, bytes.Clone(v)); errors.Is(err, Stop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// stored returns a function that gives bbolt's rows with the prefix after the
// key, one a call, and false at the end.
func (t *boltTx) stored(bucket, prefix, after string) func() (string, []byte, bool) {
	b := t.tx.Bucket([]byte(bucket))
	if b == nil {
		return func() (string, []byte, bool) { return "", nil, false }
	}
	c := b.Cursor()
	k, v := c.Seek([]byte(max(prefix, after)))
	if k != nil && string(k) == after {
		k, v = c.Next()
	}
	return func() (key string, value []byte, ok bool) {
		if k == nil || !strings.HasPrefix(string(k), prefix) {
			return "", nil, false
		}
		key, value = string(k), v
		k, v = c.Next()
		return key, value, true
	}
}
