package browser

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// typed sends keys as a keyboard does. Chromium has one event for a key with
// its letter and two for a key and then its letter; only after the first of
// the two does it drop the letter of a key that has done its work. Otherwise an
// Enter that leads into a field sends the field's form, too.
func typed(keys string) chromedp.Action {
	return chromedp.KeyEvent(keys, func(p *input.DispatchKeyEventParams) *input.DispatchKeyEventParams {
		if p.Type == input.KeyDown {
			p.Type = input.KeyRawDown
		}
		return p
	})
}

// Press sends keys to what has the focus: kb.Tab, kb.Enter, letters.
func (tab *Tab) Press(keys string) {
	tab.t.Helper()
	tab.do("press keys", typed(keys))
}

// Stop is what has the focus.
type Stop struct {
	At    string `json:"at"`    // a path of the element in the page, "" for the page itself
	Is    bool   `json:"is"`    // it is what was looked for
	Fault string `json:"fault"` // why nobody sees where the focus is (WCAG 2.4.7, 2.4.11), "" if all do
}

// stopScript describes what has the focus. The selector %q is looked for.
const stopScript = `(() => {
const e = document.activeElement;
if (!e || e === document.body || e === document.documentElement) return {at: "", is: false, fault: ""};
let at = "";
for (let n = e; n && n !== document.body; n = n.parentElement)
  at = n.tagName.toLowerCase() + (n.id ? "#" + n.id : ":nth-child(" + ([...n.parentElement.children].indexOf(n) + 1) + ")") + (at && ">" + at);
const s = getComputedStyle(e), r = e.getClientRects()[0], out = [];
if (!e.matches(":focus-visible") || s.outlineStyle === "none" || parseFloat(s.outlineWidth) < 2) out.push("has no outline");
if (!r || r.width < 1 || r.height < 1) out.push("has no size");
else if (r.bottom <= 0 || r.top >= innerHeight || r.right <= 0 || r.left >= innerWidth) out.push("is outside the window");
else {
  const x = Math.min(Math.max((r.left + r.right) / 2, 0), innerWidth - 1), y = Math.min(Math.max((r.top + r.bottom) / 2, 0), innerHeight - 1);
  const over = document.elementFromPoint(x, y);
  if (over && over !== e && !e.contains(over) && !over.contains(e)) out.push("is behind " + over.tagName);
}
return {at, is: e.matches(%q), fault: out.join(", ")};
})()`

// Focus returns what has the focus; Is says whether it matches the selector.
func (tab *Tab) Focus(selector string) (s Stop) {
	tab.t.Helper()
	tab.do("look for the focus", tab.eval(fmt.Sprintf(stopScript, selector), &s))
	return s
}

// mostStops bounds a walk with the tabulator key against a trap.
const mostStops = 300

// TabTo presses Tab until the focus is on what matches the selector. At every
// stop on the way it must be seen where the focus is.
func (tab *Tab) TabTo(selector string) {
	tab.t.Helper()
	for range mostStops {
		if s := tab.step(selector); s.Is {
			return
		}
	}
	tab.t.Fatalf("%s: the tabulator key never comes to %s\n%s", tab.Look, selector, tab.peek())
}

// step presses Tab once.
func (tab *Tab) step(selector string) Stop {
	tab.t.Helper()
	tab.Press(kb.Tab)
	s := tab.Focus(selector)
	if s.Fault != "" {
		tab.t.Errorf("%s, %s: %s %s", tab.Look, tab.URL(), s.At, s.Fault)
	}
	return s
}

// stopsScript lists the elements that the tabulator key must come to, of radio
// buttons of one name any: it comes to the chosen one.
const stopsScript = `(() => {
const names = new Set();
return [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter(e => {
  if (e.disabled || e.type === "hidden" || e.tabIndex < 0 || !e.checkVisibility({visibilityProperty: true})) return false;
  if (e.type !== "radio") return true;
  return !names.has(e.name) && names.add(e.name);
}).length;
})()`

// WalkRound presses Tab from the top of the page to its end and on to its top:
// every link, button and field is come to once, and none holds the focus.
func (tab *Tab) WalkRound() {
	tab.t.Helper()
	var want int
	tab.do("count what can have the focus", tab.eval(stopsScript, &want))
	const controls = "a[href], button, input, select, textarea, summary"
	seen, met := map[string]bool{}, 0
	for {
		s := tab.step(controls)
		if s.At == "" || seen[s.At] { // round, or held
			break
		}
		seen[s.At] = true
		if s.Is {
			met++
		}
	}
	if met < want {
		tab.t.Errorf("%s, %s: the tabulator key comes to %d of %d", tab.Look, tab.URL(), met, want)
	}
}

// Type goes to the field by the tabulator key and types text there.
func (tab *Tab) Type(selector, text string) {
	tab.t.Helper()
	tab.TabTo(selector)
	tab.Press(text)
}

// EnterOn goes to what matches by the tabulator key, presses Enter, and waits
// for the page that this leads to.
func (tab *Tab) EnterOn(selector string) {
	tab.t.Helper()
	tab.TabTo(selector)
	tab.Enter()
}

// Enter presses Enter where the focus is, and waits for the page that this
// leads to.
func (tab *Tab) Enter() {
	tab.t.Helper()
	tab.anew()
	tab.lead("press Enter", typed(kb.Enter))
}

// WaitFocus waits until what matches has the focus: a link within the page
// gives it with the next picture of the page.
func (tab *Tab) WaitFocus(selector string) {
	tab.t.Helper()
	var s Stop
	tab.do("wait for the focus on "+selector, chromedp.ActionFunc(func(ctx context.Context) error {
		for {
			if err := tab.eval(fmt.Sprintf(stopScript, selector), &s).Do(ctx); err != nil || s.Is {
				return err
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("the focus is on %q: %w", s.At, ctx.Err())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}))
}
