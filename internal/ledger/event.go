package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mohr/internal/store"
)

// maxLeaf bounds a leaf. An entry bundle could carry 65535 octets (C2SP
// tlog-tiles); an event is a few hundred.
const maxLeaf = 4096

// Event is one deed, as the public log shows it: nothing personal is in it.
type Event struct {
	Kind    string    `json:"kind"`           // what was done: "certificate.issued"
	Subject string    `json:"subject"`        // public name of what it was done to: a serial, a badge id
	At      time.Time `json:"at"`             // UTC, whole seconds
	Hash    string    `json:"hash,omitempty"` // hex SHA-256 of the deed's record, or a salted commitment to it
	Note    string    `json:"note,omitempty"` // a word from a closed set: the reason of a revocation, a decision
}

// Leaf returns the leaf's bytes: the event as canonical JSON (RFC 8785).
func (e Event) Leaf() ([]byte, error) {
	e.At = e.At.UTC().Truncate(time.Second)
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	v := jsontext.Value(b)
	if err := v.Canonicalize(); err != nil {
		return nil, fmt.Errorf("canonical event: %w", err)
	}
	if len(v) > maxLeaf {
		return nil, fmt.Errorf("ledger: an event %q of %d octets is above %d", e.Kind, len(v), maxLeaf)
	}
	return v, nil
}

// ParseEvent reads a leaf; Invalid if it is no event, or not written as Leaf
// writes it: then it may hold something else besides.
func ParseEvent(leaf []byte) (Event, error) {
	var e Event
	if err := jsonv2.Unmarshal(leaf, &e, jsonv2.RejectUnknownMembers(true)); err != nil {
		return Event{}, unproven("its leaf is no event")
	}
	if again, err := e.Leaf(); err != nil || !bytes.Equal(again, leaf) {
		return Event{}, unproven("its leaf is no event in canonical form")
	}
	return e, nil
}

// ID names the leaf: the hex SHA-256 of its bytes.
func (e Event) ID() (string, error) {
	leaf, err := e.Leaf()
	if err != nil {
		return "", err
	}
	return leafID(leaf), nil
}

// leafID names a leaf by the hex SHA-256 of its bytes.
func leafID(leaf []byte) string {
	sum := sha256.Sum256(leaf)
	return hex.EncodeToString(sum[:])
}

// Append records e in the transaction of the deed. The sequencer gives it an
// index within a second. The same event twice is one leaf, even where the
// second comes after the first has its index. It reads nothing, so that
// concurrent deeds do not conflict here.
func Append(tx store.Tx, e Event) error {
	leaf, err := e.Leaf()
	if err != nil {
		return err
	}
	id := leafID(leaf)
	key := fmt.Sprintf("%016x-%s", uint64(e.At.Unix()), id)
	if err := store.Save(tx, waitingBucket, id, key); err != nil {
		return err
	}
	return store.Save(tx, pendingBucket, key, pendingLeaf{Leaf: leaf})
}
