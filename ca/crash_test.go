package ca_test

import (
	"crypto"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/ceremony"
	"mohr/internal/store"
)

// killer signs with a key, and ends its own process by SIGKILL around the
// n-th signature it makes.
type killer struct {
	crypto.Signer
	before, after bool
}

func (k killer) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.before {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	signature, err := k.Signer.Sign(r, digest, opts)
	if k.after {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return signature, err
}

// crashEnv tells the child process where to die, and in which directory.
const crashEnv, crashDir = "MOHR_TEST_CRASH", "MOHR_TEST_CRASH_DIR"

func crashOrder(t *testing.T, keys *catest.Keys) ca.Order {
	key, err := keys.Key(t.Context(), "holder")
	if err != nil {
		t.Fatal(err)
	}
	csr, err := ca.ParseCSR(csrDER(t, key, emptyRequest))
	if err != nil {
		t.Fatal(err)
	}
	return ca.Order{Request: "request-1", CSR: csr, Service: ca.Service{Profile: ca.ServiceTLS, CommonName: "node", DNSNames: []string{"node.test"}}}
}

// TestCrashChild is the process that dies; it does nothing unless told to.
func TestCrashChild(t *testing.T) {
	where := os.Getenv(crashEnv)
	if where == "" {
		return
	}
	dir := os.Getenv(crashDir)
	s, err := store.OpenBolt(filepath.Join(dir, "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	keys := &catest.Keys{Dir: dir}
	h, err := ceremony.Open(t.Context(), ceremony.Config{Store: s, Key: keys.Make, Publish: catest.Publish, Name: "Mohr Test"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range h.Issuers {
		h.Issuers[i].Signer = killer{h.Issuers[i].Signer, where == "before signing", where == "after signing"}
	}
	a, err := ca.New(ca.Config{Store: s, Root: h.Root, Issuers: h.Issuers, Publish: catest.Publish, Portal: catest.Portal, HolderKey: make([]byte, 32), Simulated: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Issue(t.Context(), crashOrder(t, keys)); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func TestKillDuringIssuanceLosesAndDoublesNothing(t *testing.T) {
	for _, test := range []struct {
		where string
		state ca.State
	}{
		{"before signing", ca.Pending}, // between steps 4 and 5
		{"after signing", ca.Pending},  // between steps 5 and 6
		{"after recording", ca.Issued}, // after step 6
	} {
		t.Run(test.where, func(t *testing.T) {
			dir := t.TempDir()
			die(t, dir, test.where)
			s, err := store.OpenBolt(filepath.Join(dir, "mohr.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			keys := &catest.Keys{Dir: dir}
			f := catest.On(t, s, keys, nil)
			left, err := f.ByRequest(t.Context(), "request-1")
			if err != nil {
				t.Fatal("no record of the intent: ", err)
			}
			if left.State != test.state || (left.State == ca.Pending) != (left.DER == nil) {
				t.Errorf("record after the kill: state %s, %d bytes of certificate; want %s", left.State, len(left.DER), test.state)
			}
			first, err := f.Issue(t.Context(), crashOrder(t, keys))
			if err != nil {
				t.Fatal(err)
			}
			again, err := f.Issue(t.Context(), crashOrder(t, keys))
			if err != nil {
				t.Fatal(err)
			}
			if first.Serial != left.Serial || string(first.DER) != string(again.DER) || first.State != ca.Issued {
				t.Errorf("serials %s, %s, %s and states %s: want one issued certificate", left.Serial, first.Serial, again.Serial, first.State)
			}
			if n := countRequest(t, f, "request-1"); n != 1 {
				t.Errorf("%d certificates for one request", n)
			}
			if n := countLeaves(t, s, "certificate.issued", first.Serial); n != 1 {
				t.Errorf("%d ledger leaves for one issuance", n)
			}
		})
	}
}

// die runs the child until it has killed itself at the given place.
func die(t *testing.T, dir, where string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$", "-test.v")
	cmd.Env = append(os.Environ(), crashEnv+"="+where, crashDir+"="+dir)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended with %v, want SIGKILL:\n%s", err, out)
	}
}
