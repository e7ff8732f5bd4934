package regulator

import (
	"cmp"
	"slices"

	"mohr/complaints"
	"mohr/internal/fault"
)

// Chosen is the part of the figures that a reader asked for.
type Chosen struct {
	Year     string // "" for the last twelve months
	Category string // "" for all
	Months   []Line // in order, none left out
	Subjects []Line // by category, most first
}

// lastMonths is how many months are shown where no year is chosen.
const lastMonths = 12

// choose picks the months and categories to show. A year or a category of
// which nothing is counted is NotFound.
func choose(n National, year, category string) (Chosen, error) {
	c := Chosen{Year: year, Category: category}
	if year != "" && !slices.ContainsFunc(n.Years, func(l Line) bool { return l.Period == year }) ||
		category != "" && !slices.ContainsFunc(n.Cells, func(l Line) bool { return l.Category == category }) {
		return c, fault.New(fault.NotFound, "statistics_unknown", "nothing is counted for this year or category; choose from the list")
	}
	have := map[string]Line{}
	for _, list := range [][]Line{n.Months, n.Cells} {
		for _, l := range list {
			if l.Category == category {
				have[l.Period] = l
			}
		}
	}
	for _, p := range months(n, year) {
		l, ok := have[p.String()]
		if !ok { // nothing happened: that is a figure too
			l = Line{Period: p.String(), Category: category}
		}
		_, end := p.Bounds()
		l.Partial = n.At.Before(end)
		c.Months = append(c.Months, l)
	}
	of := cmp.Or(year, complaints.PeriodOf(n.At.Add(-1)).String()[:4])
	for _, l := range n.Shelves {
		if l.Period == of {
			c.Subjects = append(c.Subjects, l)
		}
	}
	slices.SortStableFunc(c.Subjects, func(a, b Line) int { return cmp.Compare(b.Received, a.Received) })
	return c, nil
}

// months are those of the year that have begun, or the last ones.
func months(n National, year string) (list []complaints.Period) {
	last := complaints.PeriodOf(n.At.Add(-1))
	first := complaints.Period{Year: last.Year, Month: last.Month - lastMonths + 1}
	if first.Month < 1 {
		first.Year, first.Month = first.Year-1, first.Month+12
	}
	if year != "" {
		for first = last; first.Year > 0 && (complaints.Period{Year: first.Year}).String() != year; first.Year-- {
		}
		first.Month = 1
	}
	for p := first; len(list) < lastMonths; p = p.Next() {
		if from, _ := p.Bounds(); !from.Before(n.At) {
			break
		}
		list = append(list, p)
	}
	return list
}
