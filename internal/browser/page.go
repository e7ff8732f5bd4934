package browser

import (
	"fmt"

	"github.com/chromedp/chromedp"
)

// Wait waits until there is such an element, and it can be seen.
func (tab *Tab) Wait(selector string) {
	tab.t.Helper()
	tab.do("wait for "+selector, chromedp.WaitVisible(selector, chromedp.ByQuery))
}

// Open opens a details element.
func (tab *Tab) Open(selector string) {
	tab.t.Helper()
	tab.do("open "+selector, tab.eval(fmt.Sprintf("document.querySelector(%q).open = true", selector), nil))
}
