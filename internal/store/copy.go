package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"mohr/internal/fault"
)

// Lister is a Store that knows its buckets, in order; both engines do.
type Lister interface {
	Buckets(ctx context.Context) ([]string, error)
}

const (
	// copyBucket is in a store that is being copied to. Its one record says how
	// far the copy has come; it goes when the copy is whole.
	copyBucket, copyKey = "store_copy", "state"
	// copyRows and copySize bound what one transaction of a copy writes.
	copyRows, copySize = 2000, 8 << 20
)

// copyState is how far a copy has come: all up to and with the key.
type copyState struct {
	Bucket string `json:"bucket"`
	After  string `json:"after"` // hex, for keys may be no text
}

// Content is what a store holds.
type Content struct {
	Records int64         `json:"records"`
	SHA256  string        `json:"sha256"` // hex, over Buckets
	Buckets []BucketCount `json:"buckets"`
}

// BucketCount is what a bucket holds. Its hash is over every key and value in
// order, each behind its length; values in a canonical form, so that engines
// that write JSON otherwise come to the same.
type BucketCount struct {
	Bucket  string `json:"bucket"`
	Records int64  `json:"records"`
	SHA256  string `json:"sha256"` // hex
}

// Copy copies all records of one store to another, which is empty or has a
// part of an earlier run, and compares both at the end. Nobody may use the
// stores meanwhile. progress hears now and then how many records have been
// looked at: each counts three times, for copying and for comparing both sides.
func Copy(ctx context.Context, from, to Store, progress func(records int64)) (Content, error) {
	step := counted(progress)
	state, err := beginCopy(ctx, to)
	if err != nil {
		return Content{}, err
	}
	if err := copyAll(ctx, from, to, state, step); err != nil {
		return Content{}, err
	}
	had, err := inspect(ctx, from, step)
	if err != nil {
		return had, err
	}
	has, err := inspect(ctx, to, step)
	if err != nil {
		return has, err
	}
	if had.SHA256 != has.SHA256 {
		return has, fault.New(fault.Conflict, "store_copy_differs", "%s is not the same on both sides: somebody wrote to one of the stores; empty the target and begin again", had.differs(has))
	}
	return has, to.Update(ctx, func(tx Tx) error { return tx.Delete(copyBucket, copyKey) })
}

// Whole is an error for a store that holds a part of a copy.
func Whole(tx Tx) error {
	half, err := Has(tx, copyBucket, copyKey)
	if err == nil && half {
		err = fault.New(fault.Conflict, "store_copy_unfinished", "the store holds a part of a copy; run mohr store copy to its end")
	}
	return err
}

// beginCopy returns how far an earlier run came. A store that holds anything
// else is refused.
func beginCopy(ctx context.Context, to Store) (state copyState, err error) {
	names, err := listed(ctx, to)
	if err != nil {
		return state, err
	}
	err = to.Update(ctx, func(tx Tx) (err error) {
		if state, err = Load[copyState](tx, copyBucket, copyKey); !errors.Is(err, ErrNotFound) {
			return err
		}
		for _, name := range names {
			err := tx.Scan(name, "", "", func(string, []byte) error {
				return fault.New(fault.Conflict, "store_not_empty", "the store to copy to has records (in %s); nothing was copied", name)
			})
			if err != nil {
				return err
			}
		}
		state = copyState{}
		return Save(tx, copyBucket, copyKey, state)
	})
	return state, err
}

func listed(ctx context.Context, s Store) ([]string, error) {
	l, ok := s.(Lister)
	if !ok {
		return nil, fmt.Errorf("store: %T does not list its buckets", s)
	}
	names, err := l.Buckets(ctx)
	return slices.DeleteFunc(names, func(name string) bool { return name == copyBucket }), err
}

func copyAll(ctx context.Context, from, to Store, state copyState, step func()) error {
	names, err := listed(ctx, from)
	if err != nil {
		return err
	}
	after, err := hex.DecodeString(state.After)
	if err != nil {
		return fmt.Errorf("copy: state: %w", err)
	}
	return from.View(ctx, func(tx Tx) error {
		for _, name := range names {
			switch {
			case name < state.Bucket:
				continue
			case name > state.Bucket:
				after = nil
			}
			if err := copyOne(ctx, tx, to, name, string(after), step); err != nil {
				return fmt.Errorf("copy bucket %s: %w", name, err)
			}
		}
		return nil
	})
}

// copyOne copies a bucket's records behind the key.
func copyOne(ctx context.Context, from Tx, to Store, bucket, after string, step func()) error {
	var batch []row
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := to.Update(ctx, func(tx Tx) error {
			for _, r := range batch {
				if err := tx.Put(bucket, r.key, r.value); err != nil {
					return err
				}
			}
			return Save(tx, copyBucket, copyKey, copyState{bucket, hex.EncodeToString([]byte(batch[len(batch)-1].key))})
		})
		batch, size = batch[:0], 0
		return err
	}
	err := from.Scan(bucket, "", after, func(key string, value []byte) error {
		batch, size = append(batch, row{key, value}), size+len(key)+len(value)
		step()
		if len(batch) == copyRows || size > copySize {
			return flush()
		}
		return nil
	})
	return errors.Join(err, flush())
}

// Inspect counts and hashes what a store holds, as of one moment. progress
// hears now and then how many records have been looked at.
func Inspect(ctx context.Context, s Store, progress func(records int64)) (Content, error) {
	return inspect(ctx, s, counted(progress))
}

// counted returns a function that counts its calls, for progress to hear of
// every thousandth.
func counted(progress func(int64)) func() {
	n := int64(0)
	return func() {
		if n++; n%1000 == 0 {
			progress(n)
		}
	}
}

func inspect(ctx context.Context, s Store, step func()) (c Content, err error) {
	names, err := listed(ctx, s)
	if err != nil {
		return c, err
	}
	all := sha256.New()
	err = s.View(ctx, func(tx Tx) error {
		for _, name := range names {
			b := BucketCount{Bucket: name}
			h := sha256.New()
			err := tx.Scan(name, "", "", func(key string, value []byte) error {
				v, err := canonical(value)
				if err != nil {
					return fmt.Errorf("bucket %s: %w", name, err)
				}
				writeFramed(h, []byte(key))
				writeFramed(h, v)
				b.Records++
				step()
				return nil
			})
			if err != nil {
				return err
			}
			if b.Records == 0 {
				continue // engines differ in whether an empty bucket is there
			}
			b.SHA256 = hex.EncodeToString(h.Sum(nil))
			writeFramed(all, []byte(name))
			writeFramed(all, []byte(b.SHA256))
			c.Buckets, c.Records = append(c.Buckets, b), c.Records+b.Records
		}
		return nil
	})
	c.SHA256 = hex.EncodeToString(all.Sum(nil))
	return c, err
}

// differs names the first bucket in which two contents differ.
func (c Content) differs(other Content) string {
	for _, b := range c.Buckets {
		if !slices.Contains(other.Buckets, b) {
			return b.Bucket
		}
	}
	for _, b := range other.Buckets {
		if !slices.Contains(c.Buckets, b) {
			return b.Bucket
		}
	}
	return "nothing"
}
