package badge

import (
	"context"
	"fmt"

	"mohr/internal/store"
)

// trialBatch is how many badges one call of Try judges.
const trialBatch = 500

// TrialMove is a badge that other rules would judge otherwise.
type TrialMove struct {
	Badge     ID      `json:"badge"`
	State     State   `json:"state"` // as it is
	From      Outcome `json:"from"`
	FromLevel int     `json:"from_level"`
	To        Outcome `json:"to"`
	ToLevel   int     `json:"to_level"`
	Why       Why     `json:"why"` // of the other outcome
}

// TrialReport is what other rules would have made of the last facts known of
// each badge. It changes nothing.
type TrialReport struct {
	Rules  string      `json:"rules"`
	Judged int         `json:"judged"`
	Moves  []TrialMove `json:"moves"`
	After  ID          `json:"after,omitempty"` // ask again after it; "": all were judged
}

// Try judges the badges after the one named by other rules.
func (d *Desk) Try(ctx context.Context, r Rules, after ID) (TrialReport, error) {
	if err := r.Validate(); err != nil {
		return TrialReport{}, err
	}
	report := TrialReport{Rules: r.Version}
	err := d.Store.View(ctx, func(tx store.Tx) error {
		report.Judged, report.Moves, report.After = 0, []TrialMove{}, ""
		seen := 0
		return store.Each(tx, badgeBucket, "", string(after), func(_ string, b Badge) error {
			if seen == trialBatch {
				return store.Stop
			}
			if seen++; seen == trialBatch {
				report.After = b.ID
			}
			if b.Traces == 0 {
				return nil
			}
			t, err := lastTrace(tx, b)
			if err != nil {
				return err
			}
			report.Judged++
			if m, other := tryOn(r, b, t); other {
				report.Moves = append(report.Moves, m)
			}
			return nil
		})
	})
	if err != nil {
		return report, fmt.Errorf("try badge rules: %w", err)
	}
	return report, nil
}

// tryOn judges the facts of a trace by other rules. It is pure. Old facts are
// what there is: what a new rule asks and nobody looked at then is not known.
func tryOn(r Rules, b Badge, t Trace) (TrialMove, bool) {
	v := r.Decide(r.Judge(t.Facts), t.Least, t.Had)
	m := TrialMove{Badge: b.ID, State: b.State, From: t.Outcome, FromLevel: t.Level, To: v.Outcome, ToLevel: v.Level, Why: v.Why}
	if m.From != Grant {
		m.FromLevel = 0
	}
	if m.To != Grant {
		m.ToLevel = 0
	} else if m.From == Grant && m.ToLevel != m.FromLevel {
		m.Why = "level_lowered"
		if m.ToLevel > m.FromLevel {
			m.Why = "level_raised"
		}
	}
	return m, m.From != m.To || m.FromLevel != m.ToLevel
}

// lastTrace returns the last decision about the badge that was kept.
func lastTrace(tx store.Tx, b Badge) (Trace, error) {
	return store.Load[Trace](tx, traceBucket, fmt.Sprintf("%s/%06d", b.ID, b.Traces-1))
}
