package ledger

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"mohr/internal/store"
)

// verifyChunk is how many leaves one transaction of VerifyStore reads.
const verifyChunk = 4096

// Report says what a verification went through.
type Report struct {
	Size       int64      // leaves recomputed
	Root       tlog.Hash  // of their tree
	Checkpoint Checkpoint // compared with, its size is at most Size
}

// VerifyStore recomputes the whole tree from the stored leaves and compares
// it with the tiles, the ids, the head and the newest checkpoint, whose
// signature it verifies. A difference is ErrDamaged. The log may grow
// meanwhile; what is added after the start is not looked at. It reads in many
// short transactions.
func (l *Log) VerifyStore(ctx context.Context) (Report, error) {
	return VerifyStored(ctx, l.Store, l.VerifierKey())
}

// VerifyStored is VerifyStore for a store without the log's key: a backup.
func VerifyStored(ctx context.Context, s store.Store, vkey string) (Report, error) {
	v := storeVerifier{s: s, vkey: vkey}
	head, c, err := v.heads(ctx)
	if err != nil {
		return Report{}, err
	}
	var atCheckpoint tlog.Hash
	made := &rebuild{tile: func(t tlog.Tile, hashes []tlog.Hash) error { return v.compareTile(ctx, t, hashes) }}
	for made.size < head.Size {
		if err := v.readChunk(ctx, made, head.Size, func() {
			if made.size == c.Size {
				atCheckpoint = made.root()
			}
		}); err != nil {
			return Report{}, err
		}
	}
	if err := made.end(); err != nil {
		return Report{}, err
	}
	if c.Size == 0 {
		atCheckpoint = (&rebuild{}).root()
	}
	switch {
	case made.root() != head.Root:
		return Report{}, fmt.Errorf("%w: the leaves do not give the root of the tree", ErrDamaged)
	case atCheckpoint != c.Root:
		return Report{}, fmt.Errorf("%w: the leaves do not give the root of the checkpoint", ErrDamaged)
	}
	return Report{Size: head.Size, Root: head.Root, Checkpoint: c}, nil
}

// storeVerifier goes through a stored log.
type storeVerifier struct {
	s    store.Store
	vkey string
}

// heads returns how far the log reaches, after its records were compared.
func (v storeVerifier) heads(ctx context.Context) (head treeHead, c Checkpoint, err error) {
	err = v.s.View(ctx, func(tx store.Tx) error {
		r, ok, err := loadCheckpoint(tx)
		if err != nil {
			return err
		}
		if !ok {
			return errNoCheckpoint()
		}
		if head, err = loadTree(tx); err != nil {
			return err
		}
		c, err = v.checkHeads(tx, head, r)
		return err
	})
	return head, c, err
}

// checkHeads compares the records that say how far the log reaches.
func (v storeVerifier) checkHeads(tx store.Tx, head treeHead, r checkpointRecord) (Checkpoint, error) {
	c, err := OpenCheckpoint(r.Note, v.vkey)
	switch {
	case err != nil:
		return c, fmt.Errorf("%w: the checkpoint is not signed by the log's key: %w", ErrDamaged, err)
	case c.Size != r.Size || c.Root != r.Root:
		return c, fmt.Errorf("%w: the checkpoint's record is not what was signed", ErrDamaged)
	case c.Size > head.Size:
		return c, fmt.Errorf("%w: a checkpoint over %d leaves was signed and the tree has %d", ErrDamaged, c.Size, head.Size)
	}
	return c, eachLeaf(tx, head.Size, func(index int64, _ leafRecord) error {
		return fmt.Errorf("%w: leaf %d is behind the end of the tree", ErrDamaged, index)
	})
}

// readChunk adds the next leaves and calls added after each.
func (v storeVerifier) readChunk(ctx context.Context, made *rebuild, size int64, added func()) error {
	end := min(made.size+verifyChunk, size)
	var leaves []leafRecord
	err := v.s.View(ctx, func(tx store.Tx) error {
		next := made.size
		err := eachLeaf(tx, next, func(index int64, r leafRecord) error {
			if index != next {
				return fmt.Errorf("%w: leaf %d is missing", ErrDamaged, next)
			}
			at, ok, err := loadIndex(tx, r.ID)
			if err != nil {
				return err
			}
			if leafID(r.Leaf) != r.ID || !ok || at != index {
				return fmt.Errorf("%w: leaf %d is not the one its id says", ErrDamaged, index)
			}
			leaves = append(leaves, r)
			if next++; next == end {
				return store.Stop
			}
			return nil
		})
		if err == nil && next != end {
			err = fmt.Errorf("%w: leaf %d is missing", ErrDamaged, next)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range leaves {
		if err := made.add(r.Leaf); err != nil {
			return err
		}
		added()
	}
	return nil
}

// compareTile compares a recomputed tile with the stored one, which may have
// grown since.
func (v storeVerifier) compareTile(ctx context.Context, t tlog.Tile, hashes []tlog.Hash) error {
	return v.s.View(ctx, func(tx store.Tx) error {
		stored, err := newTileReader(tx).tile(t.L, t.N)
		if err == nil && !bytes.HasPrefix(stored, joined(hashes)) {
			err = fmt.Errorf("%w: %s differs from the leaves", ErrDamaged, tilePath(t))
		}
		return err
	})
}
