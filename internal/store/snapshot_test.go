package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mohr/internal/store"
)

// fill writes n records of a kilobyte, and takes those from keep on away again.
func fill(t testing.TB, s store.Store, n, keep int) {
	t.Helper()
	for _, step := range []func(tx store.Tx, i int) error{
		func(tx store.Tx, i int) error {
			return store.Save(tx, "b", fmt.Sprintf("%06d", i), strings.Repeat("x", 1000))
		},
		func(tx store.Tx, i int) error {
			if i < keep {
				return nil
			}
			return tx.Delete("b", fmt.Sprintf("%06d", i))
		},
	} {
		if err := s.Update(t.Context(), func(tx store.Tx) error {
			for i := range n {
				if err := step(tx, i); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func count(t testing.TB, s store.Store) (n int) {
	t.Helper()
	if err := s.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan("b", "", "", func(string, []byte) error { n++; return nil })
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestASnapshotIsOfOneMomentWhileWritersGoOn(t *testing.T) {
	s := open(t)
	fill(t, s, 500, 500)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { // two records that are only ever there together
		for i := 0; ctx.Err() == nil; i++ {
			s.Update(context.Background(), func(tx store.Tx) error {
				return errors.Join(store.Save(tx, "pair", fmt.Sprintf("a%d", i), i), store.Save(tx, "pair", fmt.Sprintf("b%d", i), i))
			})
		}
	})
	for range 5 {
		var copied bytes.Buffer
		var size int64
		err := s.(store.Snapshotter).Snapshot(t.Context(), func(n int64) (io.Writer, error) { size = n; return &copied, nil })
		if err != nil || int64(copied.Len()) != size {
			t.Fatalf("Snapshot: %v; %d octets, announced %d", err, copied.Len(), size)
		}
		path := filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(path, copied.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := store.OpenBolt(path)
		if err != nil {
			t.Fatal(err)
		}
		halves := 0
		err = c.View(t.Context(), func(tx store.Tx) error {
			return tx.Scan("pair", "", "", func(string, []byte) error { halves++; return nil })
		})
		if n := count(t, c); err != nil || n != 500 || halves%2 != 0 {
			t.Errorf("the copy has %d records and %d halves of pairs, %v", n, halves, err)
		}
		c.Close()
	}
	stop()
	wg.Wait()
}

func TestASnapshotThatNobodyWantsEnds(t *testing.T) {
	s := open(t)
	fill(t, s, 500, 500)
	gone := errors.New("gone")
	err := s.(store.Snapshotter).Snapshot(t.Context(), func(int64) (io.Writer, error) { return nil, gone })
	if !errors.Is(err, gone) {
		t.Errorf("Snapshot: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	err = s.(store.Snapshotter).Snapshot(ctx, func(int64) (io.Writer, error) { stop(); return io.Discard, nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Snapshot: %v", err)
	}
}

func TestACompactionGivesFreeSpaceBackAndKeepsTheRest(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "mohr.db"), filepath.Join(dir, "compact.db")
	s, err := store.OpenBolt(from)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 4000, 100)
	u, err := s.(store.Meter).Usage(t.Context())
	if err != nil || u.Size < 4<<20 || u.Free < u.Size/2 || u.Free >= u.Size {
		t.Errorf("Usage: %+v, %v; most of it is free", u, err)
	}
	if err := store.CompactBolt(from, to); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("an open store was compacted: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.CompactBolt(from, to); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(from)
	after, err := os.Stat(to)
	if err != nil || after.Size() > before.Size()/5 || after.Mode().Perm() != 0o600 {
		t.Errorf("compacted from %d to %d octets, %v", before.Size(), after.Size(), err)
	}
	if s, err = store.OpenBolt(to); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := count(t, s); n != 100 {
		t.Errorf("%d records are left of 100", n)
	}
	if err := store.CompactBolt(from, to); err == nil {
		t.Error("a file that was there was written over")
	}
}
