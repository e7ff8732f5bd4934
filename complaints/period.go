package complaints

import (
	"fmt"
	"time"

	"mohr/internal/i18n"
)

// iran is the time in which days and periods of the Solar Hijri calendar
// begin. It has had no summer time since 2022; before it, standard time is
// meant here.
var iran = time.FixedZone("+0330", 3*3600+30*60)

// YearStart returns the instant at which the Solar Hijri year of t began.
func YearStart(t time.Time) time.Time {
	y, _, _ := i18n.Jalali(t.In(iran))
	return midnight(y, 1, 1)
}

// midnight returns the beginning of a day in Iran; days past the month's last
// run on into the next month.
func midnight(year, month, day int) time.Time {
	first, _ := i18n.FromJalali(year, month, 1)
	y, m, d := first.AddDate(0, 0, day-1).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, iran).UTC()
}

// YearBefore returns the instant one Solar Hijri year before t: the same month,
// day and time of day in Iran, so that as much of either year is over.
//
// 30 Esfand exists in leap years only. What is over at any instant of that day
// is, in a common year, the whole year: before is then its last second.
// leapDay says that the day has no counterpart, and so that the later of the
// two periods is up to a day longer.
func YearBefore(t time.Time) (before time.Time, leapDay bool) {
	local := t.In(iran)
	y, m, d := i18n.Jalali(local)
	if _, exists := i18n.FromJalali(y-1, m, d); !exists {
		return midnight(y, 1, 1).Add(-time.Second), true
	}
	return midnight(y-1, m, d).Add(t.Sub(midnight(y, m, d))), false
}

// Period is a month or a year of the Solar Hijri calendar.
type Period struct {
	Year  int `json:"year"`
	Month int `json:"month,omitempty"` // 1 to 12; 0: the year
}

// PeriodOf returns the month in which t lies, in Iran.
func PeriodOf(t time.Time) Period {
	y, m, _ := i18n.Jalali(t.In(iran))
	return Period{y, m}
}

// Bounds returns the first instant of the period and that after its last.
func (p Period) Bounds() (from, to time.Time) {
	switch p.Month {
	case 0:
		return midnight(p.Year, 1, 1), midnight(p.Year+1, 1, 1)
	case 12:
		return midnight(p.Year, 12, 1), midnight(p.Year+1, 1, 1)
	}
	return midnight(p.Year, p.Month, 1), midnight(p.Year, p.Month+1, 1)
}

// String writes the period as 1404 or 1404-08.
func (p Period) String() string {
	if p.Month == 0 {
		return fmt.Sprintf("%04d", p.Year)
	}
	return fmt.Sprintf("%04d-%02d", p.Year, p.Month)
}

// MarshalText writes String.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Next returns the period of the same kind after p.
func (p Period) Next() Period {
	switch p.Month {
	case 0:
		return Period{p.Year + 1, 0}
	case 12:
		return Period{p.Year + 1, 1}
	}
	return Period{p.Year, p.Month + 1}
}

// Comparison sets the year to date beside the same part of the year before.
// Both are views as of their own instant: what was answered later does not
// leave last year's count.
type Comparison struct {
	Now    YearPart `json:"now"`
	Before YearPart `json:"before"`
	// LeapDay: the day is 30 Esfand and has no counterpart in the year before,
	// of which all is counted.
	LeapDay    bool     `json:"leap_day"`
	Unanswered *float64 `json:"unanswered_change" doc:"(now - before) / before; nothing where before is 0"`
	Received   *float64 `json:"received_change"`
}

// YearPart is a year up to an instant.
type YearPart struct {
	Year        int       `json:"year"`
	From        time.Time `json:"from"`
	At          time.Time `json:"at"`
	Partial     bool      `json:"partial" doc:"the year was not over"`
	Incomplete  bool      `json:"incomplete" doc:"the record of the business begins inside it"`
	Received    int       `json:"received"`
	Answered    int       `json:"answered"`
	Unanswered  int       `json:"unanswered" doc:"open past the window as of that instant, however old"`
	Matured     int       `json:"matured"`
	OnTime      int       `json:"matured_on_time"`
	ShareOnTime *float64  `json:"share_on_time"`
}

// YearOnYear counts rows, the complaints of one business, as of t.At and as of
// one Solar Hijri year before.
func YearOnYear(rows []Row, t Terms) Comparison {
	before, leap := YearBefore(t.At)
	c := Comparison{LeapDay: leap, Now: yearPart(rows, t, t.At, YearStart(t.At))}
	// The end of a year is the beginning of the next; it is its own year that is meant.
	c.Before = yearPart(rows, t, before, YearStart(YearStart(t.At).Add(-time.Second)))
	c.Unanswered = change(c.Now.Unanswered, c.Before.Unanswered)
	c.Received = change(c.Now.Received, c.Before.Received)
	return c
}

func yearPart(rows []Row, t Terms, at, from time.Time) YearPart {
	t.At, t.Since, t.Rolling = at, from, 0
	y := NewTally("", t)
	first := at.Unix() + 1
	for _, r := range rows {
		y.Add(r)
		first = min(first, r.Served)
	}
	c, _ := y.Result()
	year, _, _ := i18n.Jalali(from.In(iran))
	_, end := Period{Year: year}.Bounds()
	return YearPart{
		Year: year, From: from, At: at.UTC(), Partial: at.Add(time.Second).Before(end), Incomplete: first > from.Unix(),
		Received: c.Received, Answered: c.Answered, Unanswered: c.Unanswered,
		Matured: c.Matured, OnTime: c.MaturedOnTime, ShareOnTime: c.ShareOnTime,
	}
}

func change(now, before int) *float64 {
	if before == 0 {
		return nil
	}
	return figure(float64(now-before) / float64(before))
}
