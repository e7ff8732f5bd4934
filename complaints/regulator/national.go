package regulator

import (
	"cmp"
	"slices"
	"time"

	"mohr/complaints"
)

// Method says how the figures of a Line are made; it stands beside them.
const Method = "Counts are of distinct complaints at a business, by the month of the Solar Hijri calendar in Iran in which they were served, as of the beginning of a day in Iran. " +
	"Handled are those answered, withdrawn or moved. Unanswered are open past the last window of the policy they were filed under. The share on time is of those whose first window has run out, with Wilson's 95 % interval. " +
	"Direct settlement is settled without a decision and confirmed by the consumer, of all closed; silence of the consumer is counted on its own. " +
	"The year before is the view as of the same day one Solar Hijri year earlier, not what is known of it today."

// Line is what is counted of one group of complaints.
type Line struct {
	Period   string `json:"period,omitempty"`
	Category string `json:"category,omitempty"`
	Partial  bool   `json:"partial,omitempty" doc:"the period is not over"`
	Figures
	Before *Figures `json:"year_before" doc:"the same of the year before, as of then; nothing where the record does not go back so far"`
	Change Change   `json:"change"`
}

// Figures are the figures of a Line. A statistic over nothing is nil.
type Figures struct {
	Received       int64    `json:"received"`
	Handled        int64    `json:"handled"`
	Answered       int64    `json:"answered"`
	Pending        int64    `json:"pending"`
	Unanswered     int64    `json:"unanswered"`
	EverUnanswered int64    `json:"ever_unanswered"`
	Matured        int64    `json:"matured"`
	MaturedOnTime  int64    `json:"matured_on_time"`
	ShareOnTime    *float64 `json:"share_on_time"`
	WilsonLow      *float64 `json:"wilson_low"`
	WilsonHigh     *float64 `json:"wilson_high"`
	MeanDays       *float64 `json:"mean_days"`
	Closed         int64    `json:"closed"`
	Direct         int64    `json:"direct"`
	DirectShare    *float64 `json:"direct_share"`
	Silent         int64    `json:"silent"`
}

// Change is (now - year before) / year before; nil where that was nothing.
type Change struct {
	Received   *float64 `json:"received"`
	Unanswered *float64 `json:"unanswered"`
}

// National are the figures of the country.
type National struct {
	At         time.Time `json:"at"`
	YearBefore time.Time `json:"year_before"`
	LeapDay    bool      `json:"leap_day" doc:"30 Esfand: of the year before all is counted"`
	Method     string    `json:"method"`
	Total      Line      `json:"total"`
	Years      []Line    `json:"years" doc:"by the year in which the complaint was served"`
	Months     []Line    `json:"months"`
	Categories []Line    `json:"categories" doc:"of the year that T lies in"`
	// Shelves are the years by category, Cells the months.
	Shelves []Line `json:"shelves,omitempty"`
	Cells   []Line `json:"cells,omitempty"`
}

// group collects the sums of a line: now, and as they were a year before.
type group struct{ now, before complaints.Sums }

type groupKey struct {
	period   complaints.Period // zero: all
	category string            // "": all
}

// Country makes the national figures as of the last beginning of a day in Iran
// not after at.
func Country(c *complaints.Counts, at time.Time) National {
	at = complaints.DayStart(at)
	// What counts of the last day ends before the next begins.
	before, leap := complaints.YearBefore(at)
	before = complaints.DayStart(before.Add(time.Second))
	groups := map[groupKey]*group{}
	put := func(p complaints.Period, category string, now bool, s complaints.Sums) {
		g := groups[groupKey{p, category}]
		if g == nil {
			g = &group{}
			groups[groupKey{p, category}] = g
		}
		if now {
			g.now.Add(s)
		} else {
			g.before.Add(s)
		}
	}
	c.Each([]time.Time{at, before}, func(served complaints.Period, category string, s []complaints.Sums) {
		for i, is := range []bool{true, false} {
			if s[i] == (complaints.Sums{}) {
				continue
			}
			// A line is compared with the same period a year earlier.
			month := served
			if !is {
				month.Year++
			}
			put(complaints.Period{}, "", is, s[i])
			put(complaints.Period{Year: month.Year}, "", is, s[i])
			put(month, "", is, s[i])
			put(month, category, is, s[i])
			put(complaints.Period{Year: month.Year}, category, is, s[i])
		}
	})
	n := National{At: at, YearBefore: before, LeapDay: leap, Method: Method, Total: Line{Figures: figures(complaints.Sums{})}}
	n.sort(groups, at)
	return n
}

func (n *National) sort(groups map[groupKey]*group, at time.Time) {
	this := complaints.PeriodOf(at.Add(-time.Second)).Year
	for key, g := range groups {
		// What was only compared with has not come yet, unless it is of this year.
		if g.now == (complaints.Sums{}) && key.period.Year != this {
			continue
		}
		n.place(key, g.line(key, at), this)
	}
	for _, list := range [][]Line{n.Years, n.Months, n.Categories, n.Shelves, n.Cells} {
		slices.SortFunc(list, func(a, b Line) int {
			return cmp.Or(cmp.Compare(a.Period, b.Period), cmp.Compare(a.Category, b.Category))
		})
	}
}

func (n *National) place(key groupKey, line Line, this int) {
	switch {
	case key.period.Year == 0:
		n.Total = line
	case key.period.Month == 0 && key.category == "":
		n.Years = append(n.Years, line)
	case key.period.Month == 0:
		n.Shelves = append(n.Shelves, line)
		if key.period.Year == this {
			n.Categories = append(n.Categories, line)
		}
	case key.category == "":
		n.Months = append(n.Months, line)
	default:
		n.Cells = append(n.Cells, line)
	}
}

func (g *group) line(key groupKey, at time.Time) Line {
	l := Line{Category: key.category, Figures: figures(g.now)}
	if key.period.Year != 0 {
		_, to := key.period.Bounds()
		l.Period, l.Partial = key.period.String(), at.Before(to)
	}
	if g.before != (complaints.Sums{}) {
		f := figures(g.before)
		l.Before = &f
		l.Change = Change{ratio(l.Received-f.Received, f.Received), ratio(l.Unanswered-f.Unanswered, f.Unanswered)}
	}
	return l
}

func figures(s complaints.Sums) Figures {
	f := Figures{
		Received: s[complaints.SumReceived], Handled: s[complaints.SumAnswered] + s[complaints.SumEnded], Answered: s[complaints.SumAnswered],
		Pending: s[complaints.SumPending], Unanswered: s[complaints.SumUnanswered], EverUnanswered: s[complaints.SumEverUnanswered],
		Matured: s[complaints.SumMatured], MaturedOnTime: s[complaints.SumMaturedOnTime],
		Closed: s[complaints.SumClosed], Direct: s[complaints.SumDirect], Silent: s[complaints.SumSilent],
	}
	f.ShareOnTime, f.WilsonLow, f.WilsonHigh = interval(int(f.MaturedOnTime), int(f.Matured))
	f.DirectShare = ratio(f.Direct, f.Closed)
	f.MeanDays = ratio(s[complaints.SumSeconds], f.Answered*86400)
	return f
}

// ratio is nil of nothing.
func ratio(part, whole int64) *float64 {
	if whole == 0 {
		return nil
	}
	return rounded(float64(part) / float64(whole))
}
