package notify_test

import (
	"strings"
	"testing"

	"mohr/internal/notify"
)

func TestPartsAreWhatATelephoneCounts(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"nothing", "", 1},
		{"160 seven-bit characters", strings.Repeat("a", 160), 1},
		{"161 of them", strings.Repeat("a", 161), 2},
		{"306 of them", strings.Repeat("a", 306), 2},
		{"307 of them", strings.Repeat("a", 307), 3},
		{"80 that take two", strings.Repeat("€", 80), 1},
		{"81 that take two", strings.Repeat("€", 81), 2},
		{"70 Persian letters", strings.Repeat("م", 70), 1},
		{"71 of them", strings.Repeat("م", 71), 2},
		{"134 of them", strings.Repeat("م", 134), 2},
		{"135 of them", strings.Repeat("م", 135), 3},
		{"one Persian letter among 70 others", strings.Repeat("a", 70) + "م", 2},
		{"a character of two UTF-16 units", strings.Repeat("م", 69) + "😀", 2},
	} {
		if got := notify.Parts(c.text); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
