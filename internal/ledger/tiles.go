package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// Tiles of C2SP tlog-tiles have 2^8 hashes.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	maxPath    = 128
)

// tileReader reads the tree's hashes from the stored tiles. It remembers
// tiles, so it is for one transaction.
type tileReader struct {
	tx   store.Tx
	seen map[string][]byte
}

func newTileReader(tx store.Tx) *tileReader {
	return &tileReader{tx: tx, seen: map[string][]byte{}}
}

// tile returns the hashes of a stored tile, as many as there are; nil if there is none.
func (r *tileReader) tile(level int, n int64) ([]byte, error) {
	key := tileKey(level, n)
	if b, ok := r.seen[key]; ok {
		return b, nil
	}
	t, err := store.Load[tileRecord](r.tx, tileBucket, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	r.seen[key] = t.Hashes
	return t.Hashes, nil
}

// ReadHashes makes the reader a tlog.HashReader.
func (r *tileReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		t := tlog.TileForIndex(tileHeight, index)
		b, err := r.tile(t.L, t.N)
		if err != nil {
			return nil, err
		}
		if hashes[i], err = tlog.HashFromTile(t, b, index); err != nil {
			return nil, fmt.Errorf("%w: tile %s: %v", ErrDamaged, t.Path(), err)
		}
	}
	return hashes, nil
}

// parseTilePath reads "<L>/<N>[.p/<W>]" or "entries/<N>[.p/<W>]", what
// follows "tile/" in a path of tlog-tiles. The level of entries is -1.
func parseTilePath(path string) (tlog.Tile, error) {
	unknown := fault.New(fault.NotFound, "log_tile_unknown", "there is no such tile in the log; begin at its checkpoint")
	level, rest, ok := strings.Cut(path, "/")
	if !ok || len(path) > maxPath || level == "data" {
		return tlog.Tile{}, unknown
	}
	if level == "entries" {
		level = "data" // x/mod's word for the same
	}
	t, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s/%s", tileHeight, level, rest))
	if err != nil {
		return tlog.Tile{}, unknown
	}
	return t, nil
}

// tilePath is the inverse, with "tile/" in front.
func tilePath(t tlog.Tile) string {
	p := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	if t.L < 0 {
		p = "entries" + strings.TrimPrefix(p, "data")
	}
	return "tile/" + p
}

// Tile returns the bytes at <prefix>/tile/<path> of C2SP tlog-tiles: hashes,
// or an entry bundle for a path that begins with "entries/". NotFound for
// what the newest checkpoint does not reach.
func (l *Log) Tile(ctx context.Context, path string) ([]byte, error) {
	t, err := parseTilePath(path)
	if err != nil {
		return nil, err
	}
	var b []byte
	err = l.Store.View(ctx, func(tx store.Tx) error {
		c, err := l.published(tx)
		if err != nil {
			return err
		}
		if !reaches(c.Size, t) {
			return fault.New(fault.NotFound, "log_tile_unknown", "there is no such tile in the log; begin at its checkpoint")
		}
		if t.L < 0 {
			b, err = bundle(tx, t)
			return err
		}
		if b, err = newTileReader(tx).tile(t.L, t.N); err == nil && len(b) < t.W*tlog.HashSize {
			err = fmt.Errorf("%w: tile %s has %d octets", ErrDamaged, path, len(b))
		}
		if err == nil {
			b = b[:t.W*tlog.HashSize]
		}
		return err
	})
	return b, err
}

// reaches reports whether a tree of the size has all hashes of the tile.
func reaches(size int64, t tlog.Tile) bool {
	hashes := size >> (tileHeight * uint(max(t.L, 0))) // of this level; none from level 8 on
	if t.N > hashes>>tileHeight {
		return false
	}
	return hashes-t.N<<tileHeight >= int64(t.W)
}

// bundle returns an entry bundle: leaves, each behind its length in two octets.
func bundle(tx store.Tx, t tlog.Tile) ([]byte, error) {
	var b []byte
	first := t.N << tileHeight
	next, end := first, first+int64(t.W)
	err := eachLeaf(tx, first, func(index int64, r leafRecord) error {
		if index != next {
			return fmt.Errorf("%w: leaf %d is missing", ErrDamaged, next)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(r.Leaf)))
		b = append(b, r.Leaf...)
		if next++; next == end {
			return store.Stop
		}
		return nil
	})
	if err == nil && next != end {
		err = fmt.Errorf("%w: leaf %d is missing", ErrDamaged, next)
	}
	return b, err
}

// eachLeaf calls fn with the leaves from the index on, until it says store.Stop.
func eachLeaf(tx store.Tx, from int64, fn func(index int64, r leafRecord) error) error {
	after := ""
	if from > 0 {
		after = indexKey(from - 1)
	}
	return store.Each(tx, leafBucket, "", after, func(key string, r leafRecord) error {
		var index int64
		if _, err := fmt.Sscanf(key, "%016x", &index); err != nil || indexKey(index) != key {
			return fmt.Errorf("%w: a leaf has the key %q", ErrDamaged, key)
		}
		return fn(index, r)
	})
}

// splitBundle returns the leaves of an entry bundle; exactly n of them.
func splitBundle(b []byte, n int) ([][]byte, error) {
	leaves := make([][]byte, 0, n)
	for range n {
		if len(b) < 2 {
			return nil, errors.New("an entry bundle ends early")
		}
		size := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; len(b) < size {
			return nil, errors.New("an entry bundle ends early")
		}
		leaves, b = append(leaves, b[:size]), b[size:]
	}
	if len(b) > 0 {
		return nil, errors.New("an entry bundle has bytes behind its last entry")
	}
	return leaves, nil
}
