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
)

const (
	// maxName bounds a bucket's name and a key, in octets.
	maxName = 2 << 10
	// maxValue bounds a value, in octets.
	maxValue = 1<<31 - 2
	// checkEvery is how many keys a scan goes through between looks at its context.
	checkEvery = 256
)

// errReadOnly is returned for a write inside View.
var errReadOnly = errors.New("store: write in a read-only transaction")

// engine is an engine's own transaction, to read what is stored.
type engine interface {
	// look returns a value that is good until the engine's next use, or
	// ErrNotFound.
	look(bucket, key string) ([]byte, error)
	// rows returns a function that gives the rows with the prefix whose keys
	// come after the key, in order, one a call, and false at the end.
	rows(bucket, prefix, after string) func() (row, bool, error)
}

// row is a key with its value.
type row struct {
	key   string
	value []byte
}

// layer is one caller's Tx: its own writes over what the engine holds. The
// engine gets them when the function has succeeded.
type layer struct {
	ctx    context.Context
	engine engine
	writes map[string]map[string]write // by bucket and key; nil in a View
	told   []notice                    // for other nodes
}

// write is a pending Put or Delete.
type write struct {
	value []byte
	gone  bool
}

func (t *layer) Get(bucket, key string) ([]byte, error) {
	v, err := t.peek(bucket, key)
	return bytes.Clone(v), err
}

func (t *layer) peek(bucket, key string) ([]byte, error) {
	if w, ok := t.writes[bucket][key]; ok {
		if w.gone {
			return nil, ErrNotFound
		}
		return w.value, nil
	}
	return t.engine.look(bucket, key)
}

func (t *layer) Put(bucket, key string, value []byte) error {
	if !json.Valid(value) {
		return fmt.Errorf("put in bucket %q: the value is not JSON", bucket)
	}
	return t.putValid(bucket, key, append([]byte{}, value...))
}

func (t *layer) putValid(bucket, key string, value []byte) error {
	// What an engine would refuse is refused here: later it would be the error
	// of everyone who shares the commit.
	switch {
	case bucket == "" || key == "":
		return fmt.Errorf("put in bucket %q: the name of the bucket or the key is empty", bucket)
	case len(bucket) > maxName || len(key) > maxName:
		return fmt.Errorf("put: a bucket's name or a key of %d octets is too long", max(len(bucket), len(key)))
	case len(value) > maxValue:
		return fmt.Errorf("put in bucket %q: a value of %d octets is too long", bucket, len(value))
	case hasNUL(value):
		return fmt.Errorf("put in bucket %q: the value has the character U+0000", bucket)
	}
	return t.write(bucket, key, write{value: value})
}

// nul is U+0000 in a JSON string, where it cannot be written otherwise.
var nul = []byte(`\u0000`)

// hasNUL reports whether a string of the JSON document has the character
// U+0000, which PostgreSQL's jsonb cannot keep (8.14.1).
func hasNUL(value []byte) bool {
	for {
		i := bytes.Index(value, nul)
		if i < 0 {
			return false
		}
		slashes := 0 // before it: an odd number escapes its own
		for slashes < i && value[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return true
		}
		value = value[i+len(nul):]
	}
}

func (t *layer) Delete(bucket, key string) error {
	return t.write(bucket, key, write{gone: true})
}

func (t *layer) write(bucket, key string, w write) error {
	if t.writes == nil {
		return errReadOnly
	}
	if t.writes[bucket] == nil {
		t.writes[bucket] = map[string]write{}
	}
	t.writes[bucket][key] = w
	return nil
}

func (t *layer) ahead(keys []Key) {
	if e, ok := t.engine.(aheader); ok {
		e.ahead(keys)
	}
}

func (t *layer) announce(topic, text string) { t.told = append(t.told, notice{topic, text}) }

func (t *layer) Scan(bucket, prefix, after string, fn func(string, []byte) error) error {
	in := func(key string) bool { return strings.HasPrefix(key, prefix) && key > after }
	pending := slices.DeleteFunc(slices.Sorted(maps.Keys(t.writes[bucket])), func(key string) bool { return !in(key) })
	rows := t.engine.rows(bucket, prefix, after)
	r, ok, err := rows()
	for n := 0; err == nil && (ok || len(pending) > 0); n++ {
		if n%checkEvery == 0 && t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		k, v, gone := r.key, r.value, false
		if len(pending) > 0 && (!ok || pending[0] <= r.key) {
			k = pending[0]
			w := t.writes[bucket][k]
			v, gone, pending = w.value, w.gone, pending[1:]
		}
		if ok && k == r.key {
			r, ok, err = rows()
		}
		if gone {
			continue
		}
		if end := fn(k, bytes.Clone(v)); errors.Is(end, Stop) {
			return nil
		} else if end != nil {
			return end
		}
	}
	return err
}
