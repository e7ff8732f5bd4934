package badge

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWordsAreFoundAsReadersWriteThem(t *testing.T) {
	for _, c := range []struct {
		name  string
		texts []string
		want  []string
	}{
		{"a legal name", []string{"شرکت گل‌آرای نمونه (سهامی خاص)"}, []string{"گل", "ارای", "نمونه"}},
		{"Arabic letters", []string{"كاشي"}, []string{"کاشی"}},
		{"a domain", []string{"www.Flower-Shop.example"}, []string{"flower", "shop", "example"}},
		{"Persian digits", []string{"۱۴۰۰۳۴۵۶۷۸۰"}, []string{"14003456780"}},
		{"the same twice", []string{"gol gol", "GOL"}, []string{"gol"}},
		{"single letters", []string{"a ب c"}, nil},
		{"nothing but its form", []string{"شرکت سهامی خاص"}, nil},
	} {
		if d := cmp.Diff(c.want, wordsOf(c.texts...)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestAllWordsMustBeginOneOfTheBadges(t *testing.T) {
	words := []string{"14003456780", "flower", "shop", "گل", "نمونه"}
	for asked, want := range map[string]bool{"flow": true, "shop flower": true, "گل نمو": true, "1400345": true, "lower": false, "flower car": false} {
		if got := allBegin(words, wordsOf(asked)); got != want {
			t.Errorf("%q: %v", asked, got)
		}
	}
}
