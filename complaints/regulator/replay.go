package regulator

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"mohr/complaints"
	"mohr/complaints/score"
)

// Proposal is what a replay tries: another window for complaints filed from an
// instant on, or other weights of the five dimensions, or both.
type Proposal struct {
	Window  complaints.Window      // zero: as it is
	From    time.Time              // zero: all of history
	Weights complaints.WeightsList // nil: as they are
}

// Terms are as of when a replay looks, and by what is judged today.
type Terms struct {
	At       time.Time
	Rolling  complaints.Rolling
	Policies complaints.Policies
	Weights  complaints.WeightsList

	measured map[string]map[complaints.Dimension][]complaints.Input // by others, of each business
}

// Outcome is what the record of a business comes to.
type Outcome struct {
	Matured        int      `json:"matured"`
	MaturedOnTime  int      `json:"matured_on_time"`
	ShareOnTime    *float64 `json:"share_on_time"`
	WilsonLow      *float64 `json:"wilson_low"`
	WilsonHigh     *float64 `json:"wilson_high"`
	Unanswered     int      `json:"unanswered"`
	EverUnanswered int      `json:"ever_unanswered"`
	Delays         int      `json:"delays"`
	Score          *float64 `json:"score"`
	Place          int      `json:"place,omitempty"` // in the ranking; 0: too few complaints
}

// Effect is what a proposal does to one business.
type Effect struct {
	Business string           `json:"business"`
	Received int              `json:"received"`
	Level    complaints.Level `json:"level"`
	Before   Outcome          `json:"before"`
	After    Outcome          `json:"after"`
	Share    *float64         `json:"share_change"`
	Score    *float64         `json:"score_change"`
	// Clear: the share after lies outside the interval before, so that it is
	// more than chance.
	Clear bool `json:"clear"`
}

// Replayed is what a proposal does to everybody.
type Replayed struct {
	At         time.Time `json:"at"`
	Businesses int       `json:"businesses"`
	Complaints int       `json:"complaints"`
	Changed    int       `json:"changed"`
	Better     int       `json:"better"` // a higher share on time
	Worse      int       `json:"worse"`
	Clearly    int       `json:"clearly"` // of these, outside the interval
	Before     Outcome   `json:"before"`  // of all complaints
	After      Outcome   `json:"after"`
	Effects    []Effect  `json:"effects"` // of those that change, the largest first
}

// Replay counts all history as it is and as the proposal would have it. It
// changes nothing. progress, which may be nil, is called with the number of
// businesses done.
func Replay(ctx context.Context, g *complaints.Register, p Proposal, t Terms, progress func(businesses int)) (Replayed, error) {
	out := Replayed{At: t.At}
	var effects []Effect
	var cards [2][]complaints.Scorecard
	now := complaints.Terms{At: t.At, Rolling: t.Rolling, Policies: t.Policies}
	var err error
	if t.measured, err = g.MeasuredAll(ctx, t.At); err != nil {
		return out, err
	}
	err = g.Rows(ctx, func(business string, rows []complaints.Row) error {
		before, after := complaints.NewTally(business, now), complaints.NewTally(business, now)
		for _, r := range rows {
			before.Add(r)
			after.Add(p.judged(r))
		}
		e := p.effect(business, before.Figures(), after.Figures(), t, &cards)
		out.Businesses++
		out.Complaints += e.Received
		out.Before.add(e.Before)
		out.After.add(e.After)
		effects = append(effects, e)
		if progress != nil {
			progress(out.Businesses)
		}
		return nil
	})
	if err != nil {
		return Replayed{}, err
	}
	place(effects, cards)
	out.sum(effects)
	return out, nil
}

// judged returns the row as the proposal would judge it.
func (p Proposal) judged(r complaints.Row) complaints.Row {
	if !p.Window.IsZero() && (p.From.IsZero() || cmp.Or(r.Filed, r.Served) >= p.From.Unix()) {
		r.Window = p.Window
	}
	return r
}

func (p Proposal) effect(business string, before, after complaints.Figures, t Terms, cards *[2][]complaints.Scorecard) Effect {
	weights := p.Weights
	if weights == nil {
		weights = t.Weights
	}
	e := Effect{
		Business: business, Received: before.Scorecard.Received, Level: before.Level,
		Before: outcome(before, t.Weights, t.At, t.measured[business]), After: outcome(after, weights, t.At, t.measured[business]),
	}
	cards[0], cards[1] = append(cards[0], before.Scorecard), append(cards[1], after.Scorecard)
	e.Share, e.Score = difference(e.After.ShareOnTime, e.Before.ShareOnTime), difference(e.After.Score, e.Before.Score)
	if e.Share != nil {
		e.Clear = *e.After.ShareOnTime < *e.Before.WilsonLow || *e.After.ShareOnTime > *e.Before.WilsonHigh
	}
	return e
}

func outcome(f complaints.Figures, w complaints.WeightsList, at time.Time, others map[complaints.Dimension][]complaints.Input) Outcome {
	c := f.Scorecard
	o := Outcome{
		Matured: c.Matured, MaturedOnTime: c.MaturedOnTime, ShareOnTime: c.ShareOnTime, WilsonLow: c.WilsonLow, WilsonHigh: c.WilsonHigh,
		Unanswered: c.Unanswered, EverUnanswered: f.Aside.EverUnanswered, Delays: f.Aside.Delays,
	}
	if len(w) > 0 {
		o.Score = complaints.Rate(f, others, w.At(at)).Score
	}
	return o
}

func (o *Outcome) add(p Outcome) {
	o.Matured, o.MaturedOnTime = o.Matured+p.Matured, o.MaturedOnTime+p.MaturedOnTime
	o.Unanswered, o.EverUnanswered, o.Delays = o.Unanswered+p.Unanswered, o.EverUnanswered+p.EverUnanswered, o.Delays+p.Delays
}

// finish makes the share of what was added.
func (o *Outcome) finish() {
	o.ShareOnTime, o.WilsonLow, o.WilsonHigh = interval(o.MaturedOnTime, o.Matured)
}

func rounded(x float64) *float64 {
	x = score.Rounded(x)
	return &x
}

func difference(a, b *float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	return rounded(*a - *b)
}

// place fills in the places in the two rankings.
func place(effects []Effect, cards [2][]complaints.Scorecard) {
	var places [2]map[string]int
	for i := range places {
		places[i] = map[string]int{}
		for _, r := range complaints.Rank(cards[i]).Ranked {
			places[i][r.Business] = r.Place
		}
	}
	for i := range effects {
		effects[i].Before.Place, effects[i].After.Place = places[0][effects[i].Business], places[1][effects[i].Business]
	}
}

func (r *Replayed) sum(effects []Effect) {
	r.Before.finish()
	r.After.finish()
	for _, e := range effects {
		if !e.changed() {
			continue
		}
		r.Changed++
		if e.Share != nil && *e.Share != 0 {
			if *e.Share > 0 {
				r.Better++
			} else {
				r.Worse++
			}
			if e.Clear {
				r.Clearly++
			}
		}
		r.Effects = append(r.Effects, e)
	}
	slices.SortFunc(r.Effects, func(a, b Effect) int {
		return cmp.Or(cmp.Compare(b.size(), a.size()), cmp.Compare(a.Business, b.Business))
	})
}

// changed reports whether the proposal changes what the record says of the
// business; that others move it in the ranking does not count.
func (e Effect) changed() bool {
	b, a := e.Before, e.After
	return a.Matured != b.Matured || a.MaturedOnTime != b.MaturedOnTime || a.Unanswered != b.Unanswered ||
		a.EverUnanswered != b.EverUnanswered || a.Delays != b.Delays || e.Score != nil && *e.Score != 0
}

// size is what effects are sorted by.
func (e Effect) size() float64 {
	for _, x := range []*float64{e.Share, e.Score} {
		if x != nil && *x != 0 {
			return math.Abs(*x)
		}
	}
	return 0
}
