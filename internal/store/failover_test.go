package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"mohr/internal/store"
	"mohr/internal/store/pgtest"
)

// TestAStandbyThatTakesOverHasWhatWasTold: writers go on while the database
// fails over, twice, to a standby that had every commit before it was told.
func TestAStandbyThatTakesOverHasWhatWasTold(t *testing.T) {
	t.Parallel() // it waits for the database more than it works
	pair := pgtest.StartPair(t)
	s, err := store.OpenPostgres(t.Context(), pair.Database("failover"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	const writers = 8
	told := make([]int, writers) // deeds of each
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for ctx.Err() == nil {
				key := fmt.Sprintf("%d-%06d", w, told[w])
				if err := s.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "deeds", key, w) }); err != nil {
					time.Sleep(10 * time.Millisecond)
					continue
				}
				told[w]++
			}
		})
	}
	for range 2 {
		time.Sleep(300 * time.Millisecond)
		begun := time.Now()
		pair.Failover()
		t.Logf("the other one took over within %s", time.Since(begun).Round(time.Millisecond))
		pair.Up()
	}
	time.Sleep(300 * time.Millisecond)
	stop()
	all.Wait()
	found := map[string]bool{}
	err = s.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan("deeds", "", "", func(key string, _ []byte) error { found[key] = true; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for w, n := range told {
		for i := range n {
			if key := fmt.Sprintf("%d-%06d", w, i); !found[key] {
				t.Errorf("%s was told and is not there", key)
			}
		}
		sum += n
	}
	t.Logf("%d told, %d there", sum, len(found))
	if sum == 0 {
		t.Error("nothing was written")
	}
}
