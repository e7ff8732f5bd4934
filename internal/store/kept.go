package store

import (
	"time"

	"mohr/internal/memo"
)

// Versioned is a Store that nobody else writes to. What was read after Version
// returned v is still what it holds while it returns the same v and settled.
// Without settled a commit is under way, and nothing is known.
type Versioned interface {
	Version() (v uint64, settled bool)
}

// Kept remembers what was made of what a store holds until that is next
// written to, or the second is over in which it was made: it is never behind.
// Of a store that is not Versioned, one that other nodes write to as well, it
// remembers nothing. Values are shared and not changed. It is safe for
// concurrent use.
type Kept[K comparable, V any] struct {
	store Versioned // nil: nothing is remembered
	made  *memo.Map[K, made[V]]
}

type made[V any] struct {
	version uint64
	second  int64
	value   V
}

// NewKept returns a Kept of at most limit values.
func NewKept[K comparable, V any](s Store, limit int) *Kept[K, V] {
	v, _ := s.(Versioned)
	return &Kept[K, V]{v, memo.New[K, made[V]](limit)}
}

// Get returns the value for the key as of now; read makes it where it is not
// remembered. An error of read is returned and not remembered.
func (k *Kept[K, V]) Get(key K, now time.Time, read func() (V, error)) (V, error) {
	if k.store == nil {
		return read()
	}
	// The version is taken before the reading: what is written meanwhile
	// makes the value one of the past.
	version, settled := k.store.Version()
	if !settled {
		return read()
	}
	if had, ok := k.made.Get(key); ok && had.version == version && had.second == now.Unix() {
		return had.value, nil
	}
	v, err := read()
	if err == nil {
		k.made.Put(key, made[V]{version, now.Unix(), v})
	}
	return v, err
}
