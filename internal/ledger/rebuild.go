package ledger

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// rebuild computes a tree from its leaves alone, tile by tile, to compare
// with what is stored or published. It keeps one unfinished tile a level.
type rebuild struct {
	size   int64
	levels []tileInMaking
	// tile is called with every tile, full ones when they fill up and the
	// partial ones at the end.
	tile func(t tlog.Tile, hashes []tlog.Hash) error
}

type tileInMaking struct {
	n      int64
	hashes []tlog.Hash
}

// add appends a leaf.
func (r *rebuild) add(leaf []byte) error {
	r.size++
	return r.push(0, tlog.RecordHash(leaf))
}

func (r *rebuild) push(level int, h tlog.Hash) error {
	if level == len(r.levels) {
		r.levels = append(r.levels, tileInMaking{})
	}
	t := &r.levels[level]
	t.hashes = append(t.hashes, h)
	if len(t.hashes) < tileWidth {
		return nil
	}
	if err := r.tile(tlog.Tile{H: tileHeight, L: level, N: t.n, W: tileWidth}, t.hashes); err != nil {
		return err
	}
	up := perfect(t.hashes)
	t.n, t.hashes = t.n+1, t.hashes[:0]
	return r.push(level+1, up)
}

// end reports the partial tiles.
func (r *rebuild) end() error {
	for level, t := range r.levels {
		if len(t.hashes) == 0 {
			continue
		}
		if err := r.tile(tlog.Tile{H: tileHeight, L: level, N: t.n, W: len(t.hashes)}, t.hashes); err != nil {
			return err
		}
	}
	return nil
}

// root returns the Merkle tree hash (RFC 6962 section 2.1) of the leaves so
// far: the perfect subtrees, from the largest on the left, joined from the right.
func (r *rebuild) root() tlog.Hash {
	var peaks []tlog.Hash
	for level := len(r.levels) - 1; level >= 0; level-- {
		rest := r.levels[level].hashes
		for len(rest) > 0 {
			n := 1 << (bits.Len(uint(len(rest))) - 1)
			peaks = append(peaks, perfect(rest[:n]))
			rest = rest[n:]
		}
	}
	if len(peaks) == 0 {
		empty, _ := tlog.TreeHash(0, nil) // reads nothing, cannot fail
		return empty
	}
	h := peaks[len(peaks)-1]
	for i := len(peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(peaks[i], h)
	}
	return h
}

// perfect returns the root over 2^k hashes.
func perfect(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(perfect(hashes[:half]), perfect(hashes[half:]))
}

// joined returns the bytes of a tile.
func joined(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}
