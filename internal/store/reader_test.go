package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/store/pgtest"
)

func openReader(t *testing.T, url string) store.Store {
	t.Helper()
	s, err := store.OpenReader(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// read returns what the store has under the key, and of a bucket that nobody
// has written to.
func read(t *testing.T, s store.Store, key string) (value string, err error) {
	t.Helper()
	err = s.View(t.Context(), func(tx store.Tx) (err error) {
		if err := tx.Scan("nothing", "", "", func(string, []byte) error { return errors.New("a record where none was written") }); err != nil {
			return err
		}
		value, err = store.Load[string](tx, "deeds", key)
		return err
	})
	return value, err
}

func TestAReaderOnAStandbyKnowsHowFarBehindItIs(t *testing.T) {
	t.Parallel() // it waits for the database more than it works
	pair := pgtest.StartPair(t)
	writes, err := store.OpenPostgres(t.Context(), pair.Database("reader"))
	if err != nil {
		t.Fatal(err)
	}
	defer writes.Close()
	write := func(key string) {
		t.Helper()
		if err := writes.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "deeds", key, "done") }); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	reader := openReader(t, pair.Standby("reader"))
	if _, err := read(t, reader, "first"); !errors.Is(err, fault.Unavailable) {
		t.Errorf("a standby that never had a pulse: %v", err)
	}
	// until reads the key as soon as the standby has it.
	until := func(key string) {
		t.Helper()
		end := time.Now().Add(time.Minute)
		for {
			if err := store.Pulse(t.Context(), writes); err != nil {
				t.Fatal(err)
			}
			if value, err := read(t, reader, key); err == nil && value == "done" {
				return
			} else if time.Now().After(end) {
				t.Fatalf("%s: %q, %v", key, value, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	until("first")
	write("second")
	until("second")
	if err := reader.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "deeds", "third", "done") }); err == nil {
		t.Error("a reader writes")
	}
	if err := reader.(store.Follower).Follow(t.Context(), "topic", func(string) {}); err != nil {
		t.Errorf("following on a standby: %v", err)
	}
	pair.Kill() // no pulse from now on
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if _, err := read(t, reader, "second"); errors.Is(err, fault.Unavailable) {
			break
		} else if err != nil || time.Now().After(end) {
			t.Fatalf("a standby that follows nobody goes on answering: %v", err)
		}
	}
	pair.Up()
	until("second")
}

func TestAReaderNeedsNoRightToWrite(t *testing.T) {
	t.Parallel() // it waits for the database more than it works
	server := pgtest.Start(t)
	url := server.Database("reader")
	if _, err := store.OpenReader(t.Context(), url); err == nil {
		t.Fatal("a database that nobody has begun is read")
	}
	s, err := store.OpenPostgres(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "deeds", "first", "done") }); err != nil {
		t.Fatal(err)
	}
	server.Query("CREATE ROLE reader LOGIN IN ROLE pg_read_all_data")
	reader := openReader(t, strings.Replace(url, "mohr@", "reader@", 1))
	if err := store.Pulse(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if value, err := read(t, reader, "first"); err != nil || value != "done" {
		t.Errorf("%q, %v", value, err)
	}
}

// TestAPulseThatTellsNothingIsNoPulse has one of the future, which stays behind
// when a clock is set back, and a standby that was promoted, to which nobody writes.
func TestAPulseThatTellsNothingIsNoPulse(t *testing.T) {
	t.Parallel() // it waits for the database more than it works
	pair := pgtest.StartPair(t)
	writes, err := store.OpenPostgres(t.Context(), pair.Database("reader"))
	if err != nil {
		t.Fatal(err)
	}
	defer writes.Close()
	if err := writes.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "deeds", "first", "done") }); err != nil {
		t.Fatal(err)
	}
	pulse := func() {
		t.Helper()
		if err := store.Pulse(t.Context(), writes); err != nil {
			t.Fatal(err)
		}
	}
	pulse()
	reader := openReader(t, pair.Standby("reader"))
	// until waits for the reader to answer, or not to.
	until := func(what string, well bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			if well {
				pulse() // on a slow machine the last one is too old by now
			}
			_, err := read(t, reader, "first")
			if err == nil && well || !well && errors.Is(err, fault.Unavailable) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	until("a pulse of now", true)
	setPulse(t, pair.Database("reader"), "1 hour")
	until("a pulse of the future", false)
	pulse()
	until("a pulse after that", true)
	pair.Failover()
	until("a promoted standby to which nobody writes", false)
}

// TestAReaderLeavesAnOldPrimary has the network part a primary from its standby,
// which takes over. The reader has met no standby, and a node that was cut off
// with the old primary goes on as before.
func TestAReaderLeavesAnOldPrimary(t *testing.T) {
	t.Parallel() // it waits for the database more than it works
	pair := pgtest.StartPair(t)
	open := func(url string) store.Store {
		t.Helper()
		s, err := store.OpenPostgres(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	write := func(s store.Store, value string) {
		t.Helper()
		err := errors.Join(s.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "deeds", "first", value) }), store.Pulse(t.Context(), s))
		if err != nil {
			t.Fatal(err)
		}
	}
	before := open(pair.Primary("reader"))
	reader := openReader(t, pair.Primary("reader"))
	write(before, "done")
	if value, err := read(t, reader, "first"); err != nil || value != "done" {
		t.Fatalf("%q, %v", value, err)
	}

	pair.Split()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // the first waits for a standby for ever
		defer close(ended)
		for ctx.Err() == nil && store.Pulse(ctx, before) == nil {
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	now := open(pair.Primary("reader") + "&synchronous_commit=local")
	write(now, "undone")
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		value, err := read(t, reader, "first")
		if errors.Is(err, fault.Unavailable) {
			break
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("what the old primary says is believed: %q, %v", value, err)
		}
	}
	second := openReader(t, pair.Primary("reader"))
	write(now, "undone")
	if value, err := read(t, second, "first"); err != nil || value != "undone" {
		t.Errorf("at the new primary: %q, %v", value, err)
	}
}

func setPulse(t *testing.T, url, ahead string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "UPDATE mohr_pulse SET at = clock_timestamp() + $1::interval", ahead); err != nil {
		t.Fatal(err)
	}
}
