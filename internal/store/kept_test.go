package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mohr/internal/store"
	"mohr/internal/store/storetest"
)

func TestWhatIsKeptIsNeverBehindTheStore(t *testing.T) {
	s := openMemoStore(t)
	k := store.NewKept[string, int](s, 10)
	now, reads := time.Unix(1000, 0), 0
	get := func() (int, error) {
		return k.Get("key", now, func() (v int, err error) {
			reads++
			err = s.View(t.Context(), func(tx store.Tx) error {
				v, err = store.Load[int](tx, "bucket", "key")
				return err
			})
			return v, err
		})
	}
	want := func(what string, v, n int) {
		t.Helper()
		before := reads
		if got, err := get(); err != nil || got != v || reads-before != n {
			t.Errorf("%s: %d, %v after %d readings, want %d after %d", what, got, err, reads-before, v, n)
		}
	}
	if _, err := get(); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	save(t, s, "key", 1)
	want("what was missing", 1, 1)
	want("again", 1, 0)
	now = now.Add(time.Second)
	want("a second later", 1, 1)
	if err := s.Update(t.Context(), func(tx store.Tx) error { return errors.Join(store.Save(tx, "bucket", "key", 7), errors.New("no")) }); err == nil {
		t.Fatal("the update went through")
	}
	want("after an update that was taken back", 1, 1)
	save(t, s, "key", 2)
	want("after another one", 2, 1)
}

// TestWhatIsKeptFollowsEveryWriter: who has been told that something is
// written reads it, however many write and read.
func TestWhatIsKeptFollowsEveryWriter(t *testing.T) {
	s := openMemoStore(t)
	save(t, s, "key", 0)
	k := store.NewKept[string, int](s, 10)
	now := time.Unix(1000, 0)
	var written atomic.Int64
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		all.Go(func() {
			last := 0
			for {
				select {
				case <-stop:
					return
				default:
				}
				least := int(written.Load())
				got, err := k.Get("key", now, func() (v int, err error) {
					err = s.View(t.Context(), func(tx store.Tx) error {
						v, err = store.Load[int](tx, "bucket", "key")
						return err
					})
					return v, err
				})
				if err != nil || got < least || got < last {
					t.Errorf("read %d, %v; %d was written, and %d read before", got, err, least, last)
					return
				}
				last = got
			}
		})
	}
	for i := 1; i <= 200; i++ {
		save(t, s, "key", i)
		written.Store(int64(i))
	}
	close(stop)
	all.Wait()
}

func TestNothingIsKeptOfAStoreThatOthersMayWriteTo(t *testing.T) {
	k := store.NewKept[string, int](storetest.Twice(openMemoStore(t)), 10)
	reads := 0
	for range 3 {
		if _, err := k.Get("key", time.Unix(1, 0), func() (int, error) { reads++; return 1, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if reads != 3 {
		t.Errorf("%d readings", reads)
	}
}
