package complaints

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"mohr/internal/i18n"
)

// PlaceholderRules say when an answer reads like a placeholder. The zero value
// marks none.
type PlaceholderRules struct {
	Version   string   `yaml:"version"`
	Words     int      `yaml:"words"`     // an answer with more is never marked
	Phrases   []string `yaml:"phrases"`   // one of these must be there
	Substance []string `yaml:"substance"` // and none of these
}

//go:embed rules/placeholder.yaml
var placeholderFile []byte

// ShippedPlaceholderRules returns the rules that come with the program: written
// down for everybody, so that a business can read beforehand what gets a mark.
func ShippedPlaceholderRules() (PlaceholderRules, error) {
	return ParsePlaceholderRules(placeholderFile)
}

// Bounds of placeholder rules.
const (
	maxPhrases     = 500
	maxPlaceholder = 1000 // words of an answer that can still be marked
)

// ParsePlaceholderRules reads a YAML file of rules. Unknown keys, a phrase of
// no letters, one that stands on both lists and a second document are Invalid.
func ParsePlaceholderRules(b []byte) (r PlaceholderRules, err error) {
	if err := decodeRules(b, &r); err != nil {
		return PlaceholderRules{}, err
	}
	if r.Version == "" || r.Words < 1 || r.Words > maxPlaceholder || len(r.Phrases) == 0 || len(r.Phrases)+len(r.Substance) > maxPhrases {
		return PlaceholderRules{}, badRules("there is no version or no phrase, words is not 1 to 1000, or there are more than 500 phrases")
	}
	seen := map[string]bool{}
	for _, p := range slices.Concat(r.Phrases, r.Substance) {
		folded := fold(p)
		if folded == "" || seen[folded] {
			return PlaceholderRules{}, badRules("the phrase " + strconv.Quote(p) + " has no letters or is there twice")
		}
		seen[folded] = true
	}
	return r, nil
}

// Judge returns the phrase because of which the answer reads like a
// placeholder ("we are looking into it"), "" if it does not. It is pure, and a
// mark only: what it says never stops or starts a clock.
func (r PlaceholderRules) Judge(answer string) (phrase string) {
	text := fold(answer)
	// A number is a day, an amount, a parcel: something that can be held to.
	if len(strings.Fields(text)) > r.Words || strings.ContainsFunc(text, unicode.IsDigit) || hasAny(text, r.Substance) {
		return ""
	}
	for _, p := range r.Phrases {
		if hasAny(text, []string{p}) {
			return p
		}
	}
	return ""
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
