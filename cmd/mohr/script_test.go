package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"mohr/internal/browser"
	"mohr/internal/pkitest"
)

// TestMain lets the test binary be mohr itself, for scripts and for tests
// that kill it.
func TestMain(m *testing.M) {
	followClock()
	testscript.Main(allTests{m}, map[string]func(){"mohr": main})
}

// allTests ends what they shared, and sees whether they left a page out.
type allTests struct{ *testing.M }

func (m allTests) Run() int {
	code := m.M.Run()
	browser.End()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" {
		if list := visited.missing(); len(list) > 0 {
			fmt.Fprintf(os.Stderr, "FAIL: no test looked at these pages in a browser, or say in visited_test.go why none has to:\n%s\n", strings.Join(list, "\n"))
			return 1
		}
	}
	return code
}

// TestScripts runs the journeys and their refusals as whole sessions.
func TestScripts(t *testing.T) {
	for program, debian := range map[string]string{"openssl": "openssl", "pdfsig": "poppler-utils", "jq": "jq", "xxd": "xxd", "bash": "bash"} {
		pkitest.Need(t, program, debian)
	}
	docs, err := filepath.Abs(filepath.Join("..", "..", "docs"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("DOCS", docs)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"usage": wrongUse, "judged": judged, "extract": extract, "serve": serveScript, "halt": stopScript, // stop is a word of testscript itself: it ends the script
			"apply-with-code": applyWithCode, "put-proof": putProof, "old-nonce": oldNonce,
		},
	})
}

// wrongUse runs mohr and wants exit code 2: usage ARGS...
func wrongUse(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage is never negated")
	}
	err := ts.Exec("mohr", args...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitUsage {
		ts.Fatalf("mohr %v ended with %v, want exit code %d", args, err, exitUsage)
	}
}

// judged runs mohr and wants an exit code; what it prints is for stdout:
// judged CODE ARGS...
func judged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: judged CODE ARGS...")
	}
	err := ts.Exec("mohr", args[1:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("mohr %v ended with %v, want exit code %s", args[1:], err, args[0])
	}
}

// extract writes the shell lines of a document to a file: extract DOC FILE.
func extract(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: extract DOC FILE")
	}
	_, rest, ok := strings.Cut(ts.ReadFile(args[0]), "```sh\n")
	lines, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		ts.Fatalf("%s has no shell lines", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(lines), 0o600))
}

// TestTourWithKeysInATokenLeavesTheSameArtifacts runs the tour with all keys
// of the service in a PKCS#11 token.
func TestTourWithKeysInATokenLeavesTheSameArtifacts(t *testing.T) {
	tourWithKeys(t, pkitest.SoftHSM(t))
}

// TestTourWithKeysInATPMLeavesTheSameArtifacts runs the tour with all keys of
// the service in a TPM 2.0.
func TestTourWithKeysInATPMLeavesTheSameArtifacts(t *testing.T) {
	tourWithKeys(t, pkitest.SWTPM(t).Base)
}

func tourWithKeys(t *testing.T, base string) {
	t.Helper()
	out := t.TempDir()
	if code := run(t.Context(), []string{"tour", "--out", out, "--keys", base}); code != exitDone {
		t.Fatalf("tour ended with %d", code)
	}
	for _, name := range artifacts() {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
}

// artifacts are the files that scripts of others rely on.
func artifacts() []string {
	return []string{
		"root.pem", "issuer.pem", "chain.pem", "holder.key", "holder.csr", "holder.pem", "renewed.key", "renewed.pem",
		"renewal.json", "renewal.p7s", "request.json", "request.jws", "badge.svg", "badge.jwt", "record.json", "record.html",
		"ocsp.der", "ocsp-superseded.der", "crl.der", "tsr.der", "tsr.data", "receipt.json", "bundle.json", "checkpoint",
		"server.txt", "tour.json",
	}
}
