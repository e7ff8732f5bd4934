package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"mohr/internal/store"
	"mohr/internal/store/pgtest"
)

// listener is a node that follows a topic as a job does: again, when it was
// cut off.
type listener struct{ heard chan string }

func follow(t *testing.T, s store.Store) listener {
	t.Helper()
	l := listener{make(chan string, 100)}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := s.(store.Follower).Follow(ctx, "topic", l.hear); err == nil {
				t.Error("Follow ended without an error")
			}
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
	return l
}

// hear forgets what nobody reads.
func (l listener) hear(text string) {
	select {
	case l.heard <- text:
	default:
	}
}

// until reads what was heard up to the text; "" stands for a look at
// everything.
func (l listener) until(t *testing.T, text string) (before int) {
	t.Helper()
	for patience := time.After(time.Minute); ; before++ {
		select {
		case got := <-l.heard:
			if got == text {
				return before
			}
		case <-patience:
			t.Fatalf("%q was not heard", text)
		}
	}
}

func TestWhatANodeAnnouncesOthersHear(t *testing.T) {
	t.Parallel() // it waits for the database more than it works
	server := pgtest.Start(t)
	url := server.Database("follow")
	nodes := make([]store.Store, 2)
	for i := range nodes {
		s, err := store.OpenPostgres(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		nodes[i] = s
	}
	l := follow(t, nodes[1])
	l.until(t, "") // before it listens
	l.until(t, "") // it listens
	announce := func(text string, end error) {
		err := nodes[0].Update(t.Context(), func(tx store.Tx) error {
			store.Announce(tx, "topic", text)
			store.Announce(tx, "other", text)
			return errors.Join(store.Save(tx, "b", "k", text), end)
		})
		if !errors.Is(err, end) {
			t.Fatal(err)
		}
	}
	announce("undone", errors.New("no"))
	announce("first", nil)
	announce("second", nil)
	if n := l.until(t, "first"); n != 0 {
		t.Errorf("%d texts were heard before the first one", n)
	}
	if n := l.until(t, "second"); n != 0 {
		t.Errorf("%d texts were heard between two that followed each other", n)
	}
	const cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mohr listening'"
	if got := server.Query(cut); got != "t" {
		t.Fatalf("cutting the connection: %q", got)
	}
	announce("missed", nil)
	l.until(t, "") // whoever was cut off looks at everything
	server.Kill()
	for range 3 {
		l.until(t, "") // and again while nothing can be heard
	}
	server.Up()
	for { // the pool finds out one by one that its connections broke
		err := nodes[0].Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "b", "k", "back") })
		if err == nil {
			break
		}
	}
	for heard := false; !heard; {
		announce("again", nil)
		select {
		case got := <-l.heard:
			heard = got == "again"
		case <-time.After(10 * time.Millisecond):
		}
	}
}
