package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	bolt "go.etcd.io/bbolt"
)

// Snapshotter is a Store that can be copied while it works. The embedded
// store is one; a database server has means of its own.
type Snapshotter interface {
	// Snapshot calls begin with the size in octets of a copy as of one moment,
	// and writes the copy to what begin returns. Writers go on meanwhile; a
	// slow reader of the copy makes the file grow.
	Snapshot(ctx context.Context, begin func(size int64) (io.Writer, error)) error
}

// Usage says how a Store's file is filled, in octets.
type Usage struct {
	Size int64 `json:"size"` // of the file
	Free int64 `json:"free"` // of it, kept for later writes; a compaction gives it back
}

// Meter is a Store that knows its Usage; the embedded one.
type Meter interface {
	Usage(ctx context.Context) (Usage, error)
}

func (s *boltStore) Snapshot(ctx context.Context, begin func(size int64) (io.Writer, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.db.View(func(tx *bolt.Tx) error {
		w, err := begin(tx.Size())
		if err != nil {
			return err
		}
		_, err = tx.WriteTo(&patientWriter{ctx, w})
		return err
	})
	if err != nil {
		return fmt.Errorf("snapshot: %w", errors.Join(ctx.Err(), err)) // bbolt does not wrap a writer's error
	}
	return nil
}

// patientWriter ends a copy when nobody wants it any more.
type patientWriter struct {
	ctx context.Context
	w   io.Writer
}

func (p *patientWriter) Write(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}

func (s *boltStore) Usage(ctx context.Context) (u Usage, err error) {
	if err := ctx.Err(); err != nil {
		return u, err
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		u.Size = tx.Size()
		return nil
	})
	page := int64(s.db.Info().PageSize)
	// Pages that a reader still sees are free as soon as it ends.
	stats := s.db.Stats()
	u.Free = int64(stats.FreePageN+stats.PendingPageN) * page
	return u, err
}

// compactBatch is how much one transaction of a compaction copies, in octets.
const compactBatch = 16 << 20

// CompactBolt copies what the store in the file from holds, and nothing of its
// free space, to a new file, which must not be there yet. Nobody may have the
// store open.
func CompactBolt(from, to string) (err error) {
	old, err := openFile(from)
	if err != nil {
		return fmt.Errorf("compact %s: %w", from, err)
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("compact %s: %s is there already", from, to)
	}
	fresh, err := bolt.Open(to, 0o600, &bolt.Options{NoSync: true, FreelistType: bolt.FreelistMapType}) // synced at the end
	if err != nil {
		return fmt.Errorf("compact %s: %w", from, err)
	}
	err = bolt.Compact(fresh, old, compactBatch)
	if err == nil {
		err = fresh.Sync()
	}
	if err = errors.Join(err, fresh.Close()); err != nil {
		return fmt.Errorf("compact %s: %w", from, err)
	}
	return nil
}

func (s *boltStore) Buckets(context.Context) (names []string, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, _ *bolt.Bucket) error {
			names = append(names, string(name))
			return nil
		})
	})
	return names, err
}
