package ledger

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"
)

// fetchAhead is how many entry bundles are fetched at once, with their tiles.
const fetchAhead = 16

// Public is a log as others see it: by what it publishes.
type Public struct {
	// Fetch returns the bytes at a path below the log's prefix ("checkpoint",
	// "tile/entries/000.p/5"). It must bound them, and be safe for concurrent use.
	Fetch func(ctx context.Context, path string) ([]byte, error)
	Key   string // verifier key that the checkpoints must be signed with

	Earlier  []Checkpoint              // opened checkpoints that the log must extend
	Entry    func(int64, []byte) error // called with each entry, in order; nil: not wanted
	Progress func(done, size int64)    // nil: not wanted
}

// Checkpoint fetches and opens the newest checkpoint.
func (p Public) Checkpoint(ctx context.Context) (Checkpoint, error) {
	signed, err := p.Fetch(ctx, "checkpoint")
	if err != nil {
		return Checkpoint{}, fmt.Errorf("fetch checkpoint: %w", err)
	}
	return OpenCheckpoint(string(signed), p.Key)
}

// Verify recomputes the whole tree from the entries and compares it with the
// tiles, the checkpoint, and the earlier checkpoints. A difference is
// ErrDamaged; what could not be fetched is another error.
func (p Public) Verify(ctx context.Context) (Report, error) {
	c, err := p.Checkpoint(ctx)
	if err != nil {
		return Report{}, err
	}
	earlier := slices.SortedFunc(slices.Values(p.Earlier), func(a, b Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	for _, e := range earlier {
		if e.Size > c.Size {
			return Report{}, fmt.Errorf("%w: the log has shrunk: it had %d entries, now it shows %d", ErrDamaged, e.Size, c.Size)
		}
	}
	v := publicVerifier{Public: p, size: c.Size, earlier: earlier}
	v.made.tile = func(t tlog.Tile, hashes []tlog.Hash) error { return v.compareTile(ctx, t, hashes) }
	for v.made.size < c.Size {
		if err := v.round(ctx); err != nil {
			return Report{}, err
		}
	}
	if err := v.compareEarlier(); err != nil {
		return Report{}, err
	}
	if err := v.made.end(); err != nil {
		return Report{}, err
	}
	if v.made.root() != c.Root {
		return Report{}, fmt.Errorf("%w: the entries do not give the root of the checkpoint", ErrDamaged)
	}
	return Report{Size: c.Size, Root: c.Root, Checkpoint: c}, nil
}

// publicVerifier is a Verify at work.
type publicVerifier struct {
	Public
	size    int64
	made    rebuild
	earlier []Checkpoint      // not compared yet, by size
	ahead   map[string][]byte // fetched for this round
}

// round fetches the next bundles together and goes through them.
func (v *publicVerifier) round(ctx context.Context) error {
	var bundles []tlog.Tile
	for first := v.made.size; first < v.size && len(bundles) < fetchAhead; first += tileWidth {
		bundles = append(bundles, tlog.Tile{H: tileHeight, L: -1, N: first >> tileHeight, W: int(min(v.size-first, tileWidth))})
	}
	var paths []string
	for _, t := range bundles {
		hashes := t
		hashes.L = 0
		paths = append(paths, tilePath(t), tilePath(hashes))
	}
	if err := v.fetch(ctx, paths); err != nil {
		return err
	}
	for _, t := range bundles {
		if err := v.bundle(t); err != nil {
			return err
		}
		if v.Progress != nil {
			v.Progress(v.made.size, v.size)
		}
	}
	return nil
}

func (v *publicVerifier) fetch(ctx context.Context, paths []string) error {
	v.ahead = map[string][]byte{}
	got := make([][]byte, len(paths))
	g, ctx := errgroup.WithContext(ctx)
	for i, path := range paths {
		g.Go(func() (err error) {
			if got[i], err = v.Fetch(ctx, path); err != nil {
				return fmt.Errorf("fetch %s: %w", path, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, path := range paths {
		v.ahead[path] = got[i]
	}
	return nil
}

// bundle adds the entries of a fetched bundle to the tree.
func (v *publicVerifier) bundle(t tlog.Tile) error {
	leaves, err := splitBundle(v.ahead[tilePath(t)], t.W)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, tilePath(t), err)
	}
	for _, leaf := range leaves {
		if err := v.compareEarlier(); err != nil {
			return err
		}
		if v.Entry != nil {
			if err := v.Entry(v.made.size, leaf); err != nil {
				return err
			}
		}
		if err := v.made.add(leaf); err != nil {
			return err
		}
	}
	return nil
}

// compareEarlier compares the tree so far with the earlier checkpoints of its size.
func (v *publicVerifier) compareEarlier() error {
	for len(v.earlier) > 0 && v.earlier[0].Size == v.made.size {
		if v.made.root() != v.earlier[0].Root {
			return fmt.Errorf("%w: the log shows two histories: its first %d entries are not those of the earlier checkpoint, whose root is %s; keep both checkpoints, together they prove it",
				ErrDamaged, v.made.size, v.earlier[0].Root)
		}
		v.earlier = v.earlier[1:]
	}
	return nil
}

// compareTile compares a recomputed tile with the published one.
func (v *publicVerifier) compareTile(ctx context.Context, t tlog.Tile, hashes []tlog.Hash) error {
	b, ok := v.ahead[tilePath(t)]
	if !ok {
		var err error
		if b, err = v.Fetch(ctx, tilePath(t)); err != nil {
			return fmt.Errorf("fetch %s: %w", tilePath(t), err)
		}
	}
	if !bytes.Equal(b, joined(hashes)) {
		return fmt.Errorf("%w: %s differs from the entries", ErrDamaged, tilePath(t))
	}
	return nil
}

// RootAt returns the root of the log's first entries, as many as size says,
// out of the tiles, which are checked against the checkpoint.
func (p Public) RootAt(ctx context.Context, c Checkpoint, size int64) (tlog.Hash, error) {
	if size < 0 || size > c.Size {
		return tlog.Hash{}, errSize(c.Size)
	}
	return tlog.TreeHash(size, tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, publicTiles{ctx, p}))
}

// publicTiles makes a tlog.TileReader of a Public for one call, whose context
// the interface has no place for.
type publicTiles struct {
	ctx context.Context
	p   Public
}

func (publicTiles) Height() int                     { return tileHeight }
func (publicTiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (r publicTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		var err error
		if data[i], err = r.p.Fetch(r.ctx, tilePath(t)); err != nil {
			return nil, fmt.Errorf("fetch %s: %w", tilePath(t), err)
		}
	}
	return data, nil
}
