package enroll_test

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/enroll"
	"mohr/enroll/bundle"
)

// recipe returns the commands of docs/verify-bundle.md.
func recipe(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../docs/verify-bundle.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "```sh\n")
	script, _, closed := strings.Cut(rest, "\n```")
	if !ok || !closed {
		t.Fatal("the page has no commands")
	}
	return script
}

func TestTheRecipeWithOpensslAndJqChecksABundle(t *testing.T) {
	for _, tool := range []string{"bash", "openssl", "jq", "xxd", "base64"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("MOHR_CI") != "" {
				t.Fatalf("%s is missing: install it", tool)
			}
			t.Skipf("THE RECIPE OF docs/verify-bundle.md IS NOT TESTED: %s is missing", tool)
		}
	}
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	d.approved(sara, ca.NaturalSign).csr(request(t)) // so that the tree has more leaves
	a := d.approved(sara, ca.NaturalSign)
	issued := a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	d.must(d.Resume(t.Context()))
	d.must(d.Ledger.Sequence(t.Context()))
	good := a.call("GET", a.path("/bundle"), a.token, nil).raw
	check := func(raw []byte) (string, error) {
		dir := t.TempDir()
		for name, content := range map[string][]byte{
			"bundle.json": raw, "holder.pem": []byte(issued.Certificate), "log.vkey": []byte(d.Ledger.VerifierKey() + "\n"),
			"root.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.ca.Root.Raw}),
		} {
			d.must(os.WriteFile(filepath.Join(dir, name), content, 0o600))
		}
		run := exec.CommandContext(t.Context(), "bash", "-c", recipe(t))
		run.Dir = dir
		out, err := run.CombinedOutput()
		return string(out), err
	}
	if out, err := check(good); err != nil || !strings.HasSuffix(out, "the bundle holds\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	flips := map[string]func(*bundle.Bundle){
		"manifest":  func(b *bundle.Bundle) { b.Manifest[len(b.Manifest)/2] ^= 1 },
		"signature": func(b *bundle.Bundle) { b.Signature[len(b.Signature)-1] ^= 1 },
		"timestamp": func(b *bundle.Bundle) { b.Timestamp[len(b.Timestamp)-1] ^= 1 },
		"leaf":      func(b *bundle.Bundle) { b.Inclusion.Leaf[len(b.Inclusion.Leaf)/2] ^= 1 },
		"path":      func(b *bundle.Bundle) { b.Inclusion.Hashes[0][0] ^= 1 },
		"index":     func(b *bundle.Bundle) { b.Inclusion.Index ^= 1 },
		"checkpoint": func(b *bundle.Bundle) {
			b.Inclusion.Checkpoint = strings.Replace(b.Inclusion.Checkpoint, "=\n\n", "A\n\n", 1)
		},
	}
	for part, flip := range flips {
		t.Run("a changed "+part, func(t *testing.T) {
			b, err := bundle.Parse(good)
			d.must(err)
			flip(&b)
			bad, err := b.Encode()
			d.must(err)
			if out, err := check(bad); err == nil {
				t.Errorf("the recipe does not see it:\n%s", out)
			}
		})
	}
}
