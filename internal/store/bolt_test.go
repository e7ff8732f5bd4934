package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mohr/internal/store"
	"mohr/internal/store/storetest"
)

func openBolt(dir string) (store.Store, error) { return store.OpenBolt(filepath.Join(dir, "mohr.db")) }

func TestBolt(t *testing.T) { storetest.Run(t, openBolt) }

func TestBoltUnderTwice(t *testing.T) {
	storetest.Run(t, func(dir string) (store.Store, error) {
		s, err := openBolt(dir)
		if err != nil {
			return nil, err
		}
		return storetest.Twice(s), nil
	})
}

func open(t testing.TB) store.Store {
	t.Helper()
	s, err := openBolt(t.TempDir())
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

func TestBoltFileHasOneHolder(t *testing.T) {
	dir := t.TempDir()
	s, err := openBolt(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := openBolt(dir); err == nil {
		t.Error("opened twice")
	}
	if _, err := openBolt(filepath.Join(dir, "absent")); err == nil {
		t.Error("opened in a directory that is not there")
	}
}

func TestBoltPanicIsItsCallersAlone(t *testing.T) {
	s := open(t)
	results := make([]error, 100)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			results[i] = s.Update(context.Background(), func(tx store.Tx) error {
				if i%10 == 0 {
					panic("of a caller")
				}
				return store.Save(tx, "b", strconv.Itoa(i), i)
			})
		})
	}
	wg.Wait()
	for i, err := range results {
		if (err != nil) != (i%10 == 0) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestBoltOutlivesGoexit: t.Fatal in a transaction must not block the store.
func TestBoltOutlivesGoexit(t *testing.T) {
	s := open(t)
	err := s.Update(t.Context(), func(store.Tx) error { runtime.Goexit(); return nil })
	if err == nil || !strings.Contains(err.Error(), "aborted") {
		t.Errorf("error %v", err)
	}
	err = s.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "b", "k", 1) })
	if err != nil {
		t.Errorf("the store is blocked: %v", err)
	}
}

func TestBoltFunctionRunsOnce(t *testing.T) {
	s := open(t)
	var runs atomic.Int32
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			s.Update(context.Background(), func(tx store.Tx) error {
				runs.Add(1)
				if i%2 == 0 {
					return errors.New("refused")
				}
				return store.Save(tx, "b", strconv.Itoa(i), i)
			})
		})
	}
	wg.Wait()
	if n := runs.Load(); n != 200 {
		t.Errorf("200 functions ran %d times: refusals cost the neighbours", n)
	}
}

// BenchmarkCommits compares one caller with many, who share commits.
func BenchmarkCommits(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(strconv.Itoa(callers)+" callers", func(b *testing.B) {
			s := open(b)
			value := strings.Repeat("v", 1000)
			var next atomic.Int64
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						err := s.Update(context.Background(), func(tx store.Tx) error {
							return store.Save(tx, "b", strconv.FormatInt(i*2654435761%1000003, 36), value)
						})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

func TestAFileThatIsNotWholeIsAnErrorAndNotTheEnd(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(path string) error
	}{
		{"cut off in the middle", func(path string) error { return os.Truncate(path, 8192) }},
		{"something else", func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("no store"), 8192), 0o600) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s.db")
			s, err := store.OpenBolt(path)
			if err != nil {
				t.Fatal(err)
			}
			err = s.Update(t.Context(), func(tx store.Tx) error {
				for i := range 2000 {
					if err := store.Save(tx, "b", fmt.Sprintf("%04d", i), strings.Repeat("x", 200)); err != nil {
						return err
					}
				}
				return nil
			})
			if err := errors.Join(err, s.Close(), test.do(path)); err != nil {
				t.Fatal(err)
			}
			if s, err := store.OpenBolt(path); err == nil {
				s.Close()
				t.Error("opened")
			} else if !strings.Contains(err.Error(), "restore it from a backup") {
				t.Errorf("error %q does not say what to do", err)
			}
		})
	}
}
