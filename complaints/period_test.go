package complaints_test

import (
	"testing"
	"time"

	"mohr/complaints"
	"mohr/internal/i18n"
)

// inIran returns an instant by date and time of day in Iran.
func inIran(t testing.TB, year, month, day, hour int) time.Time {
	t.Helper()
	d, ok := i18n.FromJalali(year, month, day)
	if !ok {
		t.Fatalf("there is no %d-%d-%d", year, month, day)
	}
	return d.Add(time.Duration(hour)*time.Hour - 210*time.Minute)
}

// 1399 and 1403 are leap years: their Esfand has 30 days.
func TestOneSolarHijriYearBefore(t *testing.T) {
	at := func(y, m, d, h int) time.Time { return inIran(t, y, m, d, h) }
	tests := []struct {
		name       string
		t, want    time.Time
		hasLeapDay bool
	}{
		{"a day in the middle of a year", at(1404, 8, 17, 10), at(1403, 8, 17, 10), false},
		{"the last second of a day in Iran is still that day", at(1404, 2, 1, 0).Add(-time.Second), at(1403, 2, 1, 0).Add(-time.Second), false},
		{"29 Esfand of a leap year", at(1403, 12, 29, 6), at(1402, 12, 29, 6), false},
		{"29 Esfand after a leap year: its 30th stays out", at(1404, 12, 29, 6), at(1403, 12, 29, 6), false},
		{"30 Esfand: the whole year before, and no hour of the next", at(1403, 12, 30, 10), at(1403, 1, 1, 0).Add(-time.Second), true},
		{"the first instant of 30 Esfand", at(1399, 12, 30, 0), at(1399, 1, 1, 0).Add(-time.Second), true},
		{"1 Farvardin after a leap year", at(1404, 1, 1, 0), at(1403, 1, 1, 0), false},
		{"31 of a month that has as many every year", at(1404, 6, 31, 23), at(1403, 6, 31, 23), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, leap := complaints.YearBefore(tt.t)
			if !got.Equal(tt.want) || leap != tt.hasLeapDay {
				t.Errorf("got %s, %v; want %s", got, leap, tt.want)
			}
		})
	}
}

func TestPeriodsFollowEachOtherWithoutGap(t *testing.T) {
	for _, p := range []complaints.Period{{Year: 1398, Month: 11}, {Year: 1398}} {
		for range 80 {
			from, to := p.Bounds()
			if next, _ := p.Next().Bounds(); !to.Equal(next) || !to.After(from) {
				t.Fatalf("%s ends %s, %s begins %s", p, to, p.Next(), next)
			}
			if first := complaints.PeriodOf(from); p.Month != 0 && first != p {
				t.Fatalf("%s begins in %s", p, first)
			}
			if last := complaints.PeriodOf(to.Add(-time.Second)); last.Year != p.Year || p.Month != 0 && last != p {
				t.Fatalf("%s ends in %s", p, last)
			}
			p = p.Next()
		}
	}
}

// At 30 Esfand 1403, 10 h, window 4 days. Of this year: A served 1 Farvardin,
// answered a day later; B served 1 Tir, open: unanswered. Of the year before:
// C served 1 Tir 1402, answered on 1 Tir 1403, so that it was unanswered at
// the end of 1402 and is not now; D served 29 Esfand 1402, 20 h, pending then
// and answered in time. From before: E served in 1401, open to this day.
//
// Now: received A B = 2, unanswered B E = 2. Then (the last second of 1402):
// received C D = 2, unanswered C E = 2. The change is 0, where counting last
// year by what is known today would say 1 -> 2.
func TestYearOnYearComparesWhatWasTrueThen(t *testing.T) {
	at := func(y, m, d, h int) int64 { return inIran(t, y, m, d, h).Unix() }
	rows := []complaints.Row{
		{Served: at(1403, 1, 1, 0), Answered: at(1403, 1, 2, 0)},
		{Served: at(1403, 4, 1, 0)},
		{Served: at(1402, 4, 1, 0), Answered: at(1403, 4, 1, 0)},
		{Served: at(1402, 12, 29, 20), Answered: at(1403, 1, 1, 12)},
		{Served: at(1401, 5, 1, 0)},
	}
	c := complaints.YearOnYear(rows, complaints.Terms{At: inIran(t, 1403, 12, 30, 10), Window: window(t, "single(96h)")})
	now, then := c.Now, c.Before
	if !c.LeapDay || now.Year != 1403 || then.Year != 1402 || !now.Partial || then.Partial || now.Incomplete || then.Incomplete {
		t.Errorf("periods %+v, %+v, leap day %v", now, then, c.LeapDay)
	}
	if now.Received != 2 || now.Unanswered != 2 || now.Matured != 2 || now.OnTime != 1 || then.Received != 2 || then.Unanswered != 2 || then.Matured != 1 || then.OnTime != 0 {
		t.Errorf("now %+v\nthen %+v", now, then)
	}
	if c.Unanswered == nil || *c.Unanswered != 0 || c.Received == nil || *c.Received != 0 {
		t.Errorf("change %v, %v", c.Unanswered, c.Received)
	}
	young := complaints.YearOnYear(rows[:2], complaints.Terms{At: inIran(t, 1404, 2, 1, 0), Window: window(t, "single(96h)")})
	if !young.Before.Partial || young.Before.Incomplete || young.Before.Received != 1 || young.Now.Received != 0 {
		t.Errorf("of a record that begins with the year: %+v", young)
	}
	young = complaints.YearOnYear(rows[1:2], complaints.Terms{At: inIran(t, 1404, 5, 1, 0), Window: window(t, "single(96h)")})
	if !young.Before.Incomplete || young.Received != nil && *young.Received != -1 {
		t.Errorf("of a record that begins inside the year before: %+v", young)
	}
}
