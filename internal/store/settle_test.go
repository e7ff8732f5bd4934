package store

import (
	"errors"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"mohr/internal/fault"
)

// TestNothingIsWrittenUnderWhoReadsFromBeforeAFailure: what a reader needs that
// began before a commit failed stays as it is.
func TestNothingIsWrittenUnderWhoReadsFromBeforeAFailure(t *testing.T) {
	opened, err := OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	s := opened.(*boltStore)
	write := func() error {
		return s.Update(t.Context(), func(tx Tx) error { return Save(tx, "deeds", "one", 1) })
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	reads, end, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- s.View(t.Context(), func(Tx) error { close(reads); <-end; return nil })
	}()
	<-reads
	s.db.View(func(tx *bolt.Tx) error { s.doubt.Store(int64(tx.ID())); return nil }) // as a failed fsync leaves it
	if err := write(); !errors.Is(err, fault.Unavailable) {
		t.Errorf("a write while somebody reads from before: %v", err)
	}
	close(end)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := write(); err != nil {
		t.Errorf("a write after that: %v", err)
	}
}
