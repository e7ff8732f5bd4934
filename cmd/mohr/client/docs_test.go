package client_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/cmd/mohr/place"
)

// TestTheProgramOfTheDocsAnswersAComplaint builds the program of
// docs/go-client.md as it stands there, in a module of its own, and runs it.
func TestTheProgramOfTheDocsAnswersAComplaint(t *testing.T) {
	page, err := os.ReadFile("../../../docs/go-client.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(page), "\n```go\n")
	text, _, closed := strings.Cut(text, "\n```\n")
	if !found || !closed {
		t.Fatal("docs/go-client.md has no program")
	}
	program := build(t, text+"\n")
	folder := inPlace(t)
	run := func(complaint string) (string, error) {
		out, err := exec.CommandContext(t.Context(), program, server(), filepath.Join(dev().data, "root.pem"), folder, complaint, "پول شما برگشت.").CombinedOutput()
		return string(out), err
	}
	if out, err := run(complain("+989990000002")); err != nil || out != "the complaint is answered\n" {
		t.Errorf("%v: %s", err, out)
	}
	var exit *exec.ExitError
	if out, err := run("c-0123456789abcdef0123456789abcdef"); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(out, "[complaint_unknown]") || !strings.Contains(out, "شکایت") {
		t.Errorf("%v: %s", err, out)
	}
}

// build makes a program from its source, seen from another module: what this
// one requires is in the module cache.
func build(t *testing.T, source string) (program string) {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	sums, err2 := os.ReadFile(filepath.Join(root, "go.sum"))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	own := strings.Replace(string(module), "module mohr\n", "module answer\n", 1) + "\nrequire mohr v0.0.0\n\nreplace mohr => " + root + "\n"
	for name, content := range map[string]string{"go.mod": own, "go.sum": string(sums), "main.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"build", "-o", "answer", "."}, {"vet", "."}} {
		c := exec.CommandContext(t.Context(), "go", args...)
		c.Dir, c.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", args[0], err, out)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "gofmt", "-l", dir).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("gofmt: %v %s", err, out)
	}
	return filepath.Join(dir, "answer")
}

// inPlace leaves the shop's pair in a folder as docs/unattended.md has it.
func inPlace(t *testing.T) (folder string) {
	t.Helper()
	p, key := place.Place(t.TempDir()), shopKey()
	der, err := x509.MarshalPKCS8PrivateKey(key.Signer)
	err = errors.Join(err, os.Mkdir(filepath.Join(string(p), "first"), 0o700), os.Symlink("first", filepath.Join(string(p), "current")),
		os.WriteFile(p.Current(place.KeyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600),
		os.WriteFile(p.Current(place.CertificateFile), ca.ChainPEM(append([]*x509.Certificate{key.Certificate}, key.Chain...)...), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}
