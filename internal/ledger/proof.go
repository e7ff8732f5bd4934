package ledger

import (
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
	var p struct {
		Leaf       *[]byte   `json:"leaf"`
		Index      *int64    `json:"index"`
		Size       *int64    `json:"size"`
		Hashes     *[][]byte `json:"hashes"`
		Checkpoint *string   `json:"checkpoint"`
	}
	if err := parseStrict(b, &p); err != nil {
		return Proof{}, err
	}
	if p.Leaf == nil || p.Index == nil || p.Size == nil || p.Hashes == nil || p.Checkpoint == nil {
		return Proof{}, malformed("a member is missing")
	}
	return Proof{Leaf: *p.Leaf, Index: *p.Index, Size: *p.Size, Hashes: *p.Hashes, Checkpoint: *p.Checkpoint}, nil
}

// ParseConsistency reads a consistency proof as JSON, as strictly.
func ParseConsistency(b []byte) (Consistency, error) {
	var p struct {
		From       *int64    `json:"from"`
		Size       *int64    `json:"size"`
		Hashes     *[][]byte `json:"hashes"`
		Checkpoint *string   `json:"checkpoint"`
	}
	if err := parseStrict(b, &p); err != nil {
		return Consistency{}, err
	}
	if p.From == nil || p.Size == nil || p.Hashes == nil || p.Checkpoint == nil {
		return Consistency{}, malformed("a member is missing")
	}
	return Consistency{From: *p.From, Size: *p.Size, Hashes: *p.Hashes, Checkpoint: *p.Checkpoint}, nil
}

func parseStrict(b []byte, p any) error {
	if len(b) > maxProof {
		return malformed("too long")
	}
	if err := json.Unmarshal(b, p, json.RejectUnknownMembers(true)); err != nil {
		return malformed("not the expected JSON")
	}
	return nil
}

func malformed(why string) error {
	return fault.New(fault.Invalid, "log_proof_malformed", "this is not a proof of the log (%[1]s); fetch it again", why)
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
func (p Proof) Event() (Event, error) { return ParseEvent(p.Leaf) }

// Verify checks, offline, that the newer checkpoint extends the older; both
// are signed by the key. Every refusal is Invalid.
func (p Consistency) Verify(vkey, older string) error {
	was, err := OpenCheckpoint(older, vkey)
	if err != nil {
		return err
	}
	if p.From != was.Size {
		return unproven("it is for another size than the older checkpoint's")
	}
	return p.VerifyRoot(vkey, was.Root)
}

// VerifyRoot is Verify where of the older tree only the root is known.
func (p Consistency) VerifyRoot(vkey string, root tlog.Hash) error {
	is, err := OpenCheckpoint(p.Checkpoint, vkey)
	if err != nil {
		return err
	}
	path, err := hashes(p.Hashes)
	switch {
	case err != nil:
		return unproven(err.Error())
	case p.Size != is.Size:
		return unproven("its size is not the checkpoint's")
	case p.From < 1 || p.From > p.Size:
		return unproven("its sizes are out of order")
	}
	if err := tlog.CheckTree(path, is.Size, is.Root, p.From, root); err != nil {
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
