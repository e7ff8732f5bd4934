package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strings"
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
