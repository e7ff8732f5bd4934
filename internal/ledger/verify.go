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
	var head treeHead
	var c Checkpoint
	err := l.Store.View(ctx, func(tx store.Tx) error {
		r, err := l.published(tx)
		if err != nil {
			return err
		}
		c = r.checkpoint(l.Origin)
		if head, err = loadTree(tx); err != nil {
			return err
		}
		return l.checkHeads(tx, head, r)
	})
	if err != nil {
		return Report{}, err
	}
	var atCheckpoint tlog.Hash
	made := &rebuild{tile: func(t tlog.Tile, hashes []tlog.Hash) error { return l.compareTile(ctx, t, hashes) }}
	for made.size < head.Size {
		if err := l.readChunk(ctx, made, head.Size, func() {
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

// checkHeads compares the records that say how far the log reaches.
func (l *Log) checkHeads(tx store.Tx, head treeHead, r checkpointRecord) error {
	c, err := OpenCheckpoint(r.Note, l.VerifierKey())
	switch {
	case err != nil:
		return fmt.Errorf("%w: the checkpoint is not signed by our key: %w", ErrDamaged, err)
	case c.Size != r.Size || c.Root != r.Root:
		return fmt.Errorf("%w: the checkpoint's record is not what was signed", ErrDamaged)
	case c.Size > head.Size:
		return fmt.Errorf("%w: a checkpoint over %d leaves was signed and the tree has %d", ErrDamaged, c.Size, head.Size)
	}
	return eachLeaf(tx, head.Size, func(index int64, _ leafRecord) error {
		return fmt.Errorf("%w: leaf %d is behind the end of the tree", ErrDamaged, index)
	})
}

// readChunk adds the next leaves and calls added after each.
func (l *Log) readChunk(ctx context.Context, made *rebuild, size int64, added func()) error {
	end := min(made.size+verifyChunk, size)
	var leaves []leafRecord
	err := l.Store.View(ctx, func(tx store.Tx) error {
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
func (l *Log) compareTile(ctx context.Context, t tlog.Tile, hashes []tlog.Hash) error {
	return l.Store.View(ctx, func(tx store.Tx) error {
		stored, err := newTileReader(tx).tile(t.L, t.N)
		if err == nil && !bytes.HasPrefix(stored, joined(hashes)) {
			err = fmt.Errorf("%w: %s differs from the leaves", ErrDamaged, tilePath(t))
		}
		return err
	})
}

// VerifyTiles recomputes the whole tree from what a log publishes and
// compares it with its tiles and its checkpoint. fetch returns the bytes at
// a path below the log's prefix ("checkpoint", "tile/entries/000.p/5"); it
// must bound them. A difference is ErrDamaged.
func VerifyTiles(ctx context.Context, fetch func(path string) ([]byte, error), vkey string) (Report, error) {
	signed, err := fetch("checkpoint")
	if err != nil {
		return Report{}, fmt.Errorf("fetch checkpoint: %w", err)
	}
	c, err := OpenCheckpoint(string(signed), vkey)
	if err != nil {
		return Report{}, err
	}
	made := &rebuild{tile: func(t tlog.Tile, hashes []tlog.Hash) error {
		b, err := fetch(tilePath(t))
		if err != nil {
			return fmt.Errorf("fetch %s: %w", tilePath(t), err)
		}
		if !bytes.Equal(b, joined(hashes)) {
			return fmt.Errorf("%w: %s differs from the entries", ErrDamaged, tilePath(t))
		}
		return nil
	}}
	for made.size < c.Size {
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		t := tlog.Tile{H: tileHeight, L: -1, N: made.size >> tileHeight, W: int(min(c.Size-made.size, tileWidth))}
		b, err := fetch(tilePath(t))
		if err != nil {
			return Report{}, fmt.Errorf("fetch %s: %w", tilePath(t), err)
		}
		leaves, err := splitBundle(b, t.W)
		if err != nil {
			return Report{}, fmt.Errorf("%w: %s: %w", ErrDamaged, tilePath(t), err)
		}
		for _, leaf := range leaves {
			if err := made.add(leaf); err != nil {
				return Report{}, err
			}
		}
	}
	if err := made.end(); err != nil {
		return Report{}, err
	}
	if made.root() != c.Root {
		return Report{}, fmt.Errorf("%w: the entries do not give the root of the checkpoint", ErrDamaged)
	}
	return Report{Size: c.Size, Root: c.Root, Checkpoint: c}, nil
}
