package badge

import (
	"context"
	"slices"

	"mohr/internal/store"
)

// Trace is a decision with all it rested on: whoever may see it can Replay it.
type Trace struct {
	Badge    ID        `json:"badge"`
	Number   int       `json:"number"`  // counted from 0
	Request  string    `json:"request"` // hex SHA-256 of the JWS
	Rules    Rules     `json:"rules"`
	Facts    Facts     `json:"facts"`
	Findings []Finding `json:"findings"`
	Outcome  Outcome   `json:"outcome"`
	Least    int       `json:"least,omitempty"` // stars taken at the lowest
	Had      int       `json:"had,omitempty"`   // stars the badge had; -1: none, not granted yet
	Level    int       `json:"level,omitempty"` // stars the facts are worth
	Renewal  bool      `json:"renewal,omitempty"`
}

// Replay judges the facts of a trace anew, by the rules it names, and reports
// whether findings and outcome are those recorded.
func Replay(t Trace) (findings []Finding, o Outcome, same bool) {
	findings = t.Rules.Judge(t.Facts)
	v := t.Rules.Decide(findings, t.Least, t.Had)
	same = v.Outcome == t.Outcome && slices.Equal(findings, t.Findings) && (len(t.Rules.Levels) == 0 || v.Level == t.Level)
	return findings, v.Outcome, same
}

// Traces returns the badge's decisions, oldest first.
func (d *Desk) Traces(ctx context.Context, id ID) ([]Trace, error) {
	var list []Trace
	err := d.Store.View(ctx, func(tx store.Tx) error {
		if _, err := LoadBadge(tx, id); err != nil {
			return err
		}
		return store.Each(tx, traceBucket, string(id)+"/", "", func(_ string, t Trace) error {
			list = append(list, t)
			return nil
		})
	})
	return list, err
}
