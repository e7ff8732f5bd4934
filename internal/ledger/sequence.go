package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"mohr/internal/store"
)

// Bounds of one call of Sequence: a transaction takes at most batchLimit
// leaves, a call at most roundLimit transactions.
const (
	batchLimit = 1024
	roundLimit = 64
)

// Sequence gives the waiting leaves their indices and publishes a checkpoint
// over them. It is to be called a few times a second; with nothing to do it
// only reads. A call that is cut short at any point loses nothing, the next
// one goes on. Two nodes may call it at once.
func (l *Log) Sequence(ctx context.Context) error {
	for range roundLimit {
		idle, err := l.idle(ctx)
		if err != nil || idle {
			return err
		}
		head, more, err := l.integrate(ctx)
		if err != nil {
			return fmt.Errorf("sequence leaves: %w", err)
		}
		if err := l.publish(ctx, head); err != nil {
			return fmt.Errorf("publish checkpoint: %w", err)
		}
		if !more {
			return nil
		}
	}
	return nil
}

// idle reports whether nothing waits and the newest checkpoint covers the tree.
func (l *Log) idle(ctx context.Context) (idle bool, err error) {
	err = l.Store.View(ctx, func(tx store.Tx) error {
		batch, err := takePending(tx, 1)
		if err != nil || len(batch) > 0 {
			return err
		}
		head, err := loadTree(tx)
		if err != nil {
			return err
		}
		c, ok, err := loadCheckpoint(tx)
		idle = ok && c.treeHead == head
		return err
	})
	return idle, err
}

// waiting is a pending leaf with its key.
type waiting struct {
	key  string
	leaf []byte
}

// takePending returns the first pending leaves, in key order.
func takePending(tx store.Tx, limit int) ([]waiting, error) {
	var batch []waiting
	err := tx.Scan(pendingBucket, "", "", func(key string, value []byte) error {
		var p pendingLeaf
		if err := json.Unmarshal(value, &p); err != nil {
			return fmt.Errorf("%w: pending leaf %s: %v", ErrDamaged, key, err)
		}
		batch = append(batch, waiting{key, p.Leaf})
		if len(batch) == limit {
			return store.Stop
		}
		return nil
	})
	return batch, err
}

// integrate moves a batch of pending leaves into the tree and returns the new
// head, which is durable, and whether the batch was full. It commits even
// where nothing waits: after a crash the head it reads may be one whose
// transaction had not been acknowledged.
func (l *Log) integrate(ctx context.Context) (head treeHead, more bool, err error) {
	err = l.Store.Update(ctx, func(tx store.Tx) error {
		batch, err := takePending(tx, batchLimit)
		if err != nil {
			return err
		}
		more = len(batch) == batchLimit
		if head, err = loadTree(tx); err != nil || len(batch) == 0 {
			return err
		}
		g := newGrowth(tx, head)
		for _, w := range batch {
			if err := g.place(w); err != nil {
				return err
			}
		}
		head, err = g.save()
		return err
	})
	return head, more, err
}

// growth is the tree while it grows inside one transaction. It is a
// tlog.HashReader over the stored tiles and the hashes not yet stored.
type growth struct {
	tx    store.Tx
	from  treeHead
	size  int64
	fresh map[int64]tlog.Hash // by tlog.StoredHashIndex
	tiles *tileReader
}

func newGrowth(tx store.Tx, from treeHead) *growth {
	return &growth{tx: tx, from: from, size: from.Size, fresh: map[int64]tlog.Hash{}, tiles: newTileReader(tx)}
}

func (g *growth) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		h, ok := g.fresh[index]
		if !ok {
			old, err := g.tiles.ReadHashes([]int64{index})
			if err != nil {
				return nil, err
			}
			h = old[0]
		}
		hashes[i] = h
	}
	return hashes, nil
}

// place takes the leaf out of the pending ones and gives it the next index,
// unless it has one already.
func (g *growth) place(w waiting) error {
	id := leafID(w.leaf)
	if !strings.HasSuffix(w.key, "-"+id) {
		return fmt.Errorf("%w: pending leaf %s is not what was appended", ErrDamaged, w.key)
	}
	if err := g.tx.Delete(pendingBucket, w.key); err != nil {
		return err
	}
	if err := g.tx.Delete(waitingBucket, id); err != nil {
		return err
	}
	if _, known, err := loadIndex(g.tx, id); err != nil || known {
		return err
	}
	hashes, err := tlog.StoredHashes(g.size, w.leaf, g)
	if err != nil {
		return fmt.Errorf("hash leaf %d: %w", g.size, err)
	}
	first := tlog.StoredHashIndex(0, g.size)
	for i, h := range hashes {
		g.fresh[first+int64(i)] = h
	}
	if err := store.Save(g.tx, leafBucket, indexKey(g.size), leafRecord{ID: id, Leaf: w.leaf}); err != nil {
		return err
	}
	if err := store.Save(g.tx, idBucket, id, g.size); err != nil {
		return err
	}
	g.size++
	return nil
}

// save writes the tiles that changed and the new head.
func (g *growth) save() (treeHead, error) {
	if g.size == g.from.Size {
		return g.from, nil
	}
	for _, t := range tlog.NewTiles(tileHeight, g.from.Size, g.size) {
		b, err := tlog.ReadTileData(t, g)
		if err != nil {
			return treeHead{}, fmt.Errorf("make tile %s: %w", t.Path(), err)
		}
		if err := store.Save(g.tx, tileBucket, tileKey(t.L, t.N), tileRecord{Hashes: b}); err != nil {
			return treeHead{}, err
		}
	}
	root, err := tlog.TreeHash(g.size, g)
	if err != nil {
		return treeHead{}, fmt.Errorf("hash tree of size %d: %w", g.size, err)
	}
	head := treeHead{Size: g.size, Root: root}
	return head, store.Save(g.tx, stateBucket, stateTree, head)
}

// publish signs a checkpoint over a durable head and stores it, unless there
// is one as large. A head that does not extend the last checkpoint is never
// signed: that would split the log.
func (l *Log) publish(ctx context.Context, head treeHead) error {
	done, err := l.extends(ctx, head)
	if err != nil || done {
		return err
	}
	c, err := l.sign(ctx, head)
	if err != nil {
		return err
	}
	record := checkpointRecord{treeHead: head, Note: c.Note, At: l.Now().UTC().Truncate(time.Second)}
	return l.Store.Update(ctx, func(tx store.Tx) error {
		last, ok, err := loadCheckpoint(tx)
		if err != nil || ok && last.Size >= head.Size {
			return err // another node was faster
		}
		return store.Save(tx, stateBucket, stateCheckpoint, record)
	})
}

// extends checks head against the last checkpoint, and reports whether there
// is nothing left to sign.
func (l *Log) extends(ctx context.Context, head treeHead) (done bool, err error) {
	err = l.Store.View(ctx, func(tx store.Tx) error {
		last, ok, err := loadCheckpoint(tx)
		if err != nil || !ok {
			return err
		}
		now, err := loadTree(tx) // head or, by another node, beyond it
		if err != nil {
			return err
		}
		if last.Size > now.Size {
			return fmt.Errorf("%w: the tree has %d leaves and a checkpoint over %d was signed", ErrDamaged, now.Size, last.Size)
		}
		if last.Size > head.Size {
			done = true
			return nil
		}
		root, err := tlog.TreeHash(last.Size, newTileReader(tx))
		if err != nil {
			return err
		}
		if root != last.Root {
			return fmt.Errorf("%w: the tree does not extend the checkpoint over %d leaves", ErrDamaged, last.Size)
		}
		done = last.Size == head.Size
		return nil
	})
	return done, err
}
