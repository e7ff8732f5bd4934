package merchant

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// ics writes the days as an iCalendar object (RFC 5545). words says a day in
// the reader's language.
func ics(portal, host, name string, days []Day, stamp time.Time, words func(Day) string) []byte {
	var b strings.Builder
	line := func(s string) { b.WriteString(fold(s) + "\r\n") }
	line("BEGIN:VCALENDAR")
	line("VERSION:2.0")
	line("PRODID:-//mohr//merchant//EN")
	line("METHOD:PUBLISH")
	line("X-WR-CALNAME:" + icsText(name))
	line("REFRESH-INTERVAL;VALUE=DURATION:PT1H")
	for _, day := range days {
		// The same day keeps its name, whoever reads and in whatever language.
		sum := sha256.Sum256([]byte(day.What + "\x00" + day.Path + "\x00" + day.Of))
		line("BEGIN:VEVENT")
		line("UID:" + hex.EncodeToString(sum[:16]) + "@" + host)
		line("DTSTAMP:" + icsTime(stamp))
		line("DTSTART:" + icsTime(day.At))
		line("DTEND:" + icsTime(day.At))
		line("SUMMARY:" + icsText(words(day)))
		line("URL:" + portal + day.Path)
		line("TRANSP:TRANSPARENT")
		line("END:VEVENT")
	}
	line("END:VCALENDAR")
	return []byte(b.String())
}

func icsTime(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// icsText escapes a value of the type TEXT (RFC 5545, 3.3.11). Control
// characters have no place in one.
func icsText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`).Replace(s)
}

// fold breaks a line that is longer than 75 octets, and no character in two
// (RFC 5545, 3.1).
func fold(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		size := len(string(r))
		if n+size > 75 {
			b.WriteString("\r\n ")
			n = 1
		}
		b.WriteRune(r)
		n += size
	}
	return b.String()
}
