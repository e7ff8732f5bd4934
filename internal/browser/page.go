package browser

import (
	"fmt"

	"github.com/chromedp/cdproto/runtime"
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

// Run runs the body of an async function in the page's own world, and reads
// what it returns into into (nil: nothing).
func (tab *Tab) Run(body string, into any) {
	tab.t.Helper()
	tab.do("run a script", chromedp.Evaluate("(async () => {"+body+"})()", into, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true)
	}))
}
