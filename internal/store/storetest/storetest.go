// Package storetest is what every implementation of store.Store must pass.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/internal/store"
)

// Open opens the store that belongs to dir, an existing directory: an empty
// one at first, later what was left there.
type Open func(dir string) (store.Store, error)

// Run runs the suite. The test binary is started again as a child process,
// which enters through the same test: Run must be reached by its name.
func Run(t *testing.T, open Open) {
	if runAsChild(t, open) {
		return
	}
	parts := []struct {
		name string
		run  func(*testing.T, store.Store)
	}{
		{"a missing key is not found", missing},
		{"what was written is read, in the same and in later transactions", readsItsWrites},
		{"an error undoes all writes and comes back as it is", rollsBack},
		{"unfit names and values are refused", refuses},
		{"a view cannot write", viewsDoNotWrite},
		{"values are copies", copies},
		{"a scan goes through prefix and after in order", scans},
		{"a scan sees its own transaction's writes", scansOwnWrites},
		{"a scan stops when told and passes errors on", scanStops},
		{"a view does not see what is written meanwhile", viewsAreSnapshots},
		{"racing writers: one first use", oneFirstUse},
		{"racing writers: no increment is lost", noLostUpdate},
		{"racing writers: no two may go on what the other undoes", noWriteSkew},
		{"a neighbour's failure does not hurt", neighbours},
		{"a cancelled context does nothing", cancelled},
		{"a cancelled caller does not wait for another's transaction", cancelledWhileWaiting},
		{"a cancelled scan ends", cancelledScan},
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) { p.run(t, fresh(t, open)) })
	}
	t.Run("a closed store opens again with its content", func(t *testing.T) { reopens(t, open) })
	t.Run("what was acknowledged outlives kill -9", func(t *testing.T) { outlivesKill(t, open) })
}

func fresh(t *testing.T, open Open) store.Store {
	t.Helper()
	s, err := open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func update(t *testing.T, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, s store.Store, bucket string, keys ...string) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		for _, k := range keys {
			if err := store.Save(tx, bucket, k, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// has reports whether the key is there, in a view of its own.
func has(t *testing.T, s store.Store, bucket, key string) (ok bool) {
	t.Helper()
	err := s.View(t.Context(), func(tx store.Tx) (err error) {
		ok, err = store.Has(tx, bucket, key)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func missing(t *testing.T, s store.Store) {
	check := func(tx store.Tx) error {
		_, err := tx.Get("b", "absent")
		if !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("get: %v", err)
		}
		if _, err := store.Load[string](tx, "b", "absent"); !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("load: %v", err)
		}
		return tx.Scan("b", "absent", "", func(string, []byte) error { return errors.New("a row") })
	}
	for _, bucket := range []string{"other", "b"} { // without and with the bucket
		if err := errors.Join(s.View(t.Context(), check), s.Update(t.Context(), check)); err != nil {
			t.Error(err)
		}
		put(t, s, bucket, "k")
	}
	update(t, s, func(tx store.Tx) error { return errors.Join(tx.Delete("b", "absent"), tx.Delete("c", "absent")) })
}

func readsItsWrites(t *testing.T, s store.Store) {
	want := map[string]string{"a": "1", "b": "2"}
	read := func(tx store.Tx) error {
		got := map[string]string{}
		err := store.Each(tx, "b", "", "", func(key, v string) error { got[key] = v; return nil })
		if diff := cmp.Diff(want, got); diff != "" {
			return errors.New(diff)
		}
		if _, gone := tx.Get("b", "c"); !errors.Is(gone, store.ErrNotFound) {
			return errors.New("a deleted key is there")
		}
		return err
	}
	put(t, s, "b", "b", "c")
	update(t, s, func(tx store.Tx) error {
		err := errors.Join(store.Save(tx, "b", "a", "1"), store.Save(tx, "b", "b", "x"), store.Save(tx, "b", "b", "2"), tx.Delete("b", "c"))
		return errors.Join(err, read(tx))
	})
	if err := s.View(t.Context(), read); err != nil {
		t.Error(err)
	}
}

func rollsBack(t *testing.T, s store.Store) {
	put(t, s, "b", "old", "changed")
	refusal := errors.New("refused")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(store.Save(tx, "b", "new", 1), store.Save(tx, "b", "changed", 1), tx.Delete("b", "old"), store.Save(tx, "c", "new", 1), refusal)
	})
	if !errors.Is(err, refusal) {
		t.Errorf("error %v", err)
	}
	if err := s.Update(t.Context(), func(store.Tx) error { return refusal }); err != refusal {
		t.Errorf("error %v came back wrapped", err)
	}
	if has(t, s, "b", "new") || has(t, s, "c", "new") || !has(t, s, "b", "old") {
		t.Error("a write was not undone")
	}
	err = s.View(t.Context(), func(tx store.Tx) error {
		v, err := store.Load[string](tx, "b", "changed")
		return errors.Join(err, equal("changed", v))
	})
	if err != nil {
		t.Error(err)
	}
}

func equal(want, got string) error {
	if want != got {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

func refuses(t *testing.T, s store.Store) {
	long := strings.Repeat("k", 1<<11+1)
	tests := []struct{ name, bucket, key, value string }{
		{"an empty bucket name", "", "k", "1"},
		{"an empty key", "b", "", "1"},
		{"a key that is too long", "b", long, "1"},
		{"an empty value", "b", "k", ""},
		{"a value that is no JSON", "b", "k", "{"},
		{"two values", "b", "k", "1 2"},
		{"the character U+0000", "b", "k", `{"a":["\u0000"]}`},
		{"the character U+0000 behind a backslash", "b", "k", `"\\\u0000"`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Put(tc.bucket, tc.key, []byte(tc.value)) })
			if err == nil {
				t.Error("taken")
			}
		})
	}
	for _, key := range []string{long[:1<<11], "م", "a\x00b"} {
		update(t, s, func(tx store.Tx) error { return tx.Put("b", key, []byte(`"\\u0000"`)) })
		if !has(t, s, "b", key) {
			t.Errorf("the key %.9q is not there", key)
		}
	}
	update(t, s, func(tx store.Tx) error { return store.Save(tx, "b", "large", strings.Repeat("v", 1<<20)) })
}

func viewsDoNotWrite(t *testing.T, s store.Store) {
	put(t, s, "b", "k")
	for name, write := range map[string]func(store.Tx) error{
		"put":    func(tx store.Tx) error { return tx.Put("b", "k", []byte("2")) },
		"delete": func(tx store.Tx) error { return tx.Delete("b", "k") },
	} {
		if err := s.View(t.Context(), write); err == nil {
			t.Errorf("%s is let through", name)
		}
	}
	refusal := errors.New("refused")
	if err := s.View(t.Context(), func(store.Tx) error { return refusal }); err != refusal {
		t.Errorf("error %v", err)
	}
}

func copies(t *testing.T, s store.Store) {
	var kept [][]byte
	update(t, s, func(tx store.Tx) error {
		value := []byte(`"first"`)
		err := tx.Put("b", "k", value)
		copy(value, `"other"`)
		return err
	})
	read := func(tx store.Tx) error {
		v, err := tx.Get("b", "k")
		kept = append(kept, v)
		scan := tx.Scan("b", "", "", func(_ string, v []byte) error { kept = append(kept, v); return nil })
		return errors.Join(err, scan)
	}
	if err := s.View(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	copy(kept[0], `"wrong"`)
	if err := s.View(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	for _, v := range kept[1:] {
		var text string
		if err := json.Unmarshal(v, &text); err != nil || text != "first" {
			t.Errorf("value %s, error %v", v, err)
		}
	}
}

// cancelled: a context that has ended keeps the function from running.
func cancelled(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	run := func(store.Tx) error { t.Error("the function ran"); return nil }
	for name, err := range map[string]error{"view": s.View(ctx, run), "update": s.Update(ctx, run)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func number(i int) string { return strconv.Itoa(1000 + i) }
