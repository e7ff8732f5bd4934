package session_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/internal/fault"
	"mohr/internal/session"
	"mohr/internal/store"
	"mohr/internal/store/storetest"
)

type facts struct {
	Way string `json:"way"`
}

// bench is a keeper with a clock of its own.
type bench struct {
	*session.Keeper[facts]
	clock time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	db, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	b := &bench{clock: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)}
	b.Keeper = &session.Keeper[facts]{Store: storetest.Twice(db), Now: func() time.Time { return b.clock }}
	return b
}

func (b *bench) begin(t *testing.T, former, subject string) (session.Session[facts], string) {
	t.Helper()
	s, token, err := b.Begin(t.Context(), former, subject, "Firefox", facts{"key"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, token
}

// open reports whether the token opens a session.
func (b *bench) open(t *testing.T, token string) bool {
	t.Helper()
	_, err := b.Load(t.Context(), token)
	if err != nil && !errors.Is(err, fault.Denied) {
		t.Fatal(err)
	}
	return err == nil
}

func TestASessionEndsByTime(t *testing.T) {
	for _, c := range []struct {
		name  string
		waits []time.Duration // between uses
		open  bool            // after the last
	}{
		{"used at once", []time.Duration{0}, true},
		{"used before it was idle for too long", []time.Duration{29 * time.Minute}, true},
		{"idle for too long", []time.Duration{30 * time.Minute}, false},
		{"used again and again within its life", repeat(20*time.Minute, 35), true},
		{"used again and again to the end of its life", repeat(20*time.Minute, 36), false},
		{"the clock goes back an hour", []time.Duration{-time.Hour}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			_, token := b.begin(t, "", "h-1")
			open := true
			for _, wait := range c.waits {
				b.clock = b.clock.Add(wait)
				open = b.open(t, token)
			}
			if open != c.open {
				t.Errorf("open is %v", open)
			}
		})
	}
}

func repeat(d time.Duration, n int) (list []time.Duration) {
	for range n {
		list = append(list, d)
	}
	return list
}

// TestATokenThatWasKnownBeforeSignsNobodyIn is session fixation: the token of
// before the sign-in opens nothing after it, whoever made it.
func TestATokenThatWasKnownBeforeSignsNobodyIn(t *testing.T) {
	b := newBench(t)
	_, former := b.begin(t, "", "h-attacker")
	_, token := b.begin(t, former, "h-1")
	if token == former || b.open(t, former) || !b.open(t, token) {
		t.Error("the token of before the sign-in is still good, or is the new one")
	}
	invented := strings.Repeat("A", 43)
	if _, token := b.begin(t, invented, "h-1"); token == invented || b.open(t, invented) {
		t.Error("a token that somebody invented became a session")
	}
}

func TestWhatIsNoTokenOpensNothing(t *testing.T) {
	b := newBench(t)
	s, token := b.begin(t, "", "h-1")
	for name, no := range map[string]string{"nothing": "", "the id": s.ID, "half": token[:20], "one letter more": token + "A", "another case": strings.ToUpper(token), "very long": strings.Repeat("A", 1<<20)} {
		if b.open(t, no) {
			t.Errorf("%s opens a session", name)
		}
	}
}

func TestTheStoreHoldsNoToken(t *testing.T) {
	b := newBench(t)
	_, token := b.begin(t, "", "h-1")
	err := b.Store.View(t.Context(), func(tx store.Tx) error {
		for _, bucket := range []string{"session_sessions", "session_subjects", "session_ends"} {
			err := tx.Scan(bucket, "", "", func(key string, value []byte) error {
				if strings.Contains(key, token) || strings.Contains(string(value), token) {
					t.Errorf("the token is in %s", bucket)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSessionsAreEndedByTheirSubjectAlone(t *testing.T) {
	b := newBench(t)
	mine, token := b.begin(t, "", "h-1")
	_, second := b.begin(t, "", "h-1")
	_, foreign := b.begin(t, "", "h-2")
	if err := b.End(t.Context(), "h-2", mine.ID); err != nil || !b.open(t, token) {
		t.Errorf("another ended it: %v", err)
	}
	if err := b.End(t.Context(), "h-1", mine.ID); err != nil || b.open(t, token) || !b.open(t, second) {
		t.Errorf("ending one session: %v", err)
	}
	if err := b.End(t.Context(), "h-1", mine.ID); err != nil {
		t.Errorf("ending it again: %v", err)
	}
	_, third := b.begin(t, "", "h-1")
	if err := b.EndAll(t.Context(), "h-1"); err != nil || b.open(t, second) || b.open(t, third) || !b.open(t, foreign) {
		t.Errorf("ending all: %v", err)
	}
	if list, err := b.List(t.Context(), "h-1"); err != nil || len(list) != 0 {
		t.Errorf("%d sessions are left: %v", len(list), err)
	}
}

func TestASubjectHasABoundedNumberOfSessions(t *testing.T) {
	b := newBench(t)
	_, first := b.begin(t, "", "h-1")
	var last string
	for range 20 {
		b.clock = b.clock.Add(time.Second)
		_, last = b.begin(t, "", "h-1")
	}
	list, err := b.List(t.Context(), "h-1")
	if err != nil || len(list) != 20 || b.open(t, first) || !b.open(t, last) {
		t.Errorf("%d sessions, the first is open: %v; %v", len(list), b.open(t, first), err)
	}
}

func TestASubjectWhoseNameBeginsAnothersSeesOnlyItsOwn(t *testing.T) {
	b := newBench(t)
	b.begin(t, "", "h-1")
	b.begin(t, "", "h-10")
	if list, err := b.List(t.Context(), "h-1"); err != nil || len(list) != 1 {
		t.Errorf("%d sessions: %v", len(list), err)
	}
}

func TestWhatSigningInUsesUpIsUsedWithIt(t *testing.T) {
	b := newBench(t)
	refused := errors.New("used before")
	_, _, err := b.Begin(t.Context(), "", "h-1", "", facts{}, func(store.Tx) error { return refused })
	if !errors.Is(err, refused) {
		t.Fatal(err)
	}
	if list, err := b.List(t.Context(), "h-1"); err != nil || len(list) != 0 {
		t.Errorf("a session began all the same: %v", err)
	}
}

func TestTheJobDeletesWhatHasEndedAndNothingElse(t *testing.T) {
	b := newBench(t)
	b.begin(t, "", "h-1")
	b.clock = b.clock.Add(12 * time.Hour)
	_, token := b.begin(t, "", "h-1")
	b.clock = b.clock.Add(time.Second)
	if n, err := b.Prune(t.Context()); err != nil || n != 1 {
		t.Errorf("%d were deleted: %v", n, err)
	}
	if n, err := b.Prune(t.Context()); err != nil || n != 0 || !b.open(t, token) {
		t.Errorf("%d were deleted: %v", n, err)
	}
}

func TestAChangeOfAnEndedSessionIsRefused(t *testing.T) {
	b := newBench(t)
	s, token := b.begin(t, "", "h-1")
	change := func(ctx context.Context) error {
		return b.Store.Update(ctx, func(tx store.Tx) error {
			return b.Change(tx, s.ID, b.clock, func(f *facts) error { f.Way += "!"; return nil })
		})
	}
	if err := change(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Load(t.Context(), token); err != nil || got.Of.Way != "key!" {
		t.Errorf("%+v, %v", got, err)
	}
	b.clock = b.clock.Add(time.Hour)
	if err := change(t.Context()); fault.Code(err) != "session_none" {
		t.Errorf("an ended session was changed: %v", err)
	}
}

func TestARaisedSessionGoesOverToItsNewToken(t *testing.T) {
	b := newBench(t)
	s, old := b.begin(t, "", "h-1")
	token := session.NewToken()
	raise := func(fn func(*facts) error) error {
		return b.Store.Update(t.Context(), func(tx store.Tx) error { return b.Raise(tx, s.ID, token, b.clock, fn) })
	}
	if err := raise(func(*facts) error { return session.ErrNone() }); err == nil || !b.open(t, old) || b.open(t, token) {
		t.Errorf("what was refused moved the session: %v", err)
	}
	if err := raise(func(f *facts) error { f.Way += "!"; return nil }); err != nil {
		t.Fatal(err)
	}
	if b.open(t, old) || !b.open(t, token) {
		t.Errorf("the old token opens it: %t, the new one: %t", b.open(t, old), b.open(t, token))
	}
	if got, err := b.Load(t.Context(), token); err != nil || got.Of.Way != "key!" || !got.Began.Equal(s.Began) {
		t.Errorf("%+v, %v", got, err)
	}
	if list, err := b.List(t.Context(), "h-1"); err != nil || len(list) != 1 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
	if err := raise(func(*facts) error { return nil }); err == nil {
		t.Error("a session that has gone over was raised again")
	}
}

func TestTheCookieIsForThisHostAlone(t *testing.T) {
	w := httptest.NewRecorder()
	http.SetCookie(w, session.Cookie("abc"))
	if got, want := w.Header().Get("Set-Cookie"), "__Host-mohr-session=abc; Path=/; HttpOnly; Secure; SameSite=Lax"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for name, c := range map[string]struct{ header, token string }{
		"one":               {"__Host-mohr-session=abc", "abc"},
		"none":              {"other=1", ""},
		"one put beside it": {"__Host-mohr-session=abc; __Host-mohr-session=def", ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", c.header)
		if got := session.Token(r); got != c.token {
			t.Errorf("%s: %q", name, got)
		}
	}
}
