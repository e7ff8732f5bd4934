package evidence_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"mohr/ca/evidence"
	"mohr/internal/fault"
)

func TestParseName(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
		code           string // of the refusal
	}{
		{name: "a Persian name stays", in: "زهرا", want: "زهرا"},
		{name: "Arabic yeh becomes Persian", in: "علي", want: "علی"},
		{name: "alef maksura becomes Persian yeh", in: "مصطفى", want: "مصطفی"},
		{name: "Arabic kaf becomes keheh", in: "كريمي", want: "کریمی"},
		{name: "a zero width non-joiner becomes a space", in: "علی\u200cرضا", want: "علی رضا"},
		{name: "tatweel goes", in: "محمـــد", want: "محمد"},
		{name: "vowel signs go", in: "مُحَمَّد", want: "محمد"},
		{name: "hamza on waw stays", in: "مؤمنی", want: "مؤمنی"},
		{name: "alef with a madda apart is composed", in: "ا\u0653رش", want: "آرش"},
		{name: "heh with a hamza apart is composed", in: "نامه\u0654", want: "نام\u06c0"},
		{name: "Persian yeh with a hamza apart is composed", in: "رضای\u0654ی", want: "رضا\u0626ی"},
		{name: "Urdu heh becomes heh", in: "مہدی", want: "مهدی"},
		{name: "spaces are single and inside", in: "  سید  علی\u00a0رضا ", want: "سید علی رضا"},
		{name: "a Latin name is composed", in: "Jose\u0301 O’Neil-Smith", want: "José O'Neil-Smith"},

		{name: "a right-to-left override is refused", in: "علی\u202eرضا", code: "name_control_character"},
		{name: "a right-to-left mark is refused", in: "علی\u200f", code: "name_control_character"},
		{name: "an isolate is refused", in: "\u2067علی", code: "name_control_character"},
		{name: "an Arabic letter mark is refused", in: "علی\u061c", code: "name_control_character"},
		{name: "NUL is refused", in: "Ali\x00Rezaei", code: "name_control_character"},
		{name: "a line break is refused", in: "Ali\nRezaei", code: "name_control_character"},
		{name: "a zero width joiner is refused", in: "ه\u200d", code: "name_control_character"},
		{name: "a byte order mark is refused", in: "\ufeffعلی", code: "name_control_character"},
		{name: "Cyrillic that looks Latin is refused", in: "Аli", code: "name_script"},
		{name: "Greek is refused", in: "Αλι", code: "name_script"},
		{name: "both scripts in one name are refused", in: "Ali رضا", code: "name_script"},
		{name: "full width Latin is refused", in: "Ａli", code: "name_script"},
		{name: "a Roman numeral sign is refused", in: "Ali Ⅷ", code: "name_script"},
		{name: "digits are refused", in: "علی۲", code: "name_script"},
		{name: "a presentation form is refused", in: "ﻋﻠﯽ", code: "name_script"},
		{name: "a hamza above nothing is refused", in: "\u0654علی", code: "name_script"},
		{name: "a comma is refused", in: "Ali, CN=Root", code: "name_script"},
		{name: "an emoji is refused", in: "علی🙂", code: "name_script"},
		{name: "nothing is refused", in: "", code: "name_empty"},
		{name: "punctuation alone is refused", in: " - ", code: "name_empty"},
		{name: "a lone hamza is refused", in: "ء", code: "name_empty"},
		{name: "65 letters are refused", in: strings.Repeat("a", 65), code: "name_too_long"},
		{name: "64 letters are taken", in: strings.Repeat("ب", 64), want: strings.Repeat("ب", 64)},
		{name: "broken UTF-8 is refused", in: "Ali\xff", code: "name_too_long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := evidence.ParseName(tt.in)
			if n.Normal() != tt.want || fault.Code(err) != tt.code {
				t.Fatalf("got %+q, %v (%s); want %+q, %s", n.Normal(), err, fault.Code(err), tt.want, tt.code)
			}
			if err != nil && !errors.Is(err, fault.Invalid) {
				t.Errorf("error %v is not Invalid", err)
			}
			if err == nil && n.Raw() != tt.in {
				t.Errorf("raw is %q; want what came", n.Raw())
			}
		})
	}
}

func TestParseLegalName(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"digits and brackets are part of it", "شرکت نمونه ۲۱ (سهامي خاص)", "شرکت نمونه ۲۱ (سهامی خاص)"},
		{"words of two scripts may stand side by side", "گروه Mohr", "گروه Mohr"},
		{"one word has one script", "گروهMohr", ""},
		{"a bidi control is refused", "گروه\u202e", ""},
		{"digits alone are no name", "۲۱", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := evidence.ParseLegalName(tt.in)
			if n.Normal() != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v; want %q", n.Normal(), err, tt.want)
			}
		})
	}
}

func TestSameName(t *testing.T) {
	for _, tt := range []struct {
		name, a, b string
		want       bool
	}{
		{"joined, apart and with a non-joiner", "علیرضا", "علی\u200cرضا", true},
		{"Arabic and Persian letters", "كيان", "کیان", true},
		{"hamza or yeh", "رضائی", "رضایی", true},
		{"madda or not", "آرش", "ارش", true},
		{"teh marbuta or heh", "فاطمة", "فاطمه", true},
		{"heh with hamza or without", "سایۀ", "سایه", true},
		{"lone hamza or none", "علاء", "علا", true},
		{"Latin case, marks and hyphen", "José Reza-i", "jose rezai", true},
		{"digits of two scripts", "نمونه ۲۱", "نمونه 21", true},
		{"another name", "زهرا", "زهره", false},
		{"a letter less", "محمد", "محم", false},
		{"nothing is like nothing", "", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := evidence.SameName(tt.a, tt.b); got != tt.want {
				t.Errorf("SameName(%q, %q) = %v", tt.a, tt.b, got)
			}
		})
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"علی\u200cرضا", "مُحَمَّد", "Jose\u0301", "نامه\u0654", "A\u0300\u0300", "علی\u202e", "شرکت ۲۱ (خاص)", "Ⅷ", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func(string) (evidence.Name, error){evidence.ParseName, evidence.ParseLegalName} {
			n, err := parse(s)
			if err != nil {
				continue
			}
			normal := n.Normal()
			again, err := parse(normal)
			if err != nil || again.Normal() != normal || again.Key() != n.Key() {
				t.Errorf("%+q: normal form %+q gives %+q, %v", s, normal, again.Normal(), err)
			}
			if !norm.NFC.IsNormalString(normal) || utf8.RuneCountInString(normal) > 64 || strings.ContainsFunc(normal, func(r rune) bool {
				return unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
			}) {
				t.Errorf("%+q: bad normal form %+q", s, normal)
			}
		}
	})
}
