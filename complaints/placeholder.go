package complaints

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"

	"mohr/internal/i18n"
)

// placeholderRules say when an answer reads like a placeholder.
type placeholderRules struct {
	Version   string   `yaml:"version"`
	Words     int      `yaml:"words"`     // an answer with more is never marked
	Phrases   []string `yaml:"phrases"`   // one of these must be there
	Substance []string `yaml:"substance"` // and none of these
}

//go:embed rules/placeholder.yaml
var placeholderFile []byte

// placeholders are the rules that come with the program: written down for
// everybody, so that a business can read beforehand what gets a mark.
var placeholders = sync.OnceValue(func() (r placeholderRules) {
	if err := decodeRules(placeholderFile, &r); err != nil {
		panic(err) // the file is part of the program
	}
	return r
})

// Placeholder returns the phrase because of which the answer reads like a
// placeholder ("we are looking into it"), "" if it does not, and the version
// of the rules. It is pure, and a mark only: what it says never stops or
// starts a clock.
func Placeholder(answer string) (phrase, rules string) {
	r := placeholders()
	text := fold(answer)
	// A number is a day, an amount, a parcel: something that can be held to.
	if len(strings.Fields(text)) > r.Words || strings.ContainsFunc(text, unicode.IsDigit) || hasAny(text, r.Substance) {
		return "", r.Version
	}
	for _, p := range r.Phrases {
		if hasAny(text, []string{p}) {
			return p, r.Version
		}
	}
	return "", r.Version
}

// fold brings a text into the form in which phrases are looked for: small
// letters, the Persian ones for the Arabic ones, Latin digits, no vowel signs,
// and one blank for all that is no letter or digit. A half space parts words.
func fold(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(i18n.FoldDigits(s)) {
		switch r {
		case 'ي', 'ى', 'ئ':
			r = 'ی'
		case 'ك':
			r = 'ک'
		case 'ة', 'ۀ':
			r = 'ه'
		case 'أ', 'إ', 'آ':
			r = 'ا'
		case 'ؤ':
			r = 'و'
		}
		switch {
		case unicode.Is(unicode.Mn, r), r == 'ـ', r == '\u200d', r == '\u200b', r == '\u2060':
		case unicode.IsLetter(r), unicode.IsDigit(r):
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			b.WriteRune(r)
		default:
			gap = true
		}
	}
	return b.String()
}
