package ledger

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"mohr/internal/store"
)

// Buckets of this room.
const (
	pendingBucket = "ledger_pending" // time-id -> pendingLeaf: waits for its index
	waitingBucket = "ledger_waiting" // id -> key in pendingBucket
	leafBucket    = "ledger_leaves"  // index -> leafRecord
	idBucket      = "ledger_ids"     // id -> index
	tileBucket    = "ledger_tiles"   // level/number -> tileRecord
	stateBucket   = "ledger_state"   // stateTree -> treeHead, stateCheckpoint -> checkpointRecord, stateName -> nameRecord
)

// Keys of stateBucket.
const (
	stateTree       = "tree"
	stateCheckpoint = "checkpoint"
	stateName       = "name"
)

// pendingLeaf is a leaf that waits for its place in the tree.
type pendingLeaf struct {
	Leaf []byte `json:"leaf"`
}

// leafRecord is a leaf with its place. Its bytes are kept as they were
// hashed: PostgreSQL's jsonb would reorder the keys of the event.
type leafRecord struct {
	ID   string `json:"id"`
	Leaf []byte `json:"leaf"`
}

// tileRecord is a tile, full or not yet: up to 256 hashes, one after the other.
type tileRecord struct {
	Hashes []byte `json:"hashes"`
}

// treeHead says how far the tree reaches in the store.
type treeHead struct {
	Size int64     `json:"size"`
	Root tlog.Hash `json:"root"`
}

// checkpointRecord is the newest signed checkpoint.
type checkpointRecord struct {
	treeHead
	Note string    `json:"note"`
	At   time.Time `json:"at"`
}

func indexKey(index int64) string { return fmt.Sprintf("%016x", index) }

// parseIndexKey is the index of an indexKey; false for what is none.
func parseIndexKey(key string) (int64, bool) {
	index, err := strconv.ParseInt(key, 16, 64)
	return index, err == nil && indexKey(index) == key
}

func tileKey(level int, n int64) string { return fmt.Sprintf("%02x/%016x", level, n) }

// loadTree returns the head of the tree; the empty tree's if nothing was
// sequenced yet.
func loadTree(tx store.Tx) (treeHead, error) {
	head, err := store.Load[treeHead](tx, stateBucket, stateTree)
	if errors.Is(err, store.ErrNotFound) {
		root, err := tlog.TreeHash(0, nil)
		return treeHead{Root: root}, err
	}
	return head, err
}

// loadCheckpoint returns the newest checkpoint, and whether there is one.
func loadCheckpoint(tx store.Tx) (checkpointRecord, bool, error) {
	c, err := store.Load[checkpointRecord](tx, stateBucket, stateCheckpoint)
	if errors.Is(err, store.ErrNotFound) {
		return c, false, nil
	}
	return c, err == nil, err
}

// loadIndex returns the index of the leaf with the id, and whether it has one.
func loadIndex(tx store.Tx, id string) (int64, bool, error) {
	index, err := store.Load[int64](tx, idBucket, id)
	if errors.Is(err, store.ErrNotFound) {
		return 0, false, nil
	}
	return index, err == nil, err
}
