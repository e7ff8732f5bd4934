package otp_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/otp"
	"mohr/internal/store"
)

const (
	number     = "+989121234567"
	sendWindow = 15 * time.Minute
)

var session = otp.Binding{Session: "a-1", Purpose: "enroll", SPKISHA256: "k1"}

// bench is a phone, a clock and codes on a real store.
type bench struct {
	t     *testing.T
	codes *otp.Codes
	store store.Store
	down  error

	mu   sync.Mutex // guards code, text and now
	code string     // the last that arrived
	text string
	now  time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "otp.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b := &bench{t: t, store: s, now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)}
	b.codes, err = otp.New(otp.Config{Store: s, Key: make([]byte, 32), Send: b.receive, Now: b.clock})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *bench) receive(_ context.Context, to, text string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if to != number {
		b.t.Errorf("sent to %s", to)
	}
	b.text, b.code = text, regexp.MustCompile(`[0-9]{6}`).FindString(text)
	return b.down
}

func (b *bench) send(to otp.Binding) string {
	b.t.Helper()
	if err := b.codes.Send(b.t.Context(), to, number, "fa"); err != nil {
		b.t.Fatal(err)
	}
	return b.code
}

// wrong returns a code that is none of the given.
func wrong(codes ...string) string {
	for i := 0; ; i++ {
		if c := fmt.Sprintf("%06d", i); !strings.Contains(strings.Join(codes, " "), c) {
			return c
		}
	}
}

func (b *bench) refused(code string) {
	b.t.Helper()
	if err := b.codes.Redeem(b.t.Context(), session, code); fault.Code(err) != "code_wrong" || !errors.Is(err, fault.Denied) {
		b.t.Errorf("redeem: %v, want code_wrong", err)
	}
}

func TestRedeem(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    otp.Binding
		wait time.Duration
		edit func(string) string
		ok   bool
	}{
		{name: "the right code of the right session counts", b: session, ok: true},
		{name: "spaces around it do not matter", b: session, edit: func(c string) string { return " " + c + "\n" }, ok: true},
		{name: "Persian digits count", b: session, edit: func(c string) string { return i18n.Digits("fa", c) }, ok: true},
		{name: "digits of another script do not", b: session, edit: func(string) string { return "१२३४५६" }},
		{name: "a digit too many does not", b: session, edit: func(c string) string { return c + "0" }},
		{name: "a digit too few does not", b: session, edit: func(c string) string { return c[:5] }},
		{name: "nothing does not", b: session, edit: func(string) string { return "" }},
		{name: "the code of session A is worthless in B", b: otp.Binding{Session: "a-2", Purpose: "enroll", SPKISHA256: "k1"}},
		{name: "a code is worthless for another purpose", b: otp.Binding{Session: "a-1", Purpose: "revoke", SPKISHA256: "k1"}},
		{name: "a code is worthless with another key", b: otp.Binding{Session: "a-1", Purpose: "enroll", SPKISHA256: "k2"}},
		{name: "a code is worthless without its key", b: otp.Binding{Session: "a-1", Purpose: "enroll"}},
		{name: "parts of a binding do not run together", b: otp.Binding{Session: "a-1e", Purpose: "nroll", SPKISHA256: "k1"}},
		{name: "a code counts in its last second", b: session, wait: 10 * time.Minute, ok: true},
		{name: "a code is worthless after ten minutes", b: session, wait: 10*time.Minute + time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			code := b.send(session)
			if tt.b != session && tt.b.Session+tt.b.Purpose != session.Session+session.Purpose {
				for b.send(tt.b) == code { // the other has a code of its own
					b.pass(sendWindow)
					code = b.send(session)
				}
			}
			b.pass(tt.wait)
			if tt.edit != nil {
				code = tt.edit(code)
			}
			err := b.codes.Redeem(t.Context(), tt.b, code)
			if ok := err == nil; ok != tt.ok || (!ok && fault.Code(err) != "code_wrong") {
				t.Errorf("redeem: %v, want ok %v", err, tt.ok)
			}
			if tt.ok {
				b.refused(code) // once is once
			}
		})
	}
}

func TestNoCodeWasSent(t *testing.T) { newBench(t).refused("123456") }

func TestAnAttemptBelongsToTheCallersTransaction(t *testing.T) {
	b := newBench(t)
	code := b.send(session)
	attempt := b.codes.Attempt(session, code)
	undone := errors.New("the deed failed")
	use := func(after error) (right bool, err error) {
		err = b.store.Update(t.Context(), func(tx store.Tx) (err error) {
			if right, err = attempt.Use(tx); err != nil {
				return err
			}
			return after
		})
		return right, err
	}
	if right, err := use(undone); !right || !errors.Is(err, undone) {
		t.Fatalf("got %v, %v", right, err)
	}
	if right, err := use(nil); !right || err != nil {
		t.Errorf("a code whose deed failed is gone: %v, %v", right, err)
	}
	if right, err := use(nil); right || err != nil {
		t.Errorf("a code counted twice: %v, %v", right, err)
	}
}

func TestANetworkThatIsDownIsReported(t *testing.T) {
	b := newBench(t)
	b.down = fault.New(fault.Unavailable, "registry_unavailable", "down")
	for range 3 {
		if err := b.codes.Send(t.Context(), session, number, "fa"); !errors.Is(err, fault.Unavailable) {
			t.Errorf("send: %v", err)
		}
	}
	if err := b.codes.Send(t.Context(), session, number, "fa"); !errors.Is(err, fault.Limited) {
		t.Errorf("messages that may have arrived are not counted: %v", err)
	}
}

func TestTheStoreTellsNothing(t *testing.T) {
	b := newBench(t)
	code := b.send(session)
	err := b.store.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan("otp_codes", "", "", func(key string, v []byte) error {
			for _, secret := range []string{code, number, session.Session} {
				if strings.Contains(key+string(v), secret) {
					t.Errorf("%q is in %s %s", secret, key, v)
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCodesAreSixDigitsAndSpread(t *testing.T) {
	b := newBench(t)
	first := [10]int{}
	const n = 2000
	for i := range n {
		code := b.send(otp.Binding{Session: fmt.Sprint(i), Purpose: "enroll"})
		if len(code) != 6 {
			t.Fatalf("the message is %q", b.text)
		}
		first[code[0]-'0']++
	}
	for d, count := range first {
		// 200 expected, standard deviation 13.4: 8 of them are never seen.
		if count < 93 || count > 307 {
			t.Errorf("%d codes of %d begin with %d", count, n, d)
		}
	}
}

func TestPrune(t *testing.T) {
	b := newBench(t)
	for i := range 1005 {
		b.send(otp.Binding{Session: fmt.Sprint("old", i), Purpose: "enroll"})
	}
	b.pass(24*time.Hour + 9*time.Minute)
	code := b.send(session)
	if n, err := b.codes.Prune(t.Context()); n != 0 || err != nil {
		t.Errorf("a day is not over: %d, %v", n, err)
	}
	b.pass(2 * time.Minute)
	if n, err := b.codes.Prune(t.Context()); n != 1005 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	if err := b.codes.Redeem(t.Context(), session, code); err != nil {
		t.Errorf("a live code: %v", err)
	}
}

func TestConfigRefused(t *testing.T) {
	b := newBench(t)
	good := otp.Config{Store: b.store, Key: make([]byte, 32), Send: b.receive}
	for name, edit := range map[string]func(*otp.Config){
		"no store":       func(c *otp.Config) { c.Store = nil },
		"a short key":    func(c *otp.Config) { c.Key = make([]byte, 16) },
		"no way to send": func(c *otp.Config) { c.Send = nil },
	} {
		c := good
		edit(&c)
		if _, err := otp.New(c); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
