package ledger

import (
	"bytes"
	"errors"
	"math"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/tlog"

	"mohr/internal/fault"
)

// Limits of a proof from outside. A tree of 2^63 leaves needs 63 hashes.
const (
	maxProof  = 256 << 10
	maxHashes = 64
)

// Proof shows that a leaf is in the tree of a checkpoint. It needs no service to check.
type Proof struct {
	Leaf       []byte   `json:"leaf"`
	Index      int64    `json:"index"`
	Size       int64    `json:"size"`
	Hashes     [][]byte `json:"hashes"`     // RFC 6962 section 2.1.1, base64
	Checkpoint string   `json:"checkpoint"` // signed note (C2SP tlog-checkpoint)
}

// Consistency shows that the tree of a checkpoint begins with an older one.
type Consistency struct {
	From       int64    `json:"from"` // size of the older tree
	Size       int64    `json:"size"`
	Hashes     [][]byte `json:"hashes"` // RFC 6962 section 2.1.2, base64
	Checkpoint string   `json:"checkpoint"`
}

// ParseProof reads a proof as JSON: every member once and no other, nothing
// behind it. What it says is for Verify to check.
func ParseProof(b []byte) (Proof, error) {
	malformed := func(why string) (Proof, error) {
		return Proof{}, fault.New(fault.Invalid, "log_proof_malformed", "this is not a proof of the log (%[1]s); fetch it again", why)
	}
	if len(b) > maxProof {
		return malformed("too long")
	}
	var p struct {
		Leaf       *[]byte   `json:"leaf"`
		Index      *int64    `json:"index"`
		Size       *int64    `json:"size"`
		Hashes     *[][]byte `json:"hashes"`
		Checkpoint *string   `json:"checkpoint"`
	}
	if err := json.Unmarshal(b, &p, json.RejectUnknownMembers(true)); err != nil {
		return malformed("not the expected JSON")
	}
	if p.Leaf == nil || p.Index == nil || p.Size == nil || p.Hashes == nil || p.Checkpoint == nil {
		return malformed("a member is missing")
	}
	return Proof{Leaf: *p.Leaf, Index: *p.Index, Size: *p.Size, Hashes: *p.Hashes, Checkpoint: *p.Checkpoint}, nil
}

// Verify checks the proof, offline: the checkpoint is signed by the key
// (Log.VerifierKey) and the leaf is in its tree at the index. Every refusal
// is Invalid.
func (p Proof) Verify(vkey string) error {
	c, err := OpenCheckpoint(p.Checkpoint, vkey)
	if err != nil {
		return err
	}
	path, err := hashes(p.Hashes)
	switch {
	case err != nil:
		return unproven(err.Error())
	case len(p.Leaf) == 0 || len(p.Leaf) > math.MaxUint16:
		return unproven("no leaf, or too long a one")
	case p.Size != c.Size:
		return unproven("its size is not the checkpoint's")
	case p.Index < 0 || p.Index >= p.Size:
		return unproven("its index is outside the tree")
	}
	if err := tlog.CheckRecord(path, c.Size, c.Root, p.Index, tlog.RecordHash(p.Leaf)); err != nil {
		return unproven("the leaf is not in the checkpoint's tree")
	}
	return nil
}

// Event returns the event that the leaf is; Invalid if it is none, or not
// written as this log writes events.
func (p Proof) Event() (Event, error) {
	var e Event
	if err := json.Unmarshal(p.Leaf, &e, json.RejectUnknownMembers(true)); err != nil {
		return Event{}, unproven("its leaf is no event")
	}
	if leaf, err := e.Leaf(); err != nil || !bytes.Equal(leaf, p.Leaf) {
		return Event{}, unproven("its leaf is no event in canonical form")
	}
	return e, nil
}

// Verify checks, offline, that the newer checkpoint extends the older; both
// are signed by the key. Every refusal is Invalid.
func (p Consistency) Verify(vkey, older string) error {
	was, err := OpenCheckpoint(older, vkey)
	if err != nil {
		return err
	}
	is, err := OpenCheckpoint(p.Checkpoint, vkey)
	if err != nil {
		return err
	}
	path, err := hashes(p.Hashes)
	switch {
	case err != nil:
		return unproven(err.Error())
	case p.From != was.Size || p.Size != is.Size:
		return unproven("its sizes are not the checkpoints'")
	case p.From < 1 || p.From > p.Size:
		return unproven("its sizes are out of order")
	}
	if err := tlog.CheckTree(path, is.Size, is.Root, was.Size, was.Root); err != nil {
		return unproven("the newer tree does not begin with the older")
	}
	return nil
}

func unproven(why string) error {
	return fault.New(fault.Invalid, "log_proof_fails", "this proof of the log does not hold (%[1]s); do not rely on it", why)
}

// hashes checks the form of a path.
func hashes(list [][]byte) ([]tlog.Hash, error) {
	if len(list) > maxHashes {
		return nil, errors.New("too many hashes")
	}
	out := make([]tlog.Hash, len(list))
	for i, b := range list {
		if len(b) != tlog.HashSize {
			return nil, errors.New("a hash is not of 32 octets")
		}
		out[i] = tlog.Hash(b)
	}
	return out, nil
}
