package regulator

import (
	"context"
	"time"

	"mohr/complaints"
)

// Publication sets the complaints that businesses got before their records
// became public beside those they got after.
type Publication struct {
	Method     string  `json:"method"`
	Businesses int     `json:"businesses"` // with a public record
	Before     Outcome `json:"before"`
	After      Outcome `json:"after"`
}

// AroundPublication counts all public records as of t. Complaints are split
// by when they were served; each side is counted whatever became known later.
func AroundPublication(ctx context.Context, g *complaints.Register, t complaints.Terms) (Publication, error) {
	p := Publication{Method: "Share answered on time, of complaints whose first window has run out, at businesses whose record is public: served before and after the day it became so. The same businesses on both sides; their number says nothing of those that are not public."}
	since, err := g.PublicSince(ctx)
	if err != nil {
		return p, err
	}
	for business, at := range since {
		if at.After(t.At) {
			continue
		}
		rows, err := g.RowsOf(ctx, business)
		if err != nil {
			return p, err
		}
		p.Businesses++
		p.Before.add(side(rows, t, func(served time.Time) bool { return served.Before(at) }))
		p.After.add(side(rows, t, func(served time.Time) bool { return !served.Before(at) }))
	}
	p.Before.finish()
	p.After.finish()
	return p, nil
}

func side(rows []complaints.Row, t complaints.Terms, is func(served time.Time) bool) Outcome {
	y := complaints.NewTally("", t)
	for _, r := range rows {
		if is(time.Unix(r.Served, 0)) {
			y.Add(r)
		}
	}
	return outcome(y.Figures(), nil, t.At, nil)
}
