package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"mohr/internal/store"
)

func TestAMemoIsNeverBehindTheStore(t *testing.T) {
	s := openMemoStore(t)
	m := store.NewMemo[map[string]int](100)
	load := func() (v map[string]int, err error) {
		err = s.View(t.Context(), func(tx store.Tx) error {
			v, err = m.Load(tx, "bucket", "key")
			return err
		})
		return v, err
	}
	if _, err := load(); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("nothing there: %v", err)
	}
	for i := range 3 {
		save(t, s, "key", map[string]int{"n": i})
		for range 2 {
			if v, err := load(); err != nil || v["n"] != i {
				t.Fatalf("got %v, %v after saving %d", v, err, i)
			}
		}
	}
	// A transaction sees what it wrote itself.
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := store.Save(tx, "bucket", "key", map[string]int{"n": 9}); err != nil {
			return err
		}
		v, err := m.Load(tx, "bucket", "key")
		if v["n"] != 9 {
			t.Errorf("inside: %v", v)
		}
		return errors.Join(err, errors.New("taken back"))
	})
	if v, _ := load(); err == nil || v["n"] != 2 {
		t.Errorf("after a transaction that was taken back: %v, %v", v, err)
	}
	err = s.Update(t.Context(), func(tx store.Tx) error { return tx.Delete("bucket", "key") })
	if _, missing := load(); err != nil || !errors.Is(missing, store.ErrNotFound) {
		t.Errorf("after deletion: %v, %v", err, missing)
	}
}

func TestAMemoHoldsManyRecords(t *testing.T) {
	s := openMemoStore(t)
	m := store.NewMemo[int](1000)
	err := s.Update(t.Context(), func(tx store.Tx) error {
		for i := range 3000 {
			if err := store.Save(tx, "bucket", fmt.Sprint(i), i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err = s.View(t.Context(), func(tx store.Tx) error {
			for i := range 3000 {
				if v, err := m.Load(tx, "bucket", fmt.Sprint(i)); err != nil || v != i {
					return fmt.Errorf("%d: %d, %w", i, v, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func openMemoStore(t *testing.T) store.Store {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func save(t *testing.T, s store.Store, key string, v any) {
	t.Helper()
	err := s.Update(context.Background(), func(tx store.Tx) error { return store.Save(tx, "bucket", key, v) })
	if err != nil {
		t.Fatal(err)
	}
}
