package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/store/pgtest"
	"mohr/internal/store/storetest"
)

// serverVar hands the server on to the child processes of the suite.
const serverVar = "MOHR_STORETEST_POSTGRES"

// postgres returns what opens the store of a directory: a database of its own.
func postgres(t *testing.T) storetest.Open {
	t.Helper()
	server := pgtest.At(t, os.Getenv(serverVar))
	if server.Dir() == "" {
		server = pgtest.Start(t)
		t.Setenv(serverVar, server.Dir())
	}
	return func(dir string) (store.Store, error) {
		sum := sha256.Sum256([]byte(dir))
		return store.OpenPostgres(context.Background(), server.Database("t"+hex.EncodeToString(sum[:8])))
	}
}

func TestPostgres(t *testing.T) { storetest.Run(t, postgres(t)) }

func TestAnAddressThatIsNoneIsRefusedWithoutItsPassword(t *testing.T) {
	for _, url := range []string{"postgres://mohr:secret@[::1/mohr", "mysql://mohr:secret@localhost/mohr", "postgres://mohr:secret@127.0.0.1:1/mohr"} {
		s, err := store.OpenPostgres(t.Context(), url)
		if err == nil {
			s.Close()
			t.Errorf("%s: opened", url)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

// TestAServerThatComesBack: while it is away, Update and View are Unavailable;
// what was acknowledged is there afterwards, and the store goes on.
func TestAServerThatComesBack(t *testing.T) {
	server := pgtest.Start(t)
	s, err := store.OpenPostgres(t.Context(), server.Database("back"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	save := func(key string) error {
		return s.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "b", key, key) })
	}
	if err := save("before"); err != nil {
		t.Fatal(err)
	}
	for round, down := range []func(){server.Kill, server.Stop} {
		down()
		for range 3 {
			view := s.View(t.Context(), func(tx store.Tx) error { _, err := store.Has(tx, "b", "before"); return err })
			if err := save("meanwhile"); !errors.Is(err, fault.Unavailable) || !errors.Is(view, fault.Unavailable) {
				t.Errorf("round %d: update %v, view %v", round, err, view)
			}
		}
		server.Up()
		err := save("after")
		for range 20 { // connections that broke are found out one by one
			if err == nil {
				break
			}
			err = save("after")
		}
		if err != nil {
			t.Fatal(err)
		}
		err = s.View(t.Context(), func(tx store.Tx) error {
			meanwhile, err := store.Has(tx, "b", "meanwhile")
			if meanwhile {
				t.Error("what was refused is there")
			}
			_, err2 := store.Load[string](tx, "b", "before")
			return errors.Join(err, err2)
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestATableIsMadeOnceByManyNodes: nodes that come to a bucket for the first
// time at once all find it.
func TestATableIsMadeOnceByManyNodes(t *testing.T) {
	t.Parallel() // it waits for the database more than it works
	url := pgtest.Start(t).Database("tables")
	var nodes []store.Store
	for range 4 {
		s, err := store.OpenPostgres(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		nodes = append(nodes, s)
	}
	for bucket := range 30 {
		var all sync.WaitGroup
		for n, s := range nodes {
			all.Go(func() {
				err := s.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, fmt.Sprint("bucket", bucket), fmt.Sprint(n), n) })
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// TestWhatNeverFitsIsGivenUpAndCounted: a function in whose way another node
// always is ends as Unavailable after a bounded number of runs.
func TestWhatNeverFitsIsGivenUpAndCounted(t *testing.T) {
	t.Parallel() // it waits for the database more than it works
	url := pgtest.Start(t).Database("fit")
	var nodes [2]store.Store
	for i := range nodes {
		s, err := store.OpenPostgres(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		nodes[i] = s
	}
	runs := 0
	inTheWay := func(often int) error {
		runs = 0
		return nodes[0].Update(t.Context(), func(tx store.Tx) error {
			runs++
			_, err := store.Has(tx, "b", "k")
			if runs <= often {
				err = errors.Join(err, nodes[1].Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "b", "k", runs) }))
			}
			return errors.Join(err, store.Save(tx, "b", "k", 0))
		})
	}
	if err := inTheWay(2); err != nil || runs != 3 {
		t.Errorf("in the way twice: %d runs, %v", runs, err)
	}
	if err := inTheWay(1000); !errors.Is(err, fault.Unavailable) || runs > 100 {
		t.Errorf("always in the way: %d runs, %v", runs, err)
	}
	got := nodes[0].(store.Measured).Stats()
	if got.Updates.Count != 2 || got.Again != uint64(2+runs-1) || got.GivenUp != 1 || got.Unknown != 0 || got.Updates.Seconds <= 0 {
		t.Errorf("%+v", got)
	}
	if last := got.Updates.UpTo[len(store.Bounds)-1]; got.Updates.UpTo[0] > last || last > got.Updates.Count {
		t.Errorf("%+v", got.Updates)
	}
	if got := nodes[1].(store.Measured).Stats(); got.GivenUp != 0 || got.Updates.Count != uint64(2+runs) {
		t.Errorf("the other node: %+v", got)
	}
}
