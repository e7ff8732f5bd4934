package web

import (
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/internal/i18n"
)

// View is what a page template gets as its dot: methods T, N, Percent, Date,
// DateTime, Words, and Lang, Dir and the room's own Data. Inside range and
// with they are reached through $: {{$.T "key"}}.
type View struct {
	Lang string // "fa" or "en"
	Dir  string // "rtl" or "ltr"
	Path string // of this page, for the language switch
	Data any

	face  *face
	query url.Values
	sent  url.Values // the form's fields
	told  *FormError // what is wrong with the form that is shown again
}

// Door is a way into one of the rooms, for the head of every page.
type Door struct {
	Path string
	Text string // key of its text
	Here bool   // the page is behind it
}

// Doors are the ways into the rooms.
func (v View) Doors() []Door {
	doors := []Door{{Path: "/enroll", Text: "web.door.enroll"}, {Path: "/renew", Text: "web.door.renew"}, {Path: "/badge", Text: "web.door.badge"}, {Path: "/complaints", Text: "web.door.complaints"}, {Path: "/my", Text: "web.door.my"}}
	for i, d := range doors {
		doors[i].Here = v.Path == d.Path || strings.HasPrefix(v.Path, d.Path+"/")
	}
	return doors
}

// consoleRoot is below what operators' pages are.
const consoleRoot = "/console"

// Console reports whether the page is one of the operators'.
func (v View) Console() bool {
	return v.Path == consoleRoot || strings.HasPrefix(v.Path, consoleRoot+"/")
}

// Desks are the parts of the operators' pages.
func (v View) Desks() []Door {
	desks := []Door{{Path: consoleRoot, Text: "web.console.overview"}}
	for _, name := range []string{"reviews", "complaints", "badges", "plans", "certificates", "health", "audit", "key"} {
		desks = append(desks, Door{Path: consoleRoot + "/" + name, Text: "web.console." + name})
	}
	for i, d := range desks {
		desks[i].Here = v.Path == d.Path || d.Path != consoleRoot && strings.HasPrefix(v.Path, d.Path+"/")
	}
	return desks
}

// T returns a text in the reader's language, its verbs filled with args.
func (v View) T(key string, args ...any) string { return v.face.texts.Text(v.Lang, key, args...) }

// N writes a number, or the digits in a string.
func (v View) N(n any) string { return i18n.Number(v.Lang, n) }

// Percent writes a share of 1.
func (v View) Percent(share float64) string { return i18n.Percent(v.Lang, share) }

// Date writes a day: Solar Hijri in Persian.
func (v View) Date(t time.Time) string { return i18n.Date(v.Lang, t) }

// DateTime writes a day and a minute.
func (v View) DateTime(t time.Time) string { return i18n.DateTime(v.Lang, t) }

// Day writes a day of the form 2006-01-02 as Date does; anything else as it is.
func (v View) Day(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return v.Date(t)
}

// ISO writes t for the datetime attribute of a time element.
func (v View) ISO(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Words writes a length of time.
func (v View) Words(d time.Duration) string { return i18n.Words(v.Lang, d) }

// Other is the language the reader can switch to.
func (v View) Other() string {
	if v.Lang == i18n.Persian {
		return i18n.English
	}
	return i18n.Persian
}

// Switch is the address of this page in the other language.
func (v View) Switch() string {
	q := url.Values{}
	for k, vs := range v.query {
		q[k] = vs
	}
	q.Set("lang", v.Other())
	return v.Path + "?" + q.Encode()
}

// Site is the portal's base URL on a listener that is not the portal, else "".
func (v View) Site() string {
	if v.face.plain {
		return v.face.portal
	}
	return ""
}

// Simulated reports whether pages must say that nothing here is legally valid.
func (v View) Simulated() bool { return v.face.simulated }

// HasText reports whether pages have the text: for keys that come from outside.
func HasText(c echo.Context, key string) bool {
	f, ok := c.Echo().Renderer.(*face)
	return ok && f.texts.Has(i18n.Persian, key) && f.texts.Has(i18n.English, key)
}
