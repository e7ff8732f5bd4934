package chip

import (
	"strings"
	"time"
	"unicode/utf8"
)

// details are what DG11 adds to the machine-readable zone.
type details struct {
	first, last string // in the state's own letters, as written
	personal    string // personal number
	birthDate   string // YYYY-MM-DD
}

// maxDetails bounds the elements of DG11.
const maxDetails = 32

// readDG11 reads additional personal details (Doc 9303-10, 4.7.11). What we do
// not ask for passes unread.
func readDG11(file []byte) (details, error) {
	const part = "DG11"
	var d details
	b, err := group(file, tagDG11, part, maxDG11)
	if err != nil {
		return d, err
	}
	seen := map[int]bool{}
	for len(b) > 0 {
		f, rest, ok := readField(b)
		if !ok || seen[f.tag] || len(seen) == maxDetails || len(seen) == 0 && f.tag != tagTags {
			return d, errMalformed(part)
		}
		seen[f.tag], b = true, rest
		text := strings.TrimRight(string(f.body), "< ")
		switch f.tag {
		case tagFullName:
			if !utf8.ValidString(text) || len(text) > 512 {
				return d, errMalformed(part)
			}
			last, first, _ := strings.Cut(text, "<<")
			d.last, d.first = spaced(last), spaced(first)
		case tagPersonal:
			if len(text) > 64 {
				return d, errMalformed(part)
			}
			d.personal = text
		case tagFullBirth:
			if d.birthDate, ok = fullDate(f.body); !ok {
				return d, errMalformed(part)
			}
		}
	}
	return d, nil
}

// spaced turns fillers into single spaces.
func spaced(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "<", " ")), " ")
}

// fullDate reads a date as eight digits or as four octets of two (BCD).
func fullDate(b []byte) (string, bool) {
	if len(b) == 4 {
		var digits []byte
		for _, c := range b {
			digits = append(digits, '0'+c>>4, '0'+c&0xf)
		}
		b = digits
	}
	t, err := time.Parse("20060102", string(b))
	return t.Format(time.DateOnly), err == nil
}
