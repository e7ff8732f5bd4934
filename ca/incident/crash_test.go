package incident_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/incident"
	"mohr/internal/store"
)

// dying ends its own process by SIGKILL before or after the n-th Update from
// now on.
type dying struct {
	store.Store
	armed bool
	left  int
	after bool
}

func (d *dying) Update(ctx context.Context, fn func(store.Tx) error) error {
	if d.armed {
		d.left--
		if d.left == 0 && !d.after {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
	err := d.Store.Update(ctx, fn)
	if d.armed && d.left == 0 {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return err
}

const crashEnv, crashDir, crashCount = "MOHR_TEST_CRASH", "MOHR_TEST_CRASH_DIR", 7

// TestCrashChild is the process that dies; it does nothing unless told to.
func TestCrashChild(t *testing.T) {
	when, dir := os.Getenv(crashEnv), os.Getenv(crashDir)
	if when == "" {
		return
	}
	s, err := store.OpenBolt(filepath.Join(dir, "mohr.db"))
	must(t, err)
	n, err := strconv.Atoi(when[1:])
	must(t, err)
	d := &dying{Store: s, left: n, after: when[0] == '+'}
	b := benchOn(t, d, &catest.Keys{Dir: dir})
	sara, omid := b.officer("sara"), b.officer("omid")
	p := b.approved(sara, omid, incident.Ask{Kind: incident.Revoke, Reason: ca.Superseded, Serials: serials(b.people(crashCount))})
	must(t, os.WriteFile(filepath.Join(dir, "plan"), []byte(p.Document.ID), 0o600))
	d.armed = true
	_, err = b.execute(sara, p.Document.ID)
	t.Fatal("still alive: ", err)
}

func TestAKillInTheMiddleLosesAndDoublesNothing(t *testing.T) {
	// The first Update begins; four batches of two, the last of one, follow.
	for _, when := range []string{"-1", "+1", "-2", "+2", "-4", "+4", "-5", "+5"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$", "-test.v")
			cmd.Env = append(os.Environ(), crashEnv+"="+when, crashDir+"="+dir)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the child ended with %v, want SIGKILL:\n%s", err, out)
			}
			s, err := store.OpenBolt(filepath.Join(dir, "mohr.db"))
			must(t, err)
			defer s.Close()
			b := benchOn(t, s, &catest.Keys{Dir: dir})
			id, err := os.ReadFile(filepath.Join(dir, "plan"))
			must(t, err)
			must(t, b.Continue(t.Context()))
			shown, err := b.Show(t.Context(), string(id))
			must(t, err)
			if begun := when != "-1"; begun != (shown.Plan.State == incident.Done) {
				t.Errorf("after the job: %s", shown.Plan.State)
			}
			done, err := b.execute(b.officer("sara"), string(id))
			if err != nil || done.Dealt != crashCount || done.Changed != crashCount {
				t.Errorf("%+v, %v", done, err)
			}
			list, err := b.f.List(t.Context(), "", 0)
			must(t, err)
			ended := 0
			for _, c := range list {
				if c.Holder != "" {
					ended += b.leaves("certificate.revoked", c.Serial)
				}
				if c.Holder != "" && (c.Revoked == nil || c.Version != 3) {
					t.Errorf("%s: %+v, version %d", c.Request, c.Revoked, c.Version)
				}
			}
			if ended != crashCount || b.leaves("plan.executed", string(id)) != 1 {
				t.Errorf("%d leaves of %d revocations", ended, crashCount)
			}
		})
	}
}
