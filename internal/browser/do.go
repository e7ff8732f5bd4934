package browser

import "github.com/chromedp/chromedp"

// Do does what a Tab has no method for, as one step.
func (tab *Tab) Do(what string, actions ...chromedp.Action) {
	tab.t.Helper()
	tab.do(what, actions...)
}
