package regulator

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"

	"mohr/complaints"
	"mohr/internal/chart"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// statisticsPage is the Data of the page of the country's figures.
type statisticsPage struct {
	Bulletin
	Chosen
	There bool // something was counted
}

// This is the year that is not over.
func (p statisticsPage) This() Line {
	if n := len(p.Years); n > 0 {
		return p.Years[n-1]
	}
	return Line{}
}

// Newest are the years, the newest first.
func (p statisticsPage) Newest() []Line {
	list := slices.Clone(p.Years)
	slices.Reverse(list)
	return list
}

// Known are the categories that are counted somewhere.
func (p statisticsPage) Known() (list []string) {
	for _, l := range p.Cells {
		if !slices.Contains(list, l.Category) {
			list = append(list, l.Category)
		}
	}
	slices.Sort(list)
	return list
}

// Subject writes a category: one of an import is the word of its source.
func (p statisticsPage) Subject(v web.View, category string) string {
	if !complaints.Category(category).Known() {
		return category
	}
	return v.T("complaints.category." + category)
}

// Period writes a month with its year, or a year.
func (p statisticsPage) Period(v web.View, period string) string {
	year, month, ok := strings.Cut(period, "-")
	if n, err := strconv.Atoi(month); ok && err == nil && n >= 1 && n <= 12 {
		return i18n.MonthName(v.Lang, n) + " " + v.N(year)
	}
	return v.N(year)
}

// month writes a month alone, for under a picture.
func (p statisticsPage) month(v web.View, period string) string {
	_, month, _ := strings.Cut(period, "-")
	n, _ := strconv.Atoi(month) // of Period.String: 1 to 12
	if n < 1 || n > 12 {
		return ""
	}
	return i18n.MonthName(v.Lang, n)
}

// Share writes a share, or a dash for one of nothing.
func (p statisticsPage) Share(v web.View, x *float64) string {
	if x == nil {
		return "–"
	}
	return v.Percent(*x)
}

// Days writes a number of days, or a dash.
func (p statisticsPage) Days(v web.View, x *float64) string {
	if x == nil {
		return "–"
	}
	return v.N(float64(int(*x*10+.5)) / 10)
}

// Change writes how much more or less than a year before, or nothing.
func (p statisticsPage) Change(v web.View, x *float64) string {
	switch {
	case x == nil:
		return ""
	case *x < 0:
		return v.T("statistics.less", v.Percent(-*x))
	case *x > 0:
		return v.T("statistics.more", v.Percent(*x))
	}
	return v.T("statistics.same")
}

func (p statisticsPage) frame(v web.View, id string) chart.Frame {
	return chart.Frame{
		ID: id, Title: v.T("statistics." + id), About: v.T("statistics." + id + "_about"), RTL: v.Dir == "rtl",
		Number: func(x float64) string { return v.N(int64(x)) },
	}
}

// Course is the picture of the months: what became of the complaints.
func (p statisticsPage) Course(v web.View) template.HTML {
	var columns []chart.Column
	for _, l := range p.Chosen.Months {

		columns = append(columns, chart.Column{Label: p.month(v, l.Period), Text: v.N(l.Received), Faint: l.Partial, Parts: []chart.Part{
			{Class: "c1", Value: float64(l.Handled)}, {Class: "c2", Value: float64(l.Pending)}, {Class: "c3", Value: float64(l.Unanswered)},
		}})
	}
	return chart.Columns(p.frame(v, "months"), columns)
}

// OnTime is the picture of the share answered on time.
func (p statisticsPage) OnTime(v web.View) template.HTML {
	var points []chart.Point
	for _, l := range p.Chosen.Months {
		point := chart.Point{Label: p.month(v, l.Period), Missing: l.ShareOnTime == nil}
		if !point.Missing {
			point.Value, point.Low, point.High = *l.ShareOnTime, *l.WilsonLow, *l.WilsonHigh
			point.Text = v.N(fmt.Sprintf("%.0f", 100*point.Value)) + percentSign(v)
		}
		points = append(points, point)
	}
	f := p.frame(v, "on_time")
	f.Number = func(x float64) string { return v.N(fmt.Sprintf("%.0f", 100*x)) + percentSign(v) }
	return chart.Course(f, points)
}

func percentSign(v web.View) string {
	if v.Lang == i18n.Persian {
		return "٪"
	}
	return "%"
}

// ByCategory is the picture of what complaints are about.
func (p statisticsPage) ByCategory(v web.View) template.HTML {
	var rows []chart.Row
	for _, l := range p.Subjects {
		r := chart.Row{Label: p.Subject(v, l.Category), Text: v.N(l.Received), Value: float64(l.Received), Before: -1}
		if l.Before != nil {
			r.Before = float64(l.Before.Received)
		}
		rows = append(rows, r)
	}
	return chart.Rows(p.frame(v, "subjects"), rows)
}
