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

// axeScript runs axe-core on the page as it is shown: WCAG 2.0 to 2.2, levels A
// and AA, and its best practices. Of what breaks no rule it keeps no list.
const axeScript = `axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  resultTypes: ["violations"], preload: {assets: ["media"]},
}).then(r => r.violations.map(v => ({id: v.id, help: v.help, places: v.nodes.map(n => n.target.join(" "))})))`
