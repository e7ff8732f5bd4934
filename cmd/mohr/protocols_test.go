package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/cmd/mohr/service"
	"mohr/internal/pkitest"
)

// protocolPolicy is the tour's with certificates for authentication, and with
// what must be seen beside them: a window that is not open yet.
const protocolPolicy = tourPolicy + `  natural-auth:
    <<: *natural
    policy_oids: {software: 2.999.1.4.1}
  natural-sign-b:
    <<: *natural
  natural-sign-c:
    <<: *natural
    renewal: {opens_before: 1h, closes_after: 0s, overlap: 0s, max_depth: 3, max_age: 365d, evidence: [civil_registry]}
`

// foreign is a service with clients of other makes, which work in a directory
// with the environment given to their shell.
type foreign struct {
	*running
	work string
	env  map[string]string
}

func startForeign(t *testing.T, edits ...func(*service.Config)) *foreign {
	t.Helper()
	for program, debian := range map[string]string{"openssl": "openssl", "curl": "curl", "jq": "jq", "bash": "bash"} {
		pkitest.Need(t, program, debian)
	}
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte(protocolPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &foreign{running: startService(t, "", append(edits, func(c *service.Config) { c.Policy = policy })...), work: t.TempDir()}
	root, err := os.ReadFile(filepath.Join(f.data, "root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, "root.pem", root)
	f.env = map[string]string{
		"PORTAL": f.Config.Portal, "HOLDERS": fmt.Sprintf("https://localhost:%d", service.PortOf(f.MTLS)),
		"PLAIN": fmt.Sprintf("127.0.0.1:%d", service.PortOf(f.HTTP)),
	}
	return f
}

func (f *foreign) write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.work, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f *foreign) read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(f.work, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// command is lines for a shell.
func (f *foreign) command(lines string) *exec.Cmd {
	c := exec.Command("bash", "-euo", "pipefail", "-c", lines)
	c.Dir, c.Env = f.work, os.Environ()
	for name, value := range f.env {
		c.Env = append(c.Env, name+"="+value)
	}
	return c
}

// try runs lines in a shell and returns what they printed.
func (f *foreign) try(lines string) (string, error) {
	out, err := f.command(lines).CombinedOutput()
	return string(out), err
}

// shell is try for lines that must work.
func (f *foreign) shell(t *testing.T, lines string) string {
	t.Helper()
	out, err := f.try(lines)
	if err != nil {
		t.Fatalf("%s\n%v: %s", lines, err, out)
	}
	t.Logf("%s%s", lines, out)
	return out
}

// shellBlocks returns the shell lines of a document, block by block.
func shellBlocks(t *testing.T, doc string) (blocks []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", doc))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(b), "```sh\n")[1:] {
		lines, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, lines)
	}
	return blocks
}

// applyAs opens an application for a profile; its number and token are in the
// environment from then on.
func (f *foreign) applyAs(t *testing.T, who applicant, profile string) *application {
	t.Helper()
	a := &application{applying: &applying{profile: profile, locale: "fa", say: func(string, ...any) {}}}
	a.ask = func(string) (string, error) { return f.code(t, who.Mobile) }
	var opened applicationState
	f.anyone.done(t, post("/api/v1/applications", "", map[string]any{"person": who, "profile": profile, "locale": "fa"}), http.StatusCreated, &opened)
	a.id, a.token = opened.ID, opened.Token
	a.api = &client{base: f.anyone.base, http: f.anyone.http, token: a.token}
	a.keyFile, a.signer, a.csr = f.newKey(t)
	f.env["ID"], f.env["TOKEN"] = a.id, a.token
	return a
}

// oneTime is a one-time secret.
type oneTime struct{ User, Secret string }

// secret makes the application's one-time secret for a protocol.
func (f *foreign) secret(t *testing.T, a *application, who applicant, protocol string) (s oneTime) {
	t.Helper()
	f.anyone.done(t, post(a.path("/secret/code"), a.token, nil), http.StatusAccepted, nil)
	code, err := f.code(t, who.Mobile)
	if err != nil {
		t.Fatal(err)
	}
	f.anyone.done(t, post(a.path("/secret"), a.token, map[string]string{"protocol": protocol, "code": code}), http.StatusCreated, &s)
	return s
}

// phone answers each question with the newest code.
type phone func() (string, error)

func (p phone) Read(b []byte) (int, error) {
	code, err := p()
	return copy(b, code+"\n"), err
}

// TestApplyGoesAsFarAsASecretForAnotherClient runs mohr apply --secret, and
// curl with what it printed.
func TestApplyGoesAsFarAsASecretForAnotherClient(t *testing.T) {
	t.Parallel()
	f := startForeign(t)
	var out bytes.Buffer
	c := applyCommand()
	c.SetIn(phone(func() (string, error) { return f.code(t, davood.Mobile) }))
	c.SetOut(&out)
	c.SetErr(io.Discard)
	c.SetArgs([]string{"--profile", "natural-auth", "--secret", "est", "--json", "--server", f.Config.Portal, "--root", filepath.Join(f.data, "root.pem"),
		"--national-code", davood.NationalCode, "--birth-date", davood.BirthDate, "--mobile", davood.Mobile})
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.write(t, "secret.json", out.Bytes())
	if said := f.shell(t, `jq -r '"user = \"\(.user):\(.secret)\""' secret.json > est.conf`+"\n"+shellBlocks(t, "est.md")[2]); !strings.Contains(said, "holder.pem: OK") {
		t.Errorf("%s", said)
	}
}

// untilKey brings an application to where it needs a key, and runs the first
// two blocks of shell lines of the document, which make its secret. It returns
// all n of them.
func (f *foreign) untilKey(t *testing.T, doc string, n int) []string {
	t.Helper()
	a := f.applyAs(t, davood, ca.NaturalAuth)
	a.until(t, "csr")
	blocks := shellBlocks(t, doc)
	if len(blocks) != n {
		t.Fatalf("docs/%s has %d blocks of shell lines, want %d", doc, len(blocks), n)
	}
	f.shell(t, blocks[0])
	code, err := f.code(t, davood.Mobile)
	if err != nil {
		t.Fatal(err)
	}
	f.env["CODE"] = code
	f.shell(t, blocks[1])
	return blocks
}
