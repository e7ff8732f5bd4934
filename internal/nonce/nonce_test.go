package nonce_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

const renew nonce.Purpose = "renew"

// clock is a time that a test moves.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func source(c *clock, fill byte) *nonce.Source {
	return &nonce.Source{Key: bytes.Repeat([]byte{fill}, 32), Now: c.now}
}

func newClock() *clock { return &clock{time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func openStore(t *testing.T) store.Store {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// use redeems n as a desk does.
func use(ctx context.Context, s store.Store, src *nonce.Source, n string) error {
	c, err := src.Redeemable(renew, n)
	if err != nil {
		return err
	}
	return s.Update(ctx, c.Use)
}

func TestNonceIsGoodForItsPurposeAndTime(t *testing.T) {
	c := newClock()
	src := source(c, 1)
	n := src.New(renew)
	if len(n) != 54 || n == src.New(renew) {
		t.Errorf("nonce %q", n)
	}
	swapped := "B"
	if n[20] == 'B' {
		swapped = "C"
	}
	tests := []struct {
		name  string
		src   *nonce.Source
		p     nonce.Purpose
		n     string
		after time.Duration
		code  string
	}{
		{"at once", src, renew, n, 0, ""},
		{"on another node", source(c, 1), renew, n, time.Minute, ""},
		{"on a node whose clock is 5 s behind", src, renew, n, -5 * time.Second, ""},
		{"on a node whose clock is 6 s behind", src, renew, n, -6 * time.Second, "nonce_expired"},
		{"in its last second", src, renew, n, 10 * time.Minute, ""},
		{"a second too late", src, renew, n, 10*time.Minute + time.Second, "nonce_expired"},
		{"for another purpose", src, "badge", n, 0, "nonce_unknown"},
		{"for a purpose that begins the same", src, "ren", n, 0, "nonce_unknown"},
		{"under another key", source(c, 2), renew, n, 0, "nonce_unknown"},
		{"with a character changed", src, renew, n[:20] + swapped + n[21:], 0, "nonce_unknown"},
		{"cut short", src, renew, n[:53], 0, "nonce_unknown"},
		{"with something after it", src, renew, n + "A", 0, "nonce_unknown"},
		{"with a line break after it", src, renew, n + "\n", 0, "nonce_unknown"},
		{"with a line break inside", src, renew, n[:10] + "\r\n" + n[10:], 0, "nonce_unknown"},
		{"empty", src, renew, "", 0, "nonce_unknown"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			start := c.t
			defer func() { c.t = start }()
			c.t = start.Add(tc.after)
			err := tc.src.Check(tc.p, tc.n)
			if fault.Code(err) != tc.code || (err != nil) != (tc.code != "") {
				t.Errorf("error %v, want %q", err, tc.code)
			}
			if err != nil && !errors.Is(err, fault.Denied) {
				t.Errorf("error %v is not Denied", err)
			}
		})
	}
}

func TestNonceWithoutKeyIsRefused(t *testing.T) {
	for _, key := range [][]byte{nil, make([]byte, 31)} {
		src := &nonce.Source{Key: key}
		if err := src.Check(renew, src.New(renew)); err == nil || fault.Code(err) != "" {
			t.Errorf("a key of %d octets: error %v", len(key), err)
		}
	}
}

func TestNonceIsUsedOnce(t *testing.T) {
	s, src := openStore(t), source(newClock(), 1)
	n := src.New(renew)
	var wins atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			err := use(context.Background(), s, src, n)
			if err == nil {
				wins.Add(1)
			} else if fault.Code(err) != "nonce_used" || !errors.Is(err, fault.Denied) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if wins.Load() != 1 {
		t.Errorf("used %d times", wins.Load())
	}
	for _, variant := range []string{n, n + "\n", "\n" + n, n[:5] + "\r" + n[5:], n + "="} {
		if err := use(t.Context(), s, src, variant); !errors.Is(err, fault.Denied) {
			t.Errorf("%q is good once more: %v", variant, err)
		}
	}
}

func TestUseIsUndoneWithItsDeed(t *testing.T) {
	s, src := openStore(t), source(newClock(), 1)
	n := src.New(renew)
	checked, err := src.Redeemable(renew, n)
	if err != nil {
		t.Fatal(err)
	}
	refusal := errors.New("the deed is refused")
	err = s.Update(t.Context(), func(tx store.Tx) error { return errors.Join(checked.Use(tx), refusal) })
	if !errors.Is(err, refusal) {
		t.Fatal(err)
	}
	if err := use(t.Context(), s, src, n); err != nil {
		t.Errorf("the nonce of an undone deed is gone: %v", err)
	}
	if err := s.Update(t.Context(), nonce.Checked{}.Use); fault.Code(err) != "nonce_unknown" {
		t.Errorf("an unchecked nonce: %v", err)
	}
}

func TestPruneKeepsWhatStillCounts(t *testing.T) {
	s, c := openStore(t), newClock()
	src := source(c, 1)
	for range 1100 {
		if err := use(t.Context(), s, src, src.New(renew)); err != nil {
			t.Fatal(err)
		}
	}
	c.t = c.t.Add(25 * time.Hour)
	fresh := src.New(renew)
	if err := use(t.Context(), s, src, fresh); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1100, 0} {
		if n, err := src.Prune(t.Context(), s); err != nil || n != want {
			t.Errorf("pruned %d, want %d, error %v", n, want, err)
		}
	}
	if err := use(t.Context(), s, src, fresh); fault.Code(err) != "nonce_used" {
		t.Errorf("a pruned nonce is good again: %v", err)
	}
}

// FuzzCheck: what is good is so in one form only: any other writing of the
// same octets would be a nonce that nobody has used yet.
func FuzzCheck(f *testing.F) {
	src := source(newClock(), 1)
	n := src.New(renew)
	for _, seed := range []string{n, n + "\n", n[:7] + "\r" + n[7:], n + "=", strings.Repeat("A", 54)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if src.Check(renew, s) != nil {
			return
		}
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || base64.RawURLEncoding.EncodeToString(b) != s {
			t.Errorf("%q is good and not in its one form", s)
		}
	})
}
