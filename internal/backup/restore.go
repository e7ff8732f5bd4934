package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Unpacked is a backup's store beside its place, not in use yet.
type Unpacked struct {
	Manifest Manifest
	path     string
	place    string
}

// Verified says what a verification of an unpacked backup found.
type Verified struct {
	ledger.Report
	Newest ledger.Checkpoint // the largest that is known to have been signed
	Lost   int64             // entries that were signed for and are not in the backup
}

// Unpack puts the store of a backup beside its place in the directory. Close
// takes away what was not put in place. A store that is there is never
// touched: then there is nothing to restore, and an error.
func Unpack(file, dir string) (_ *Unpacked, err error) {
	u := &Unpacked{place: filepath.Join(dir, storeMember)}
	if _, err := os.Lstat(u.place); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("restore: %s is there already; move it away first", u.place)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	defer f.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	to, err := os.CreateTemp(dir, storeMember+".restoring-*") // 0600
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	u.path = to.Name()
	u.Manifest, err = Read(f, to)
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return nil, errors.Join(err, u.Close())
	}
	return u, nil
}

// Close takes the unpacked store away, unless Place put it in its place.
func (u *Unpacked) Close() error {
	if err := os.Remove(u.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Verify recomputes the store's log and compares it with its own checkpoint,
// the manifest's and the known ones, which the caller has opened with key. A
// log with other entries than those that were signed for is ErrDamaged; one
// that lacks the last of them is told by Lost.
func (u *Unpacked) Verify(ctx context.Context, key string, known ...ledger.Checkpoint) (v Verified, err error) {
	m, err := ledger.OpenCheckpoint(u.Manifest.Checkpoint, key)
	if err != nil {
		return v, fmt.Errorf("manifest of the backup: %w", err)
	}
	err = u.With(func(s store.Store) (err error) {
		if v.Report, err = ledger.VerifyStored(ctx, s, key); err != nil {
			return err
		}
		v.Newest = v.Checkpoint
		if err := ledger.Extends(ctx, s, m); err != nil {
			return err
		}
		for _, c := range known {
			if c.Size > v.Newest.Size {
				v.Newest = c
			}
			if c.Size > v.Size {
				continue
			}
			if err := ledger.Extends(ctx, s, c); err != nil {
				return err
			}
		}
		v.Lost = max(0, v.Newest.Size-v.Size)
		return nil
	})
	return v, err
}

// Forget states that the entries of lost which the store does not have are
// lost (ledger.Continue), and returns the name under which the log goes on.
func (u *Unpacked) Forget(ctx context.Context, lost ledger.Checkpoint, now time.Time) (origin string, err error) {
	err = u.With(func(s store.Store) (err error) {
		origin, err = ledger.Continue(ctx, s, lost, now)
		return err
	})
	return origin, err
}

// With opens the store for fn.
func (u *Unpacked) With(fn func(store.Store) error) error {
	s, err := store.OpenBolt(u.path)
	if err != nil {
		return err
	}
	return errors.Join(fn(s), s.Close())
}

// Place puts the store in its place, where no other may be.
func (u *Unpacked) Place() error {
	// A link, unlike a rename, fails where something is.
	if err := os.Link(u.path, u.place); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := u.Close(); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	d, err := os.Open(filepath.Dir(u.place))
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
