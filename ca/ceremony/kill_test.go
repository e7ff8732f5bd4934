package ceremony_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"mohr/ca/ceremony"
	"mohr/hsm"
	"mohr/internal/store"
)

// The environment of the process that dies.
const (
	killDir = "MOHR_CEREMONY_DIR" // where it holds its ceremony; the plan is in it
	killAt  = "MOHR_CEREMONY_KILL"
)

// dying is a store that kills the process at the n-th update from the start.
type dying struct {
	store.Store
	left  int
	after bool
}

func (s *dying) Update(ctx context.Context, fn func(store.Tx) error) error {
	if s.left--; s.left == 0 && !s.after {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	err := s.Store.Update(ctx, fn)
	if s.left == 0 {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return err
}

var killTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// TestKillChild is the process that dies; it does nothing unless told to.
func TestKillChild(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		return
	}
	var n int
	if _, err := fmt.Sscan(os.Getenv(killAt), &n); err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenBolt(filepath.Join(dir, "ceremony.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ring := hsm.Open(hsm.Config{})
	defer ring.Close()
	b, err := os.ReadFile(filepath.Join(dir, "plan.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p := parsePlan(t, b)
	conf, err := ceremony.Config{Store: &dying{Store: s, left: n, after: n%2 == 0}, Now: func() time.Time { return killTime }}.WithHomes(ring, p)
	if err != nil {
		t.Fatal(err)
	}
	record, err := ceremony.Hold(t.Context(), conf, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "record.json"), record, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestACeremonyThatIsKilledAgainAndAgainIsFinished, with keys in files.
func TestACeremonyThatIsKilledAgainAndAgainIsFinished(t *testing.T) {
	dir := t.TempDir()
	home := hsm.FileURI(filepath.Join(dir, "keys"))
	plan := file(killTime, listed(0), fmt.Sprintf("keys: {roots: %q, issuers: %q}\n", home, home), fullSections)
	if err := os.WriteFile(filepath.Join(dir, "plan.yaml"), plan, 0o600); err != nil {
		t.Fatal(err)
	}
	kills := 0
	for n := 0; ; n++ {
		child := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
		child.Env = append(os.Environ(), killDir+"="+dir, killAt+"="+fmt.Sprint(2+n%4))
		out, err := child.CombinedOutput()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL && kills < 60 {
			kills++
			continue
		}
		if err != nil {
			t.Fatalf("%v after %d kills:\n%s", err, kills, out)
		}
		break
	}
	record, err := os.ReadFile(filepath.Join(dir, "record.json"))
	if err != nil {
		t.Fatal(err)
	}
	if report, err := ceremony.Verify(record, nil); err != nil || len(report.Minutes.Authorities) != 6 || kills < 8 {
		t.Errorf("after %d kills: %v", kills, err)
	}
	keys, err := filepath.Glob(filepath.Join(dir, "keys", "*.pem"))
	if err != nil || len(keys) != 6 {
		t.Errorf("%d keys were made: %v, %v", len(keys), keys, err)
	}
}
