package ledger

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// Prove returns the inclusion proof of the leaf with the id (Event.ID) in the
// tree of the newest checkpoint; Unavailable while it waits for its index,
// NotFound if it was never appended.
func (l *Log) Prove(ctx context.Context, id string) (Proof, error) {
	var p Proof
	err := l.Store.View(ctx, func(tx store.Tx) error {
		index, ok, err := loadIndex(tx, id)
		if err != nil {
			return err
		}
		if !ok {
			return unindexed(tx, id)
		}
		c, err := l.published(tx)
		if err != nil {
			return err
		}
		if index >= c.Size {
			return errWaiting()
		}
		p, err = l.prove(tx, c, index, id)
		return err
	})
	return p, err
}

// unindexed tells a leaf that waits from one that was never appended.
func unindexed(tx store.Tx, id string) error {
	switch waits, err := store.Has(tx, waitingBucket, id); {
	case err != nil:
		return err
	case waits:
		return errWaiting()
	}
	return fault.New(fault.NotFound, "log_leaf_unknown", "the log has no entry with this id; check the id")
}

func errWaiting() error {
	return fault.New(fault.Unavailable, "log_leaf_waiting", "the entry is recorded and waits for its place in the log; try again in a second")
}

// prove builds the proof and checks it: a proof that does not hold is never
// handed out.
func (l *Log) prove(tx store.Tx, c checkpointRecord, index int64, id string) (Proof, error) {
	leaf, err := store.Load[leafRecord](tx, leafBucket, indexKey(index))
	if errors.Is(err, store.ErrNotFound) {
		return Proof{}, fmt.Errorf("%w: leaf %d is missing", ErrDamaged, index)
	}
	if err != nil {
		return Proof{}, err
	}
	path, err := tlog.ProveRecord(c.Size, index, newTileReader(tx))
	if err != nil {
		return Proof{}, fmt.Errorf("prove leaf %d: %w", index, err)
	}
	if leafID(leaf.Leaf) != id {
		return Proof{}, fmt.Errorf("%w: leaf %d is not the one with the id %s", ErrDamaged, index, id)
	}
	if err := tlog.CheckRecord(path, c.Size, c.Root, index, tlog.RecordHash(leaf.Leaf)); err != nil {
		return Proof{}, fmt.Errorf("%w: leaf %d is not in the tree of the checkpoint", ErrDamaged, index)
	}
	p := Proof{Leaf: leaf.Leaf, Index: index, Size: c.Size, Hashes: [][]byte{}, Checkpoint: l.alone(c.Note)}
	for _, h := range path {
		p.Hashes = append(p.Hashes, h[:])
	}
	return p, nil
}

// ProveConsistency returns the proof that the tree of the newest checkpoint
// begins with the tree of the size; Invalid for a size the log did not have.
func (l *Log) ProveConsistency(ctx context.Context, size int64) (Consistency, error) {
	var p Consistency
	err := l.Store.View(ctx, func(tx store.Tx) error {
		c, err := l.published(tx)
		if err != nil {
			return err
		}
		if size < 1 || size > c.Size {
			return errSize(c.Size)
		}
		path, err := tlog.ProveTree(c.Size, size, newTileReader(tx))
		if err != nil {
			return fmt.Errorf("prove consistency with size %d: %w", size, err)
		}
		p = Consistency{From: size, Size: c.Size, Hashes: [][]byte{}, Checkpoint: l.alone(c.Note)}
		for _, h := range path {
			p.Hashes = append(p.Hashes, h[:])
		}
		return nil
	})
	return p, err
}

func errSize(size int64) error {
	return fault.New(fault.Invalid, "log_size_unknown", "the log has no tree of this size; give one between 1 and %[1]d", size)
}
