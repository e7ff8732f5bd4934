package chip

import (
	"strings"
	"time"
)

// MRZ is a machine-readable zone (Doc 9303-3) whose check digits hold.
type MRZ struct {
	State       string // that issued it, three letters
	Number      string // of the document
	LastName    string // in Latin letters, as transliterated
	FirstName   string
	Nationality string
	BirthDate   string // YYYY-MM-DD; "" if the zone leaves out a part of it
	Expires     string // YYYY-MM-DD, the last day
	Optional    string // what the state adds: a personal number
}

// Lengths of a zone: three lines of 30 (TD1, Doc 9303-5) or two of 44 (TD3,
// Doc 9303-4).
const (
	td1 = 90
	td3 = 88
)

// ParseMRZ reads a zone of size TD1 or TD3, without line breaks. now tells
// which century a birth lies in: the latest that is not in the future. Who is
// a hundred years old is read as a child, and registers tell.
func ParseMRZ(s string, now time.Time) (MRZ, error) {
	for i := range len(s) {
		if c := s[i]; !(c == '<' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z') {
			return MRZ{}, errMRZ()
		}
	}
	if s == "" || !strings.Contains("PACI", s[:1]) { // passports and cards; a visa begins with V
		return MRZ{}, errMRZ()
	}
	switch len(s) {
	case td1:
		return parseTD1(s[:30], s[30:60], s[60:], now)
	case td3:
		return parseTD3(s[:44], s[44:], now)
	}
	return MRZ{}, errMRZ()
}

func parseTD3(one, two string, now time.Time) (MRZ, error) {
	m := MRZ{State: one[2:5], Number: two[:9], Nationality: two[10:13], Optional: two[28:42]}
	optional := holds(two[28:42], two[42]) || two[42] == '<' && strings.Trim(two[28:42], "<") == ""
	if !holds(two[:9], two[9]) || !holds(two[13:19], two[19]) || !holds(two[21:27], two[27]) || !optional ||
		!holds(two[:10]+two[13:20]+two[21:43], two[43]) {
		return MRZ{}, errCheckDigit()
	}
	return m.finish(two[13:19], two[21:27], one[5:], now)
}

func parseTD1(one, two, names string, now time.Time) (MRZ, error) {
	m := MRZ{State: one[2:5], Number: one[5:14], Nationality: two[15:18], Optional: one[15:]}
	check := one[14]
	if check == '<' { // a long number goes on in the optional data (Doc 9303-5, 4.2.2)
		rest, after, _ := strings.Cut(one[15:], "<")
		if len(rest) < 2 {
			return MRZ{}, errCheckDigit()
		}
		check = rest[len(rest)-1]
		m.Number, m.Optional = m.Number+rest[:len(rest)-1], after
	}
	if !holds(m.Number, check) || !holds(two[:6], two[6]) || !holds(two[8:14], two[14]) ||
		!holds(one[5:]+two[:7]+two[8:15]+two[18:29], two[29]) {
		return MRZ{}, errCheckDigit()
	}
	m.Optional = strings.Trim(m.Optional, "<") + "<" + strings.Trim(two[18:29], "<")
	return m.finish(two[:6], two[8:14], names, now)
}

// finish reads dates and names.
func (m MRZ) finish(birth, expires, names string, now time.Time) (MRZ, error) {
	m.State, m.Nationality = strings.Trim(m.State, "<"), strings.Trim(m.Nationality, "<")
	m.Number, m.Optional = strings.Trim(m.Number, "<"), strings.Trim(m.Optional, "<")
	last, first, _ := strings.Cut(strings.TrimRight(names, "<"), "<<")
	m.LastName, m.FirstName = spaced(last), spaced(first)
	var ok bool
	if m.BirthDate, ok = birthDate(birth, now); !ok || m.State == "" || m.Number == "" || m.LastName == "" {
		return MRZ{}, errMRZ()
	}
	if m.Expires, ok = shortDate("20", expires); !ok {
		return MRZ{}, errMRZ()
	}
	return m, nil
}

// birthDate reads YYMMDD; a part that is not known is of fillers.
func birthDate(s string, now time.Time) (string, bool) {
	if strings.Contains(s, "<") {
		for ; s != ""; s = s[2:] {
			if s[:2] != "<<" && (s[0] == '<' || s[1] == '<') {
				return "", false
			}
		}
		return "", true
	}
	d, ok := shortDate("20", s)
	if !ok || d > now.Format(time.DateOnly) {
		d, ok = shortDate("19", s)
	}
	return d, ok
}

func shortDate(century, s string) (string, bool) {
	t, err := time.Parse("20060102", century+s)
	return t.Format(time.DateOnly), err == nil
}

// holds reports whether digit checks s: with weights 7, 3, 1 over the values
// 0-9, A = 10 to Z = 35 and 0 for a filler, the sum modulo 10 (Doc 9303-3, 4.9).
func holds(s string, digit byte) bool {
	sum := 0
	for i := range len(s) {
		v := 0
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			v = int(c - '0')
		case c >= 'A' && c <= 'Z':
			v = int(c-'A') + 10
		}
		sum += v * [...]int{7, 3, 1}[i%3]
	}
	return digit == byte('0'+sum%10)
}
