package complaints

import (
	"cmp"
	"maps"
	"slices"
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

// At returns the counts as of the last beginning of a day in Iran not after
// t, of the complaints on the shelves that pick says.
func (c *Counts) At(t time.Time, pick func(served Period, category string) bool) (sum Sums) {
	last := lastDay(t)
	for key, days := range c.shelves {
		if pick != nil && !pick(key.period(), key.Category) {
			continue
		}
		for day, change := range days {
			if day <= last {
				sum.add(change, 1)
			}
		}
	}
	return sum
}

// categories returns the names of all categories, sorted.
func (c *Counts) categories() []string {
	names := map[string]bool{}
	for key := range c.shelves {
		names[key.Category] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// months returns the first and the last month in which a complaint was
// served; false if there is none.
func (c *Counts) months() (first, last int32, ok bool) {
	for key := range c.shelves {
		if !ok || key.Month < first {
			first = key.Month
		}
		if !ok || key.Month > last {
			last = key.Month
		}
		ok = true
	}
	return first, last, ok
}
