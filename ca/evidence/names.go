package evidence

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"mohr/internal/fault"
)

// Name is a name as a source wrote it and as we write and compare it. Only
// ParseName and ParseLegalName make one.
//
// The written rule (ETSI TS 119 461, VAL-8.3.1-03X):
//
//   - the letters are Arabic-Persian or Latin, of one script in a person's
//     name, of one script in each word of a legal person's; all else is
//     refused, bidi and other controls first
//   - Normal is NFC; Arabic yeh, alef maksura and kaf become Persian yeh and
//     keheh, other forms of heh become heh; tatweel and vowel signs go;
//     a zero width non-joiner becomes a space; spaces are single
//   - two names are the same if their keys are: the key leaves out spaces,
//     hyphens, apostrophes, dots and the lone hamza, reads each letter with hamza or
//     madda as the letter, teh marbuta as heh, digits as ASCII, and Latin
//     letters in lower case without their marks
type Name struct {
	raw, normal, key string
}

// Raw returns the name as it came.
func (n Name) Raw() string { return n.raw }

// Normal returns the name as it goes into records and certificates.
func (n Name) Normal() string { return n.normal }

// Key returns what is compared.
func (n Name) Key() string { return n.key }

// maxName is ub-common-name and ub-organization-name of RFC 5280, appendix
// A.1; ours bounds given names and surnames too, which is stricter.
const maxName = 64

// ParseName reads one name of a natural person, or a title.
func ParseName(s string) (Name, error) { return parseName(s, false) }

// ParseLegalName reads the name of a legal person, which may have digits and
// punctuation and words of both scripts.
func ParseLegalName(s string) (Name, error) { return parseName(s, true) }

// SameName reports whether a and b are one name by the written rule. What is
// no name is the same as nothing.
func SameName(a, b string) bool { return CompareNames(a, b).Same() }

func parseName(s string, legal bool) (Name, error) {
	if len(s) > 4*maxName || !utf8.ValidString(s) {
		return Name{}, errNameLength()
	}
	normal, err := normalise(norm.NFC.String(s), legal)
	if err != nil {
		return Name{}, err
	}
	if utf8.RuneCountInString(normal) > maxName {
		return Name{}, errNameLength()
	}
	n := Name{raw: s, normal: normal, key: nameKey(normal)}
	if n.key == "" || !strings.ContainsFunc(n.key, unicode.IsLetter) {
		return Name{}, fault.New(fault.Invalid, "name_empty", "the name is empty; write it in Persian or Latin letters")
	}
	if err := oneScript(n.normal, legal); err != nil {
		return Name{}, err
	}
	return n, nil
}

func errNameLength() error {
	return fault.New(fault.Invalid, "name_too_long", "the name is longer than %[1]v letters or is no text; shorten it", maxName)
}

// normalise applies the second part of the rule and refuses what is in
// neither script.
func normalise(s string, legal bool) (string, error) {
	var b strings.Builder
	last := rune(-1)
	for _, r := range s {
		w, err := letter(r, legal)
		switch {
		case err != nil:
			return "", err
		case w == hamzaAbove:
			// NFC leaves the sign alone after heh and Persian yeh.
			if w = withHamza(last); w == 0 {
				return "", errNameScript()
			}
			cut := strings.TrimSuffix(b.String(), string(last))
			b.Reset()
			b.WriteString(cut)
		case w == dropped, w == ' ' && (last == ' ' || last < 0):
			continue
		}
		b.WriteRune(w)
		last = w
	}
	return norm.NFC.String(strings.TrimSuffix(b.String(), " ")), nil
}

const (
	dropped    rune = 0
	hamzaAbove rune = '\u0654'
)

// withHamza joins r and a hamza above it; 0 if they do not join.
func withHamza(r rune) rune {
	switch r {
	case 'ه':
		return 'ۀ'
	case 'ی':
		return 'ئ'
	}
	return 0
}

// letter returns r as Normal has it, dropped if it has it not.
func letter(r rune, legal bool) (rune, error) {
	switch {
	case r == ' ' || r == '\u00a0' || r == '\u200c':
		return ' ', nil
	case isBidiControl(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
		return 0, fault.New(fault.Invalid, "name_control_character", "the name contains a character that cannot be seen; type it anew without copying")
	case r == '\u0640' || (r >= '\u064b' && r <= '\u0652') || (r >= '\u0656' && r <= '\u065f') || r == '\u0670':
		return dropped, nil
	case r == hamzaAbove:
		return r, nil
	case isArabic(r):
		return persian(r), nil
	case isLatin(r):
		return r, nil
	case r == '\'' || r == '’' || r == 'ʼ':
		return '\'', nil
	case r == '-' || r == '‐' || r == '‑':
		return '-', nil
	case r == '.':
		return r, nil
	case legal && isDigit(r):
		return r, nil
	case legal && strings.ContainsRune("()&,،:/«»", r):
		return r, nil
	}
	return 0, errNameScript()
}

func errNameScript() error {
	return fault.New(fault.Invalid, "name_script", "the name contains a character that is neither a Persian nor a Latin letter, or mixes the two scripts; write it in one of them")
}

// isBidiControl reports whether r is one of the Bidi_Control characters (UAX #9).
func isBidiControl(r rune) bool {
	return r == '\u061c' || r == '\u200e' || r == '\u200f' || (r >= '\u202a' && r <= '\u202e') || (r >= '\u2066' && r <= '\u2069')
}

// isArabic reports whether r is a letter that Persian or Arabic names have,
// or a form of one that persian maps.
func isArabic(r rune) bool {
	return (r >= '\u0621' && r <= '\u063a') || (r >= '\u0641' && r <= '\u064a') || strings.ContainsRune("ٱپچژکڪگھہۀۂەی", r)
}

// persian maps Arabic and Urdu forms to the letter that Persian writes.
func persian(r rune) rune {
	switch r {
	case 'ي', 'ى':
		return 'ی'
	case 'ك', 'ڪ':
		return 'ک'
	case 'ھ', 'ہ', 'ە':
		return 'ه'
	case 'ۂ':
		return 'ۀ'
	}
	return r
}

// isLatin leaves out the letters of the Latin script that look like others:
// full-width forms, ligatures, numerals.
func isLatin(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return true
	case r >= '\u00c0' && r <= '\u024f':
		return r != '×' && r != '÷'
	}
	return r >= '\u1e00' && r <= '\u1eff'
}

func isDigit(r rune) bool {
	return (r >= '0' && r <= '9') || (r >= '۰' && r <= '۹') || (r >= '٠' && r <= '٩')
}

// oneScript refuses a Latin letter beside an Arabic one: in the whole name,
// or in one word of a legal person's.
func oneScript(s string, legal bool) error {
	words := []string{s}
	if legal {
		words = strings.Fields(s)
	}
	for _, w := range words {
		if strings.ContainsFunc(w, isLatin) && strings.ContainsFunc(w, isArabic) {
			return errNameScript()
		}
	}
	return nil
}

// nameKey applies the third part of the rule to a normal form.
func nameKey(normal string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\'', '.', 'ء':
			return -1
		case 'أ', 'إ', 'آ', 'ٱ':
			return 'ا'
		case 'ؤ':
			return 'و'
		case 'ئ':
			return 'ی'
		case 'ة', 'ۀ':
			return 'ه'
		}
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFC.String(stripMarks(FoldDigits(normal))))
}

// stripMarks takes the marks off Latin letters; Arabic ones are composed
// again by the caller.
func stripMarks(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '\u0300' && r <= '\u036f' {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}
