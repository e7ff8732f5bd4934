package pdf

import (
	"bytes"
	"encoding/binary"
	"time"
	"unicode/utf16"
)

// text returns what a text string says (ISO 32000-1 section 7.9.2.2), "" where
// o is none. Octets of PDFDocEncoding outside ASCII are taken as Latin 1.
func text(o object) string {
	s, ok := o.(str)
	if !ok {
		return ""
	}
	if rest, ok := bytes.CutPrefix(s.octets, []byte{0xFE, 0xFF}); ok {
		units := make([]uint16, len(rest)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(rest[2*i:])
		}
		return string(utf16.Decode(units))
	}
	if rest, ok := bytes.CutPrefix(s.octets, []byte{0xEF, 0xBB, 0xBF}); ok {
		return string(bytes.ToValidUTF8(rest, []byte("\uFFFD")))
	}
	runes := make([]rune, len(s.octets))
	for i, c := range s.octets {
		runes[i] = rune(c)
	}
	return string(runes)
}

// ofText is the other way: ASCII as it is, all else as UTF-16.
func ofText(s string) str {
	plain := true
	for _, r := range s {
		plain = plain && r >= ' ' && r <= '~'
	}
	if plain {
		return str{octets: []byte(s)}
	}
	out := []byte{0xFE, 0xFF}
	for _, unit := range utf16.Encode([]rune(s)) {
		out = binary.BigEndian.AppendUint16(out, unit)
	}
	return str{octets: out}
}

// dateLayout is the form of a date (ISO 32000-1 section 7.9.4) in UTC.
const dateLayout = "D:20060102150405Z"

func ofDate(t time.Time) str { return ofText(t.UTC().Format(dateLayout)) }

// date returns the instant of a date with seconds, in UTC; zero where o is none.
func date(o object) time.Time {
	s := text(o)
	for _, layout := range []string{"D:20060102150405Z", "D:20060102150405Z00'00'", "D:20060102150405-07'00'", "D:20060102150405-07'00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
