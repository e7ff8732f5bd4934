package custody_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca/custody"
	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// place is a register on a store and a folder of keys of its own.
type place struct {
	*custody.Register
	dir string
	at  time.Time
}

func newPlace(t *testing.T) *place {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	ring := hsm.Open(hsm.Config{})
	t.Cleanup(func() { errors.Join(ring.Close(), s.Close()) })
	p := &place{dir: t.TempDir(), at: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	p.Register = custody.New(custody.Config{
		Store: s, Ring: ring, Home: hsm.FileURI(p.dir), Now: func() time.Time { return p.at },
		Fixed: func(purpose string) string {
			if purpose == "checkpoint" {
				return "it names the log"
			}
			return ""
		},
	})
	return p
}

// signer opens the key that serves, which must be there.
func (p *place) signer(t *testing.T, purpose string) crypto.Signer {
	t.Helper()
	s, err := p.Signer(t.Context(), purpose, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func same(a, b crypto.Signer) bool {
	return a.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(b.Public())
}

func TestAPurposeKeepsItsKeyUntilItIsRotated(t *testing.T) {
	p := newPlace(t)
	first := p.signer(t, "tls")
	if again := p.signer(t, "tls"); !same(first, again) {
		t.Fatal("the second opening gave another key")
	}
	k, err := p.Rotate(t.Context(), "tls", hsm.P384)
	if err != nil {
		t.Fatal(err)
	}
	if k.Generation != 2 || k.Algorithm != hsm.P384 || k.Home != "file" {
		t.Errorf("rotated to %+v", k)
	}
	second := p.signer(t, "tls")
	if same(first, second) {
		t.Error("the old key serves on after the rotation")
	}
	if _, err := p.Retire(t.Context(), "tls", 2); fault.Code(err) != "key_serving" {
		t.Errorf("the key that serves was retired: %v", err)
	}
	for range 2 { // twice: the second time changes nothing
		if k, err := p.Retire(t.Context(), "tls", 1); err != nil || !k.Retired.Equal(p.at) {
			t.Fatalf("retire: %+v, %v", k, err)
		}
	}
	if _, err := os.Stat(filepath.Join(p.dir, "tls.pem")); err != nil {
		t.Errorf("retiring destroyed the key: %v", err)
	}
}

func TestAKeyIsNeverReplacedInSilence(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(p *place) error
		want string
	}{
		{"a lost key is not made anew", func(p *place) error { return os.Remove(filepath.Join(p.dir, "tls.pem")) }, "it was in use here"},
		{"another key under its name is refused", func(p *place) error {
			return os.Rename(filepath.Join(p.dir, "audit.pem"), filepath.Join(p.dir, "tls.pem"))
		}, "is not the key that was in use here"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			p.signer(t, "tls")
			p.signer(t, "audit")
			if err := test.do(p); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Signer(t.Context(), "tls", ""); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("open: %v, want %q", err, test.want)
			}
		})
	}
}

func TestRotationRefusals(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(ctx context.Context, p *place) error
		want string
	}{
		{"a purpose without a key", func(ctx context.Context, p *place) error { _, err := p.Rotate(ctx, "none", ""); return err }, "key_purpose_unknown"},
		{"a key that is for life", func(ctx context.Context, p *place) error { _, err := p.Rotate(ctx, "checkpoint", ""); return err }, "key_fixed"},
		{"a name that the key store has already", func(ctx context.Context, p *place) error {
			if _, err := p.Ring.Create(ctx, hsm.KeyURI(p.Home, "tls.2"), hsm.P256); err != nil {
				return err
			}
			_, err := p.Rotate(ctx, "tls", "")
			return err
		}, "key_name_taken"},
		{"a second first key", func(ctx context.Context, p *place) error { _, err := p.Create(ctx, "tls", ""); return err }, "key_purpose_taken"},
		{"a purpose that is a path", func(ctx context.Context, p *place) error { _, err := p.Create(ctx, "../tls", ""); return err }, "key_purpose_malformed"},
		{"an algorithm that nobody makes", func(ctx context.Context, p *place) error { _, err := p.Rotate(ctx, "tls", "P-521"); return err }, "key_algorithm_unsupported"},
		{"retiring what never was", func(ctx context.Context, p *place) error { _, err := p.Retire(ctx, "tls", 7); return err }, "key_purpose_unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			old := p.signer(t, "tls")
			if err := test.do(t.Context(), p); fault.Code(err) != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if !same(old, p.signer(t, "tls")) {
				t.Error("the refusal changed the key that serves")
			}
		})
	}
}

// A rotation that was cut off after the key was made, and before that was
// recorded, is finished by the next one with the same key.
func TestARotationThatWasCutOffIsTakenUp(t *testing.T) {
	p := newPlace(t)
	p.signer(t, "tls")
	broken := custody.New(custody.Config{Store: cutOff{p.Store, new(int)}, Ring: p.Ring, Home: p.Home})
	if _, err := broken.Rotate(t.Context(), "tls", ""); err == nil {
		t.Fatal("the store was cut off and nothing was noticed")
	}
	made, err := p.Ring.Signer(t.Context(), hsm.KeyURI(p.Home, "tls.2"))
	if err != nil {
		t.Fatalf("the test did not reach the making of the key: %v", err)
	}
	if same(made, p.signer(t, "tls")) {
		t.Fatal("a key serves that is not recorded")
	}
	if _, err := p.Rotate(t.Context(), "tls", ""); err != nil {
		t.Fatal(err)
	}
	if !same(made, p.signer(t, "tls")) {
		t.Error("the second rotation made another key")
	}
}

// cutOff is a store that is gone after one update.
type cutOff struct {
	store.Store
	updates *int
}

func (c cutOff) Update(ctx context.Context, fn func(store.Tx) error) error {
	if *c.updates++; *c.updates > 1 {
		return errors.New("the store is gone")
	}
	return c.Store.Update(ctx, fn)
}

func TestTestingKeysShowsWhichFails(t *testing.T) {
	p := newPlace(t)
	p.signer(t, "tls")
	p.signer(t, "audit")
	if err := os.Remove(filepath.Join(p.dir, "audit.pem")); err != nil {
		t.Fatal(err)
	}
	trials, err := p.Test(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, trial := range trials {
		got[trial.Key.Purpose] = trial.Fault == ""
	}
	if len(got) != 2 || !got["tls"] || got["audit"] {
		t.Errorf("trials: %+v", trials)
	}
}

func TestAKeyInAFormerHomeIsFound(t *testing.T) {
	p := newPlace(t)
	old := p.signer(t, "tls")
	moved := custody.New(custody.Config{Store: p.Store, Ring: p.Ring, Home: hsm.FileURI(t.TempDir()), Former: []string{p.Home}})
	s, err := moved.Signer(t.Context(), "tls", "")
	if err != nil || !same(old, s) {
		t.Fatalf("the key in the former home was not found: %v", err)
	}
	if _, err := moved.Rotate(t.Context(), "tls", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "tls.2.pem")); err == nil {
		t.Error("the new key was made in the former home")
	}
}

func TestUsesAreCountedOverRestarts(t *testing.T) {
	p := newPlace(t)
	digest := sha256.Sum256([]byte("what is signed"))
	for run := range 2 {
		ring := hsm.Open(hsm.Config{})
		r := custody.New(custody.Config{Store: p.Store, Ring: ring, Home: p.Home})
		s, err := r.Signer(t.Context(), "tls", "")
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := s.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
				t.Fatal(err)
			}
			if err := r.Count(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		lines, err := r.List(t.Context())
		if err != nil || len(lines) != 1 || lines[0].Signatures != uint64(3*run+3) || lines[0].LastUse.IsZero() {
			t.Errorf("run %d: %+v, %v", run, lines, err)
		}
		ring.Close()
	}
}
