package browser

import (
	_ "embed"
	"fmt"
)

//go:embed axe/axe.min.js
var axe string

// Violation is a rule of axe-core that the page breaks, and where.
type Violation struct {
	ID     string   `json:"id"`
	Help   string   `json:"help"`
	Places []string `json:"places"`
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s at %q", v.ID, v.Help, v.Places) }

// Axe returns what axe-core finds wrong with the page as it is shown: WCAG
// 2.0 to 2.2, levels A and AA, and its best practices.
func (tab *Tab) Axe() (found []Violation) {
	tab.t.Helper()
	run := axe + `
;axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
.then(r => r.violations.map(v => ({id: v.id, help: v.help, places: v.nodes.map(n => n.target.join(" "))})))`
	tab.do("run axe", tab.eval(run, &found))
	return found
}

// Overflows reports whether the page is wider than the window, so that one
// would have to scroll sideways (WCAG 1.4.10).
func (tab *Tab) Overflows() (wider bool) {
	tab.t.Helper()
	// Not beside window.innerWidth: a telephone widens that to what it has to show.
	width, _ := tab.size()
	tab.do("measure the page", tab.eval(fmt.Sprintf("document.documentElement.scrollWidth > %d", width), &wider))
	return wider
}
