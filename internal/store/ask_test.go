package store_test

import (
	"errors"
	"testing"

	"mohr/internal/store"
	"mohr/internal/store/pgtest"
)

// TestHowRecordsAreAskedForChangesNothing but how long it takes, on both engines.
func TestHowRecordsAreAskedForChangesNothing(t *testing.T) {
	server := pgtest.Start(t)
	for _, tc := range []struct {
		name, database string
		run            func(t *testing.T, s store.Store)
	}{
		{"what is asked for ahead is what is read", "ahead", asksAhead},
		{"of two that ask ahead one sees the other", "race", asksAheadInARace},
		{"one record is read without a View", "read", readsAlone},
	} {
		t.Run(tc.name+", embedded", func(t *testing.T) { tc.run(t, open(t)) })
		t.Run(tc.name+", PostgreSQL", func(t *testing.T) {
			s, err := store.OpenPostgres(t.Context(), server.Database(tc.database))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			tc.run(t, s)
		})
	}
}

func asksAhead(t *testing.T, s store.Store) {
	keys := []store.Key{{Bucket: "b", Key: "is"}, {Bucket: "b", Key: "gone"}, {Bucket: "other", Key: "never"}}
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(store.Save(tx, "b", "is", 1), store.Save(tx, "b", "gone", 2))
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx store.Tx) error {
		store.Ahead(tx, keys...)
		if v, err := store.Load[int](tx, "b", "is"); v != 1 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
		if _, err := store.Load[int](tx, "other", "never"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("what was never there: %v", err)
		}
		// Its own writes come before what was asked for.
		if err := errors.Join(store.Save(tx, "b", "is", 3), tx.Delete("b", "gone")); err != nil {
			return err
		}
		store.Ahead(tx, keys...)
		if v, err := store.Load[int](tx, "b", "is"); v != 3 || err != nil {
			t.Errorf("after a write: %d, %v", v, err)
		}
		if there, err := store.Has(tx, "b", "gone"); there || err != nil {
			t.Errorf("after a deletion: %t, %v", there, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// asksAheadInARace: what was asked for ahead is read, as
// far as other transactions are concerned.
func asksAheadInARace(t *testing.T, s store.Store) {
	const writers = 8
	errs := make(chan error, writers)
	for range writers {
		go func() {
			errs <- s.Update(t.Context(), func(tx store.Tx) error {
				store.Ahead(tx, store.Key{Bucket: "b", Key: "n"})
				n, err := store.Load[int](tx, "b", "n")
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
				return store.Save(tx, "b", "n", n+1)
			})
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n, err := store.Read[int](t.Context(), s, "b", "n"); n != writers || err != nil {
		t.Errorf("%d of %d, %v", n, writers, err)
	}
}

func readsAlone(t *testing.T, s store.Store) {
	if _, err := store.Read[int](t.Context(), s, "b", "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before it is there: %v", err)
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "b", "k", 7) }); err != nil {
		t.Fatal(err)
	}
	if v, err := store.Read[int](t.Context(), s, "b", "k"); v != 7 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	if _, err := store.Read[[]string](t.Context(), s, "b", "k"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("as what it is not: %v", err)
	}
	s.Close()
	if _, err := store.Read[int](t.Context(), s, "b", "k"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("of a closed store: %v", err)
	}
}
