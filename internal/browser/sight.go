package browser

import (
	"context"
	"fmt"

	"github.com/chromedp/chromedp"
)

// Sight is what can be said of the page that is shown, by one look.
type Sight struct {
	Path       string      `json:"path"`   // of its address
	Status     int         `json:"status"` // it was answered with
	Lang       string      `json:"lang"`
	Dir        string      `json:"dir"`
	Title      string      `json:"title"`
	Prose      string      `json:"prose"` // what it says in its own language
	Untold     []string    `json:"untold"`
	Wider      bool        `json:"wider"` // than the window: one would have to scroll sideways (WCAG 1.4.10)
	Violations []Violation `json:"violations"`
}

// proseScript is all text but what is marked as of another language or
// direction, and what is code.
const proseScript = `(() => {
const copy = document.body.cloneNode(true), lang = document.documentElement.lang, dir = document.documentElement.dir;
for (const e of copy.querySelectorAll("[lang], [dir], pre, code, .code, script"))
  if (e.matches("pre, code, .code, script") || e.lang && e.lang !== lang || e.dir && e.dir !== dir) e.remove();
return copy.textContent;
})()`

// untoldScript lists what is missing where a page shows a form again: the error
// in the title, links that lead to fields, fields that name their messages.
const untoldScript = `(() => {
const out = [], box = document.querySelector(".errors[autofocus]"), gone = id => !document.getElementById(id);
for (const f of document.querySelectorAll("[aria-invalid]"))
  if (!(f.getAttribute("aria-describedby") || "").split(" ").includes(f.id + "_error")) out.push("nothing describes the error of " + f.id);
for (const e of document.querySelectorAll("[aria-describedby]"))
  for (const id of e.getAttribute("aria-describedby").split(" ")) if (gone(id)) out.push("there is no " + id);
if (!box) return out;
if (!/^(Error:|خطا:) /.test(document.title)) out.push("the title does not begin with the error: " + document.title);
if (document.activeElement !== box) out.push("the list of errors has not the focus");
for (const a of box.querySelectorAll("a[href^='#']")) if (gone(a.hash.slice(1))) out.push(a.hash + " leads to nothing");
return out;
})()`

// See looks at the page once, with all that a page can be held against.
func (tab *Tab) See() (s Sight) {
	tab.t.Helper()
	// Not beside window.innerWidth: a telephone widens that to what it has to show.
	width, _ := tab.size()
	look := fmt.Sprintf(`(async () => {
const root = document.documentElement, s = {
  path: location.pathname, status: performance.getEntriesByType("navigation")[0].responseStatus, lang: root.lang, dir: root.dir, title: document.title,
  prose: %s, untold: %s, wider: root.scrollWidth > %d,
};
s.violations = %s;
return s;
})()`, proseScript, untoldScript, width, map[bool]string{false: "await " + axeScript, true: "[]"}[tab.Quick])
	tab.do("look at the page", chromedp.ActionFunc(func(ctx context.Context) error {
		var there bool
		if err := tab.eval(`typeof axe === "object"`, &there).Do(ctx); err != nil {
			return err
		}
		if !there && !tab.Quick { // the browser puts it into no page whose scripts are off
			look = axe + ";" + look
		}
		return tab.eval(look, &s).Do(ctx)
	}))
	return s
}
