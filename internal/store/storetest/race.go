package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mohr/internal/store"
)

// writers is how many goroutines race.
const writers = 16

// together runs fn on goroutines 0 to n-1 that begin at once.
func together(n int, fn func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	wg.Wait()
}

var errTaken = errors.New("taken")

// oneFirstUse is the race of one-time tokens: many find nothing, one may write.
func oneFirstUse(t *testing.T, s store.Store) {
	for round := range 40 {
		var wins atomic.Int32
		var winner atomic.Int64
		key := number(round)
		together(writers, func(i int) {
			err := s.Update(context.Background(), func(tx store.Tx) error {
				if ok, err := store.Has(tx, "b", key); err != nil || ok {
					return errors.Join(err, errTaken)
				}
				return store.Save(tx, "b", key, i)
			})
			switch {
			case err == nil:
				wins.Add(1)
				winner.Store(int64(i))
			case !errors.Is(err, errTaken):
				t.Error(err)
			}
		})
		err := s.View(t.Context(), func(tx store.Tx) error {
			got, err := store.Load[int64](tx, "b", key)
			if got != winner.Load() {
				return fmt.Errorf("%d is written, %d won", got, winner.Load())
			}
			return err
		})
		if wins.Load() != 1 || err != nil {
			t.Fatalf("%d won, error %v", wins.Load(), err)
		}
	}
}

func noLostUpdate(t *testing.T, s store.Store) {
	const each = 25
	together(writers, func(int) {
		for range each {
			if err := s.Update(context.Background(), increment); err != nil {
				t.Error(err)
			}
		}
	})
	err := s.View(t.Context(), func(tx store.Tx) error {
		n, err := store.Load[int](tx, "b", "count")
		if n != writers*each {
			return fmt.Errorf("%d, want %d", n, writers*each)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func increment(tx store.Tx) error {
	n, err := store.Load[int](tx, "b", "count")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return store.Save(tx, "b", "count", n+1)
}

// noWriteSkew: of two that are on duty one may leave, as long as one stays.
func noWriteSkew(t *testing.T, s store.Store) {
	for range 40 {
		put(t, s, "duty", "0", "1")
		together(2, func(i int) {
			err := s.Update(context.Background(), func(tx store.Tx) error {
				if ok, err := store.Has(tx, "duty", fmt.Sprint(1-i)); err != nil || !ok {
					return errors.Join(err, errTaken)
				}
				return tx.Delete("duty", fmt.Sprint(i))
			})
			if err != nil && !errors.Is(err, errTaken) {
				t.Error(err)
			}
		})
		if has(t, s, "duty", "0") == has(t, s, "duty", "1") {
			t.Fatal("both left, or none")
		}
	}
}

// neighbours run at the same time; every third fails after its writes.
func neighbours(t *testing.T, s store.Store) {
	const n = 300
	refusals, results := make([]error, n), make([]error, n)
	together(n, func(i int) {
		if i%3 == 0 {
			refusals[i] = fmt.Errorf("refusal %d", i)
		}
		results[i] = s.Update(context.Background(), func(tx store.Tx) error {
			if err := increment(tx); err != nil {
				return err
			}
			if err := store.Save(tx, "n", number(i), i); err != nil {
				return err
			}
			return refusals[i]
		})
	})
	for i := range n {
		if results[i] != refusals[i] {
			t.Errorf("%d: error %v, want %v", i, results[i], refusals[i])
		}
		if has(t, s, "n", number(i)) != (refusals[i] == nil) {
			t.Errorf("%d: written is wrong", i)
		}
	}
	err := s.View(t.Context(), func(tx store.Tx) error {
		got, err := store.Load[int](tx, "b", "count")
		if got != n-n/3 {
			return fmt.Errorf("count %d, want %d", got, n-n/3)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// cancelledWhileWaiting: the caller comes back while another's transaction
// goes on; either it was done, and the answer is nil, or it left no trace.
func cancelledWhileWaiting(t *testing.T, s store.Store) {
	holding, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		var once sync.Once
		first <- s.Update(context.Background(), func(tx store.Tx) error {
			once.Do(func() { close(holding) })
			<-release
			return store.Save(tx, "b", "first", 1)
		})
	}()
	<-holding
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	second := make(chan error, 1)
	go func() {
		second <- s.Update(ctx, func(tx store.Tx) error { return store.Save(tx, "b", "second", 1) })
	}()
	var err error
	select {
	case err = <-second:
	case <-time.After(time.Minute):
		t.Error("the caller waits on after its deadline")
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if has(t, s, "b", "second") != (err == nil) {
		t.Errorf("the answer was %v, the store says otherwise", err)
	}
}
