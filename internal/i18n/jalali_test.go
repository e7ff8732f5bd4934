package i18n_test

import (
	"math"
	"testing"
	"time"

	"mohr/internal/i18n"
)

func TestJalaliOfKnownDates(t *testing.T) {
	for _, c := range []struct {
		name    string
		t       time.Time
		y, m, d int
	}{
		{"the calendar's first century here begins", date(1921, 3, 21), 1300, 1, 1},
		{"22 Bahman 1357", date(1979, 2, 11), 1357, 11, 22},
		{"the last day of a common year", date(2020, 3, 19), 1398, 12, 29},
		{"the first day of a leap year", date(2020, 3, 20), 1399, 1, 1},
		{"the last day of a leap year", date(2021, 3, 20), 1399, 12, 30},
		{"the first day after it", date(2021, 3, 21), 1400, 1, 1},
		{"the leap day of 1403", date(2025, 3, 20), 1403, 12, 30},
		{"five years between leap years", date(2030, 3, 20), 1408, 12, 30},
		{"the last day of the sixth month", date(2022, 9, 22), 1401, 6, 31},
		{"the first day of the seventh", date(2022, 9, 23), 1401, 7, 1},
		{"the last year", date(2121, 3, 21), 1500, 1, 1},
		{"the evening before Nowruz in Tehran", time.Date(2025, 3, 20, 20, 0, 0, 0, time.UTC).In(time.FixedZone("", 12600)), 1403, 12, 30},
		{"after midnight in Tehran", time.Date(2025, 3, 20, 20, 30, 0, 0, time.UTC).In(time.FixedZone("", 12600)), 1404, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if y, m, d := i18n.Jalali(c.t); y != c.y || m != c.m || d != c.d {
				t.Errorf("%s is %d-%d-%d, want %d-%d-%d", c.t.Format(time.DateOnly), y, m, d, c.y, c.m, c.d)
			}
		})
	}
}

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// The law says that a year begins on the day whose noon in Iran is the first
// after the vernal equinox. That is computed here from astronomy, and not from
// cycles of leap years, and every day of 1300 to 1500 is checked against it.
func TestJalaliAgreesWithTheSunOnEveryDay(t *testing.T) {
	start := nowruz(1921)
	for year := 1300; year <= 1500; year++ {
		next := nowruz(year + 622)
		month, day := 1, 1
		for d := start; d.Before(next); d = d.AddDate(0, 0, 1) {
			if y, m, dd := i18n.Jalali(d); y != year || m != month || dd != day {
				t.Fatalf("%s is %d-%d-%d, want %d-%d-%d", d.Format(time.DateOnly), y, m, dd, year, month, day)
			}
			if back, ok := i18n.FromJalali(year, month, day); !ok || !back.Equal(d) {
				t.Fatalf("%d-%d-%d is %v, want %s", year, month, day, back, d.Format(time.DateOnly))
			}
			if day++; day > 31 || month > 6 && day > 30 {
				month, day = month+1, 1
			}
		}
		// The year ended where a year may end: after 29 or 30 Esfand.
		if !(month == 12 && day == 30 || month == 13 && day == 1) {
			t.Fatalf("%d ended before %d-%d", year, month, day)
		}
		start = next
	}
}

// nowruz returns the first day of the Solar Hijri year that begins in the
// given Gregorian one.
func nowruz(year int) time.Time {
	local := equinox(year).Add(3*time.Hour + 30*time.Minute)
	day := local.Truncate(24 * time.Hour)
	if local.Sub(day) >= 12*time.Hour {
		day = day.AddDate(0, 0, 1)
	}
	return day
}

// equinox is the March equinox in UT, within two minutes for 1921 to 2122
// (Meeus, Astronomical Algorithms, chapter 27; delta T as a line from 21 s in
// 1921 over 64 s in 2000).
func equinox(year int) time.Time {
	y := float64(year-2000) / 1000
	jde := 2451623.80984 + 365242.37404*y + 0.05169*y*y - 0.00411*y*y*y - 0.00057*y*y*y*y
	t := (jde - 2451545) / 36525
	cos := func(deg float64) float64 { return math.Cos(deg * math.Pi / 180) }
	w := 35999.373*t - 2.47
	s := 0.0
	for _, p := range [...][3]float64{
		{485, 324.96, 1934.136}, {203, 337.23, 32964.467}, {199, 342.08, 20.186}, {182, 27.85, 445267.112},
		{156, 73.14, 45036.886}, {136, 171.52, 22518.443}, {77, 222.54, 65928.934}, {74, 296.72, 3034.906},
		{70, 243.58, 9037.513}, {58, 119.81, 33718.147}, {52, 297.17, 150.678}, {50, 21.02, 2281.226},
		{45, 247.54, 29929.562}, {44, 325.15, 31555.956}, {29, 60.93, 4443.417}, {18, 155.12, 67555.328},
		{17, 288.79, 4562.452}, {16, 198.04, 62894.029}, {14, 199.76, 31436.921}, {12, 95.39, 14577.848},
		{12, 287.11, 31931.756}, {12, 320.81, 34777.259}, {9, 227.73, 1222.114}, {8, 15.45, 16859.074},
	} {
		s += p[0] * cos(p[1]+p[2]*t)
	}
	jde += 0.00001 * s / (1 + 0.0334*cos(w) + 0.0007*cos(2*w))
	deltaT := 64 + 0.54*float64(year-2000)
	const unixEpoch = 2440587.5
	return time.Unix(0, 0).UTC().Add(time.Duration(((jde-unixEpoch)*86400 - deltaT) * float64(time.Second)))
}

func TestTheEquinoxOfThisTestIsTheAlmanacs(t *testing.T) {
	for _, want := range []time.Time{
		time.Date(2000, 3, 20, 7, 35, 0, 0, time.UTC),
		time.Date(2024, 3, 20, 3, 6, 0, 0, time.UTC),
		time.Date(2025, 3, 20, 9, 1, 0, 0, time.UTC),
	} {
		if d := equinox(want.Year()).Sub(want).Abs(); d > 2*time.Minute {
			t.Errorf("%d: off by %v", want.Year(), d)
		}
	}
}

func TestFromJalaliRefusesDatesThatAreNot(t *testing.T) {
	for _, c := range [][3]int{{1404, 12, 30}, {1404, 7, 31}, {1404, 0, 1}, {1404, 13, 1}, {1404, 1, 0}, {1404, 1, 32}, {1299, 12, 29}, {1501, 1, 1}, {-5, 1, 1}} {
		if got, ok := i18n.FromJalali(c[0], c[1], c[2]); ok {
			t.Errorf("%v is taken for %v", c, got)
		}
	}
}

func TestDatesSayTheirZone(t *testing.T) {
	at := time.Date(2026, 12, 15, 21, 5, 0, 0, time.UTC)
	if got := i18n.DateTime("en", at); got != "15 December 2026, 21:05 UTC" {
		t.Errorf("English: %q", got)
	}
	if got := i18n.DateTime("fa", at); got != "۲۵ آذر ۱۴۰۵، ساعت ۰۰:۳۵ به وقت تهران" {
		t.Errorf("Persian: %q", got)
	}
	for _, lang := range []string{"en", "fa"} {
		if got := i18n.Date(lang, time.Time{}) + i18n.DateTime(lang, time.Time{}); got != "––" {
			t.Errorf("the zero time in %s: %q", lang, got)
		}
	}
	// Far from what a service meets, but no panic in a page.
	for _, year := range []int{1, 622, 1599, 9999} {
		if i18n.Date("fa", date(year, 2, 3)) == "" {
			t.Errorf("no date in %d", year)
		}
	}
	if got := i18n.MonthName("en", 9) + i18n.MonthName("fa", 12); got != "Azarاسفند" {
		t.Errorf("MonthName: %q", got)
	}
}
