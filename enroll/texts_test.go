package enroll_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mohr/ca/evidence"
	"mohr/enroll"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// find returns the first group of every match in the files.
func find(t *testing.T, pattern string, globs ...string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var list []string
	for _, g := range globs {
		files, err := filepath.Glob(g)
		if err != nil || len(files) == 0 {
			t.Fatalf("no file %s: %v", g, err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range re.FindAllSubmatch(b, -1) {
				list = append(list, string(m[1]))
			}
		}
	}
	if len(list) == 0 {
		t.Fatalf("nothing matches %s", pattern)
	}
	return list
}

func TestEveryFaultAndEveryPageTextIsInBothLanguages(t *testing.T) {
	texts, err := i18n.Parse(web.Texts, enroll.Texts, evidence.Texts)
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range find(t, `fault\.New\(fault\.\w+, "(\w+)"`, "*.go", "bundle/*.go") {
		if !texts.Has(i18n.Persian, code) {
			t.Errorf("fault %s has no Persian text", code)
		}
	}
	keys := find(t, `\.T "([^"]+)"`, "pages/*.html")
	for _, name := range []string{"natural-sign", "organisation-sign"} {
		keys = append(keys, "enroll.profile."+name)
	}
	for _, stage := range find(t, `Stage += "(\w+)"`, "application.go") {
		keys = append(keys, "enroll.stage."+stage)
	}
	for _, outcome := range find(t, `step\w+ += "(\w+)"`, "../ca/evidence/evaluate.go") {
		keys = append(keys, "enroll.outcome."+outcome)
	}
	for _, key := range keys {
		if !texts.Has(i18n.English, key) || !texts.Has(i18n.Persian, key) {
			t.Errorf("text %s is not there in both languages", key)
		}
	}
}
