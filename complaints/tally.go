package complaints

import (
	"slices"
	"time"

	"mohr/complaints/score"
)

// Tally counts the complaints of one business, one row at a time.
type Tally struct {
	terms      Terms
	card       Scorecard
	aside      Aside
	delays     []int64 // of the answered
	watch      []score.Observation
	first      int64 // when the first complaint counted was served
	stages     []StageCount
	categories map[string]*CategoryCount
	settled    Settlement
}

// NewTally returns an empty count.
func NewTally(business string, t Terms) *Tally {
	return &Tally{terms: t, card: Scorecard{Business: business}, categories: map[string]*CategoryCount{}}
}

// Add counts one complaint.
func (y *Tally) Add(r Row) {
	t := y.terms.At.Unix()
	v, ok := r.at(t)
	if !ok {
		return
	}
	w := y.terms.window(r)
	late := v.open() && v.past(w.Total())
	y.addAside(r, v, w, t)
	if late {
		y.category(r).Unanswered++
	}
	if !y.terms.counts(r.Served) {
		return
	}
	y.count(v, w, t)
	y.category(r).count(v, w, t)
	y.addStages(v, w)
	y.settled.add(r, t)
	if y.first == 0 || r.Served < y.first {
		y.first = r.Served
	}
	y.watch = append(y.watch, score.Observation{Seconds: v.clock, Answered: v.answered})
}

// count adds the complaint to the scorecard's own columns.
func (y *Tally) count(v view, w Window, t int64) {
	c := &y.card
	c.Received++
	if v.answered {
		c.Answered++
		y.delays = append(y.delays, v.clock)
	}
	if v.open() && !v.past(w.Total()) {
		c.Pending++
	}
	if v.onTime(w) {
		c.OnTime++
	}
	if v.matured(w.First(), t) {
		c.Matured++
		if v.onTime(w) {
			c.MaturedOnTime++
		}
	}
}

// onTime reports whether it was answered within the first window.
func (v view) onTime(w Window) bool { return v.answered && !v.past(w.First()) }

// matured reports whether the window w after serving has run out at t. One
// that ended unanswered inside its window never will: nothing was missed.
func (v view) matured(w time.Duration, t int64) bool {
	if v.ended {
		return v.past(w)
	}
	return v.start+seconds(w) <= t
}

// addAside counts what follows neither Rolling nor Since.
func (y *Tally) addAside(r Row, v view, w Window, t int64) {
	if v.open() && v.past(w.Total()) {
		y.card.Unanswered++
		if served := time.Unix(r.Served, 0).UTC(); y.aside.Oldest.IsZero() || served.Before(y.aside.Oldest) {
			y.aside.Oldest = served
		}
	}
	if v.matured(w.Total(), t) {
		y.aside.Due++
	}
	for stage := 1; stage < w.Stages(); stage++ {
		if v.past(w.Until(stage)) {
			y.aside.Delays++
		}
	}
	if v.past(w.Total()) {
		y.aside.EverUnanswered++
	}
}

// Result returns the figures of what was added so far.
func (y *Tally) Result() (Scorecard, Aside) {
	card, _ := y.result()
	return card, y.aside
}

func (y *Tally) result() (Scorecard, score.Curve) {
	c := y.card
	c.ShareOnTime, c.WilsonLow, c.WilsonHigh = share(c.MaturedOnTime, c.Matured)
	if n := len(y.delays); n > 0 {
		slices.Sort(y.delays)
		var sum int64
		for _, d := range y.delays {
			sum += d
		}
		c.MeanDays = figure(float64(sum) / float64(n) / secondsPerDay)
		c.P50Days = days(y.delays[score.Rank(5, n)])
		c.P90Days = days(y.delays[score.Rank(9, n)])
		c.MaxDays = days(y.delays[n-1])
	}
	curve := score.KaplanMeier(y.watch)
	c.KMP50Days, c.KMP90Days = daysIf(curve.Quantile(0.5)), daysIf(curve.Quantile(0.9))
	return c, curve
}

const secondsPerDay = 86400

func days(secs int64) *float64 { return figure(float64(secs) / secondsPerDay) }

// daysIf returns a length of time in days, nil if there is none.
func daysIf(secs int64, ok bool) *float64 {
	if !ok {
		return nil
	}
	return days(secs)
}

func figure(x float64) *float64 {
	x = score.Rounded(x)
	return &x
}

// share returns k of n with its 95 % interval; nothing of nothing.
func share(k, n int) (p, low, high *float64) {
	if n == 0 {
		return nil, nil, nil
	}
	l, h := score.Wilson(k, n)
	return figure(float64(k) / float64(n)), figure(l), figure(h)
}
