package web_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"mohr/internal/i18n"
	"mohr/internal/web"
)

// Every fault made here and in the packages whose texts stand here has a
// Persian text, and every key that a page or the code names exists.
func TestEveryCodeAndKeyHasItsText(t *testing.T) {
	texts, err := i18n.Parse(web.Texts)
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`fault\.New\([^,]+,\s*"([a-z0-9_]+)"`)
	keys := regexp.MustCompile(`"(web\.[a-z_.]+[a-z0-9])"`)
	found := 0
	for _, pattern := range []string{"*.go", "pages/*.html", "../nonce/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if ok, _ := filepath.Match("*_test.go", filepath.Base(file)); ok {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range codes.FindAllSubmatch(b, -1) {
				if found++; !texts.Has(i18n.Persian, string(m[1])) {
					t.Errorf("%s: %s has no Persian text", file, m[1])
				}
			}
			for _, m := range keys.FindAllSubmatch(b, -1) {
				if found++; !texts.Has(i18n.English, string(m[1])) || !texts.Has(i18n.Persian, string(m[1])) {
					t.Errorf("%s: %s has no text", file, m[1])
				}
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d codes and keys found: the search is broken", found)
	}
}
