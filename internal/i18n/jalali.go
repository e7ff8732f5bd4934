package i18n

import (
	"fmt"
	"time"
)

// tehran is the time of Iran. It has had no summer time since 1401-06-31
// (2022-09-22); earlier instants are shown in standard time.
var tehran = time.FixedZone("+0330", 3*3600+30*60)

var jalaliMonths = map[string][12]string{
	Persian: {"فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند"},
	English: {"Farvardin", "Ordibehesht", "Khordad", "Tir", "Mordad", "Shahrivar", "Mehr", "Aban", "Azar", "Dey", "Bahman", "Esfand"},
}

// MonthName returns the name of a Jalali month, 1 to 12.
func MonthName(lang string, month int) string {
	names, ok := jalaliMonths[lang]
	if !ok {
		names = jalaliMonths[English]
	}
	return names[month-1]
}

const (
	day        = 24 * 60 * 60
	epochDay   = -135061 // 1600-03-20, 1 Farvardin 979, in days from 1970-01-01
	epochYear  = 979
	cycleYears = 33 // with 8 leap years
	cycleDays  = cycleYears*365 + 8
	leapDays   = 4*365 + 1 // four years beginning with a leap one
)

// Jalali returns the date of t, in t's own zone, in the Solar Hijri calendar.
// The 33-year cycle it counts in agrees with the astronomical calendar for
// 1300 to 1500 (1921 to 2121), the years this service can meet.
func Jalali(t time.Time) (year, month, dayOfMonth int) {
	y, m, d := t.Date()
	n := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()/day) - epochDay
	cycles := n / cycleDays
	if n %= cycleDays; n < 0 { // before the epoch: a date all the same, not a panic
		n, cycles = n+cycleDays, cycles-1
	}
	year = epochYear + cycleYears*cycles
	year += 4 * (n / leapDays)
	n %= leapDays
	if n >= 366 {
		year += (n - 1) / 365
		n = (n - 1) % 365
	}
	if n < 6*31 {
		return year, 1 + n/31, 1 + n%31
	}
	n -= 6 * 31
	return year, 7 + n/30, 1 + n%30
}

// FromJalali returns 00:00:00Z of a date in the Solar Hijri calendar, and
// whether there is such a date in 1300 to 1500.
func FromJalali(year, month, dayOfMonth int) (time.Time, bool) {
	if year < 1300 || year > 1500 || month < 1 || month > 12 || dayOfMonth < 1 || dayOfMonth > 31 {
		return time.Time{}, false
	}
	// The year begins on one of three days of March; the month's first day
	// is arithmetic from there, and going back shows whether the day exists.
	n := (month - 1) * 31
	if month > 7 {
		n -= month - 7
	}
	nowruz := time.Date(year+621, 3, 19, 0, 0, 0, 0, time.UTC)
	for range 4 {
		if y, m, d := Jalali(nowruz); y == year && m == 1 && d == 1 {
			break
		}
		nowruz = nowruz.AddDate(0, 0, 1)
	}
	t := nowruz.AddDate(0, 0, n+dayOfMonth-1)
	y, m, d := Jalali(t)
	return t, y == year && m == month && d == dayOfMonth
}

// Date writes the day of t: in Persian by the Solar Hijri calendar in the
// time of Iran, in English by the Gregorian one in UTC. The zero time is "–".
func Date(lang string, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	if lang != Persian {
		return t.UTC().Format("2 January 2006")
	}
	y, m, d := Jalali(t.In(tehran))
	return Digits(lang, fmt.Sprintf("%d %s %d", d, MonthName(lang, m), y))
}

// DateTime writes day and minute of t and says which zone it is in. The zero
// time is "–".
func DateTime(lang string, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	if lang != Persian {
		return t.UTC().Format("2 January 2006, 15:04") + " UTC"
	}
	return Date(lang, t) + "، ساعت " + Digits(lang, t.In(tehran).Format("15:04")) + " به وقت تهران"
}
