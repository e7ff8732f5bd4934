// Package store keeps records in serializable transactions.
//
// A store is a set of buckets; a bucket maps string keys, in byte order, to
// values that are JSON documents without the character U+0000. Keys and bucket
// names are not empty and at most 2 KiB long; a bucket name of more than 63
// octets is for the embedded store only. Buckets come into being at the first
// use. What is read may be written otherwise than it was put: the order of
// members, white space, the form of numbers.
package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	// Version 1's rules in the faster implementation: records were written
	// and are read by these rules.
	json "github.com/go-json-experiment/json/v1"
)

// ErrNotFound is returned by Tx.Get and Load for a key that is not there.
var ErrNotFound = errors.New("store: not found")

// Stop, returned by the function given to Tx.Scan, ends the scan without error.
var Stop = errors.New("store: stop")

// Store runs functions in transactions. It is safe for concurrent use. A
// function must not call the store again: it would wait for itself.
type Store interface {
	// View runs fn on a consistent snapshot; writes in it fail.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in a serializable transaction and returns nil once the
	// writes are durable. An error of fn undoes its writes and is returned as
	// it is. fn may run more than once and must have no effect but through
	// its Tx: no HSM, network, clock or random numbers in it. It may run on
	// another goroutine. ctx counts until fn has ended; then the outcome of
	// the commit is waited for, so that it is known.
	Update(ctx context.Context, fn func(Tx) error) error
	// Close waits for running transactions and releases the store.
	Close() error
}

// Tx reads and writes records. It is valid only inside its function and not
// safe for concurrent use. Values handed out may be kept.
type Tx interface {
	// Get returns the value, or ErrNotFound.
	Get(bucket, key string) ([]byte, error)
	// Put writes the value, a JSON document, replacing what was there.
	Put(bucket, key string, value []byte) error
	// Delete removes the key; a missing one is no error.
	Delete(bucket, key string) error
	// Scan calls fn in key order for each key that has the prefix and is
	// greater than after ("" for all). fn must not write to the bucket.
	Scan(bucket, prefix, after string, fn func(key string, value []byte) error) error
}

// Load reads the JSON record at key; ErrNotFound, wrapped, if there is none.
func Load[T any](tx Tx, bucket, key string) (v T, err error) {
	b, err := look(tx, bucket, key)
	if err != nil {
		return v, fmt.Errorf("load %s: %w", bucket, err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("load %s: %w", bucket, err)
	}
	return v, nil
}

// LoadMember reads one member of the JSON object at key, the zero value if the
// object has none of the name; ErrNotFound, wrapped, if there is no record. What
// stands behind the member is not read: it is for a small one of a long record.
func LoadMember[T any](tx Tx, bucket, key, name string) (v T, err error) {
	b, err := look(tx, bucket, key)
	if err == nil {
		b, err = member(b, name)
	}
	if err == nil && b != nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		return v, fmt.Errorf("load %s of %s: %w", name, bucket, err)
	}
	return v, nil
}

// member returns the value of an object's first member of the name, nil if
// there is none.
func member(object []byte, name string) ([]byte, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(object), jsontext.AllowDuplicateNames(true))
	if t, err := d.ReadToken(); err != nil {
		return nil, err
	} else if t.Kind() != '{' {
		return nil, errors.New("it is no object")
	}
	for d.PeekKind() == '"' {
		t, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		if t.String() == name {
			return d.ReadValue()
		}
		if err := d.SkipValue(); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken() // the end, or why it is none
	return nil, err
}

// Save writes the JSON record at key.
func Save[T any](tx Tx, bucket, key string, v T) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("save %s: %w", bucket, err)
	}
	if p, ok := tx.(validPutter); ok {
		return p.putValid(bucket, key, b)
	}
	return tx.Put(bucket, key, b)
}

// Read is Load of one record in a View of its own. What is read alone needs no
// transaction of the server: it is one message there and one back.
func Read[T any](ctx context.Context, s Store, bucket, key string) (v T, err error) {
	if a, ok := s.(reader); ok {
		if b, done, err := a.read(ctx, Key{bucket, key}); done || err != nil {
			if err == nil {
				err = json.Unmarshal(b, &v)
			}
			if err != nil {
				return v, fmt.Errorf("load %s: %w", bucket, err)
			}
			return v, nil
		}
	}
	err = s.View(ctx, func(tx Tx) (err error) {
		v, err = Load[T](tx, bucket, key)
		return err
	})
	return v, err
}

// reader is a Store that reads one key without a transaction. done is false
// where it does not; err is ErrNotFound if the key is not there.
type reader interface {
	read(ctx context.Context, k Key) (value []byte, done bool, err error)
}

// Key is where a record is.
type Key struct{ Bucket, Key string }

// Ahead says which keys the function is about to read, so that a store at the
// other end of a network is asked for all of them at once. It changes nothing
// but the time that takes: what is read is what would be read without.
func Ahead(tx Tx, keys ...Key) {
	if a, ok := tx.(aheader); ok {
		a.ahead(keys)
	}
}

// aheader is a Tx, or the engine behind it, to which it makes a difference.
type aheader interface{ ahead(keys []Key) }

// look returns a value that is not to be kept or changed.
func look(tx Tx, bucket, key string) ([]byte, error) {
	if p, ok := tx.(peeker); ok {
		return p.peek(bucket, key)
	}
	return tx.Get(bucket, key)
}

// peeker is a Tx that shows a value without copying it. The value is good
// until the next write or the end of the transaction, and is not changed.
type peeker interface {
	peek(bucket, key string) ([]byte, error)
}

// validPutter is a Tx that takes a value which is known to be JSON and is
// nobody else's, and so needs neither a look nor a copy.
type validPutter interface {
	putValid(bucket, key string, value []byte) error
}

// Has reports whether the key is there.
func Has(tx Tx, bucket, key string) (bool, error) {
	_, err := look(tx, bucket, key)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Each calls fn with every record of the bucket whose key has the prefix, in
// key order, starting after the key after ("" for all).
func Each[T any](tx Tx, bucket, prefix, after string, fn func(key string, v T) error) error {
	return tx.Scan(bucket, prefix, after, func(key string, value []byte) error {
		var v T
		if err := json.Unmarshal(value, &v); err != nil {
			return fmt.Errorf("scan %s: %w", bucket, err)
		}
		return fn(key, v)
	})
}
