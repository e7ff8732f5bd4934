package refregistry_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/internal/refregistry"
)

// example is a question and its answer as docs/registry.md shows them.
var example = regexp.MustCompile("(?s)```\nPOST (/v1/[a-z/]+)\n(\\{[^\n]*\\})\n\n(\\{[^\n]*\\})\n```")

func TestTheContractsExamplesAreWhatIsAnswered(t *testing.T) {
	doc, err := os.ReadFile("../../docs/registry.md")
	if err != nil {
		t.Fatal(err)
	}
	_, url := serve(t, refregistry.Config{})
	seen := map[string]bool{}
	for _, m := range example.FindAllStringSubmatch(string(doc), -1) {
		path, question, want := m[1], m[2], map[string]any{}
		seen[path] = true
		if err := json.Unmarshal([]byte(m[3]), &want); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		status, got, h := ask(t, url+path, question)
		if diff := cmp.Diff(want, got); status != 200 || diff != "" {
			t.Errorf("%s answers %d, and otherwise than the page says:\n%s", path, status, diff)
		}
		if !strings.HasPrefix(h.Get("Signature"), "registry=:") {
			t.Errorf("%s: no signature", path)
		}
	}
	if len(seen) != 7 {
		t.Errorf("the page has examples of %d kinds of questions, want 7", len(seen))
	}
	for _, code := range regexp.MustCompile(`\b\d{10,11}\b`).FindAllString(string(doc), -1) {
		if !strings.Contains(everybody(t), code) {
			t.Errorf("%s is on the page and not among the people", code)
		}
	}
}

func everybody(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("people.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
