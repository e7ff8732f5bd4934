package i18n

import (
	"fmt"
	"time"
)

// unit is a step of a length of time in words.
type unit struct {
	length   time.Duration
	one, few string // English
	fa       string // Persian counts without a plural
}

// Words writes a length of time in its two largest units: "3 days 4 hours",
// «۳ روز و ۴ ساعت». Below a second it is "0 seconds"; the sign is dropped.
func Words(lang string, d time.Duration) string {
	units := [...]unit{
		{24 * time.Hour, "day", "days", "روز"},
		{time.Hour, "hour", "hours", "ساعت"},
		{time.Minute, "minute", "minutes", "دقیقه"},
		{time.Second, "second", "seconds", "ثانیه"},
	}
	d = d.Abs()
	for i, u := range units {
		n := d / u.length
		if n == 0 && i < len(units)-1 {
			continue
		}
		s := u.count(lang, int64(n))
		if i == len(units)-1 {
			return s
		}
		next := units[i+1]
		rest := (d % u.length) / next.length
		if rest == 0 {
			return s
		}
		if lang == Persian {
			return s + " و " + next.count(lang, int64(rest))
		}
		return s + " " + next.count(lang, int64(rest))
	}
	return ""
}

func (u unit) count(lang string, n int64) string {
	switch {
	case lang == Persian:
		return Digits(lang, fmt.Sprint(n)) + " " + u.fa
	case n == 1:
		return "1 " + u.one
	}
	return fmt.Sprint(n) + " " + u.few
}
