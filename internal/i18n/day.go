package i18n

import (
	"strings"
	"time"
)

// ParseDay reads YYYY-MM-DD or YYYY/MM/DD in any digits, as midnight UTC; with
// a year before 1700 it is a Solar Hijri day. It is false for what is no day.
func ParseDay(s string) (time.Time, bool) {
	s = strings.ReplaceAll(strings.TrimSpace(FoldDigits(s)), "/", "-")
	if len(s) != len(time.DateOnly) {
		return time.Time{}, false
	}
	if s[:4] < "1700" {
		n := func(part string) (v int) {
			for i := range len(part) {
				if part[i] < '0' || part[i] > '9' {
					return -1
				}
				v = v*10 + int(part[i]-'0')
			}
			return v
		}
		if s[4] != '-' || s[7] != '-' {
			return time.Time{}, false
		}
		return FromJalali(n(s[:4]), n(s[5:7]), n(s[8:]))
	}
	day, err := time.Parse(time.DateOnly, s)
	return day, err == nil
}
