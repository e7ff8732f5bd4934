package store

import (
	"bytes"

	"mohr/internal/memo"
)

// Memo loads records and remembers how their bytes decode: the store is read
// each time, and what it holds is decoded again only when it has changed. So
// it is never behind. Values are shared by all who load them: they are read
// and not changed. It is safe for concurrent use.
type Memo[T any] struct {
	decoded *memo.Map[Key, decoded[T]]
}

// decoded is a value with the bytes it came from.
type decoded[T any] struct {
	raw   []byte
	value T
}

// NewMemo returns a Memo that remembers at most limit records.
func NewMemo[T any](limit int) Memo[T] {
	return Memo[T]{memo.New[Key, decoded[T]](limit)}
}

// Load is Load of the package for a record that is only read.
func (m Memo[T]) Load(tx Tx, bucket, key string) (T, error) {
	raw, err := look(tx, bucket, key)
	if err == nil {
		if had, ok := m.decoded.Get(Key{bucket, key}); ok && bytes.Equal(had.raw, raw) {
			return had.value, nil
		}
	}
	v, err := Load[T](tx, bucket, key)
	if err == nil {
		m.decoded.Put(Key{bucket, key}, decoded[T]{bytes.Clone(raw), v})
	}
	return v, err
}
