package complaints

import (
	"cmp"
	"time"

	"mohr/internal/i18n"
)

// shelf names complaints that are counted together: served in one month of
// the Solar Hijri calendar, about one thing.
type shelf struct {
	Month    int32 // 12*year + month-1
	Category string
}

func (s shelf) period() Period { return Period{int(s.Month / 12), int(s.Month%12) + 1} }

func monthOf(p Period) int32 { return int32(12*p.Year + p.Month - 1) }

func shelfOf(r Row) shelf {
	y, m, _ := i18n.Jalali(time.Unix(r.Served, 0).In(iran))
	return shelf{monthOf(Period{y, m}), cmp.Or(r.Category, "other")}
}

// Counts are the counts of any number of complaints, as of the beginning of
// any day in Iran. What they hold is how the counts change from day to day,
// so that they grow with days and categories and not with complaints. The
// zero Counts is empty. It is not safe for concurrent use.
type Counts struct {
	policies Policies
	window   Window // zero: of the row or of policies
	shelves  map[shelf]map[int32]Sums
}

// NewCounts returns empty counts of complaints that are judged by w or, if
// that is zero, each by the policy it was filed under.
func NewCounts(p Policies, w Window) *Counts {
	return &Counts{policies: p, window: w, shelves: map[shelf]map[int32]Sums{}}
}

// Add counts a complaint.
func (c *Counts) Add(r Row) { c.put(r, 1) }

// Remove takes back what Add counted: of a row that was corrected.
func (c *Counts) Remove(r Row) { c.put(r, -1) }

func (c *Counts) put(r Row, sign int64) {
	key := shelfOf(r)
	days := c.shelves[key]
	if days == nil {
		days = map[int32]Sums{}
		c.shelves[key] = days
	}
	r.changes(Terms{Policies: c.policies, Window: c.window}.window(r), func(day int32, change Sums) {
		s := days[day]
		s.add(change, sign)
		if s == (Sums{}) {
			delete(days, day)
			return
		}
		days[day] = s
	})
	if len(days) == 0 {
		delete(c.shelves, key)
	}
}

// Each calls fn with the counts of each month of serving and category as of
// the last beginnings of days in Iran not after the instants, one Sums for
// each instant, in no order. fn must not keep sums.
func (c *Counts) Each(at []time.Time, fn func(served Period, category string, sums []Sums)) {
	last := make([]int32, len(at))
	for i, t := range at {
		last[i] = lastDay(t)
	}
	sums := make([]Sums, len(at))
	for key, days := range c.shelves {
		clear(sums)
		for day, change := range days {
			for i := range sums {
				if day <= last[i] {
					sums[i].add(change, 1)
				}
			}
		}
		fn(key.period(), key.Category, sums)
	}
}

// At returns the counts of all complaints as of the last beginning of a day in
// Iran not after t.
func (c *Counts) At(t time.Time) (sum Sums) {
	c.Each([]time.Time{t}, func(_ Period, _ string, sums []Sums) { sum.Add(sums[0]) })
	return sum
}

// DayStart returns the last beginning of a day in Iran not after t.
func DayStart(t time.Time) time.Time { return time.Unix(dayStart(lastDay(t)), 0).UTC() }
