package place_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mohr/cmd/mohr/place"
)

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, file, content string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil || string(b) != content {
		t.Errorf("%s holds %q (%v), want %q", filepath.Base(file), b, err, content)
	}
}

// open returns a place with an old pair.
func open(t *testing.T) place.Place {
	t.Helper()
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "first"), 0o700), os.Symlink("first", filepath.Join(dir, "current"))); err != nil {
		t.Fatal(err)
	}
	p := place.Place(dir)
	write(t, p.Current(place.KeyFile), "old key")
	write(t, p.Current(place.CertificateFile), "old certificate")
	return p
}

var now = time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)

func TestANewPairComesIntoUseInOneStepAndTheOldOneStays(t *testing.T) {
	p := open(t)
	if err := p.Begin(now); err != nil || !p.Begun() {
		t.Fatal(err)
	}
	write(t, p.Next(place.KeyFile), "new key")
	if p.Finish() == nil {
		t.Error("half a pair came into use")
	}
	want(t, p.Current(place.KeyFile), "old key")
	if err := p.Begin(now.Add(time.Hour)); err != nil { // cut off, and taken up
		t.Fatal(err)
	}
	want(t, p.Next(place.KeyFile), "new key")
	write(t, p.Next(place.CertificateFile), "new certificate")
	if err := p.Finish(); err != nil || p.Begun() {
		t.Fatal(err, p.Begun())
	}
	want(t, p.Current(place.KeyFile), "new key")
	want(t, p.Current(place.CertificateFile), "new certificate")
	want(t, filepath.Join(string(p), "first", place.KeyFile), "old key")
}

func TestTheHookIsToldUntilItTakesIt(t *testing.T) {
	p := open(t)
	calls, refuse := 0, true
	tell := func() error {
		calls++
		if refuse {
			return os.ErrPermission
		}
		return nil
	}
	if err := p.Tell(tell); err != nil || calls != 0 {
		t.Fatalf("told of nothing: %v, %d calls", err, calls)
	}
	if err := p.Begin(now); err != nil {
		t.Fatal(err)
	}
	write(t, p.Next(place.KeyFile), "new key")
	write(t, p.Next(place.CertificateFile), "new certificate")
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := p.Tell(tell); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
	refuse = false
	for range 2 {
		if err := p.Tell(tell); err != nil {
			t.Error(err)
		}
	}
	if calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
}
