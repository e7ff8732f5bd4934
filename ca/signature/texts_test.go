package signature_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mohr/ca/signature"
	"mohr/internal/i18n"
)

func TestEveryFaultOfThisRoomHasAPersianTextWithTheSameVerbs(t *testing.T) {
	catalog, err := i18n.Parse(signature.Texts)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	made := regexp.MustCompile(`(?:fault\.New\(fault\.\w+, |errJWS\(|errCMS\()"([a-z0-9_]+)", ("[^"]+")`)
	verb := regexp.MustCompile(`%[a-z]`)
	codes := 0
	for _, f := range files {
		source, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range made.FindAllStringSubmatch(string(source), -1) {
			codes++
			if !catalog.Has(i18n.Persian, m[1]) {
				t.Errorf("%s: %s has no Persian text", f, m[1])
			}
			if n, has := len(verb.FindAllString(m[2], -1)), strings.Count(string(lineOf(signature.Texts, m[1])), "%["); n != has {
				t.Errorf("%s has %d verbs in English and %d in Persian", m[1], n, has)
			}
		}
	}
	if codes < 25 {
		t.Errorf("only %d codes found: the test no longer sees them", codes)
	}
}

func lineOf(texts []byte, code string) string {
	for line := range strings.Lines(string(texts)) {
		if strings.HasPrefix(line, code+":") {
			return line
		}
	}
	return ""
}
