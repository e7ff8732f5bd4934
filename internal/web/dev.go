package web

import (
	"fmt"
	"html/template"
	"io/fs"
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/internal/chart"
	"mohr/internal/i18n"
	"mohr/internal/notify"
)

// NewDev returns the pages of a development service that only its makers see:
// /dev/ with a list of them, /dev/patterns with every part that pages are made
// of, /dev/messages with every message that is sent. It sets no cookies.
func NewDev(c Config, samples []notify.Sample) (*echo.Echo, error) {
	c.fill()
	f, err := newFace(c, []fs.FS{Pages})
	if err != nil {
		return nil, fmt.Errorf("make development pages: %w", err)
	}
	f.plain = true
	e := f.newEcho()
	e.Use(f.frame, limitBody(c.MaxBody, nil))
	if err := mountStatic(e); err != nil {
		return nil, fmt.Errorf("make development pages: %w", err)
	}
	e.GET("/dev/", func(c echo.Context) error { return Page(c, http.StatusOK, "dev", nil) })
	e.GET("/dev/patterns", func(c echo.Context) error { return Page(c, http.StatusOK, "patterns", patterns{}) })
	e.GET("/dev/messages", func(c echo.Context) error { return Page(c, http.StatusOK, "messages", f.messages(samples)) })
	return e, nil
}

// message is a sample in one language.
type message struct {
	notify.Sample
	Lang, Dir, Text string
	Parts           int
}

// messages writes each sample in both languages.
func (f *face) messages(samples []notify.Sample) (list []message) {
	for _, s := range samples {
		for _, lang := range []string{i18n.Persian, i18n.English} {
			m := message{Sample: s, Lang: lang, Dir: map[string]string{i18n.Persian: "rtl", i18n.English: "ltr"}[lang]}
			m.Text = s.In(func(key string, args ...any) string { return f.texts.Text(lang, key, args...) })
			m.Parts = notify.Parts(m.Text)
			list = append(list, m)
		}
	}
	return list
}

// patterns is the Data of the page of parts: figures of nothing, to be drawn.
type patterns struct{}

func (patterns) frame(v View, id string) chart.Frame {
	return chart.Frame{ID: id, Title: v.T("web.pattern.charts"), About: v.T("web.pattern.text"), RTL: v.Dir == "rtl", Number: func(x float64) string { return v.N(int64(x)) }}
}

// Columns is an example of columns.
func (p patterns) Columns(v View) template.HTML {
	var list []chart.Column
	for i := range 12 {
		n := float64(40 + (i*37)%50)
		list = append(list, chart.Column{Label: i18n.MonthName(v.Lang, i+1), Text: v.N(int64(n)), Faint: i == 11,
			Parts: []chart.Part{{Class: "c1", Value: n - 15}, {Class: "c2", Value: 5}, {Class: "c3", Value: 10}}})
	}
	return chart.Columns(p.frame(v, "columns"), list)
}

// Course is an example of a course.
func (p patterns) Course(v View) template.HTML {
	var list []chart.Point
	for i := range 12 {
		at := .45 + float64((i*29)%40)/100
		list = append(list, chart.Point{Label: i18n.MonthName(v.Lang, i+1), Value: at, Low: at - .1, High: at + .1, Text: v.N(int64(100 * at)), Missing: i == 5})
	}
	f := p.frame(v, "course")
	f.Number = func(x float64) string { return v.N(int64(100 * x)) }
	return chart.Course(f, list)
}

// Rows is an example of rows.
func (p patterns) Rows(v View) template.HTML {
	var list []chart.Row
	for i, n := range []float64{120, 80, 33, 0} {
		list = append(list, chart.Row{Label: v.T("web.pattern.thing", i+1), Text: v.N(int64(n)), Value: n, Before: n - 20})
	}
	return chart.Rows(p.frame(v, "rows"), list)
}
