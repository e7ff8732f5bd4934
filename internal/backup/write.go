package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Source is what a backup is made of.
type Source struct {
	Store  store.Store // the embedded one
	LogKey string      // verifier key of its log
	Now    func() time.Time
}

// Write writes a backup to w. The store goes on working meanwhile.
func (s Source) Write(ctx context.Context, w io.Writer) (Manifest, error) {
	snapshots, ok := s.Store.(store.Snapshotter)
	if !ok {
		return Manifest{}, errors.New("back up: this store has backups of its own; use the database's tools")
	}
	// Before the copy: the copy's log extends it.
	c, err := ledger.Published(ctx, s.Store, s.LogKey)
	if err != nil {
		return Manifest{}, fmt.Errorf("back up: %w", err)
	}
	m := Manifest{Format: format, LogKey: s.LogKey, Checkpoint: c.Note, MadeAt: s.now()}
	t := tar.NewWriter(w)
	sum := sha256.New()
	err = snapshots.Snapshot(ctx, func(size int64) (io.Writer, error) {
		m.Size = size
		return hashing{t, sum}, t.WriteHeader(member(storeMember, size, m.MadeAt))
	})
	if err != nil {
		return m, fmt.Errorf("back up: %w", err)
	}
	m.SHA256 = hex.EncodeToString(sum.Sum(nil))
	b, err := m.marshal()
	if err != nil {
		return m, fmt.Errorf("back up: %w", err)
	}
	err = t.WriteHeader(member(manifestMember, int64(len(b)), m.MadeAt))
	if err == nil {
		_, err = t.Write(b)
	}
	if err = errors.Join(err, t.Close()); err != nil {
		return m, fmt.Errorf("back up: %w", err)
	}
	return m, nil
}

func (s Source) now() time.Time {
	if s.Now == nil {
		return time.Now().UTC().Truncate(time.Second)
	}
	return s.Now().UTC().Truncate(time.Second)
}

func member(name string, size int64, at time.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at, Format: tar.FormatPAX}
}

// hashing writes to w and keeps the sum of what it wrote.
type hashing struct {
	w   io.Writer
	sum hash.Hash
}

func (h hashing) Write(b []byte) (int, error) {
	n, err := h.w.Write(b)
	h.sum.Write(b[:n])
	return n, err
}
