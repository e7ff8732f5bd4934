package complaints

import (
	"math"
	"slices"
	"strconv"
	"time"

	"mohr/internal/fault"
)

// Rolling says how far back complaints are counted, by when they were served:
// T-Rolling < served <= T. Zero counts all.
type Rolling time.Duration

// Year is the rolling window of the headline figures.
const Year = Rolling(365 * 24 * time.Hour)

// maxRollingDays bounds a rolling window: a hundred years.
const maxRollingDays = 36500

// ParseRolling reads all, or a number of days: 365d. Anything else is Invalid.
func ParseRolling(s string) (Rolling, error) {
	if s == "all" {
		return 0, nil
	}
	bad := fault.New(fault.Invalid, "complaint_rolling_invalid", "how far back to count is written all or 365d; write it so")
	if len(s) < 2 || len(s) > 6 || s[0] < '1' || s[0] > '9' || s[len(s)-1] != 'd' {
		return 0, bad
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil || n > maxRollingDays {
		return 0, bad
	}
	return Rolling(n) * Rolling(24*time.Hour), nil
}

// Terms are the instant and the rules of a scorecard.
type Terms struct {
	At      time.Time // nothing after it is seen; whole seconds
	Rolling Rolling
	// Window judges all complaints by one rule. Zero: each by the policy it
	// was filed under, and one that keeps none by Policies.
	Window   Window
	Policies Policies
}

// window returns what r is judged by.
func (t Terms) window(r Row) Window {
	switch {
	case !t.Window.IsZero():
		return t.Window
	case !r.Window.IsZero():
		return r.Window
	case r.Filed != 0:
		return t.Policies.At(time.Unix(r.Filed, 0)).Window
	}
	return t.Policies.At(time.Unix(r.Served, 0)).Window
}

// Scorecard is the count of one business at an instant. A statistic over
// nothing is nil. Shares and days are rounded to nine decimals; quantiles are
// nearest-rank, sorted[ceil(p*n)-1].
type Scorecard struct {
	Business      string   `json:"business"`
	Received      int      `json:"received"`        // distinct complaints; duplicates and inadmissible ones are out
	Answered      int      `json:"answered"`        // with a substantive answer
	Pending       int      `json:"pending"`         // open inside the window: never a fault
	Unanswered    int      `json:"unanswered"`      // open past the window, however old: Rolling does not hide them
	Matured       int      `json:"matured"`         // whose first window has run out
	MaturedOnTime int      `json:"matured_on_time"` // of these, answered within it
	ShareOnTime   *float64 `json:"share_on_time"`   // MaturedOnTime / Matured
	WilsonLow     *float64 `json:"wilson_low"`      // 95 % interval of the share
	WilsonHigh    *float64 `json:"wilson_high"`
	OnTime        int      `json:"on_time"`   // answered within the first window, its last second included
	MeanDays      *float64 `json:"mean_days"` // from serving to the answer, of the answered
	P50Days       *float64 `json:"p50_days"`
	P90Days       *float64 `json:"p90_days"`
	MaxDays       *float64 `json:"max_days"`
	KMP50Days     *float64 `json:"km_p50_days"` // Kaplan-Meier, the open ones counted as watched until now
	KMP90Days     *float64 `json:"km_p90_days"`
}

// Aside are figures beside the scorecard's columns, over all time.
type Aside struct {
	EverUnanswered int       `json:"ever_unanswered"`            // went past the last window once, answered since or not
	Due            int       `json:"due"`                        // whose last window has run out: Unanswered is of these
	Delays         int       `json:"delays"`                     // windows missed, the last ones not counted
	Oldest         time.Time `json:"oldest_unanswered,omitzero"` // when the oldest one unanswered now was served
}

// Tally counts the complaints of one business, one row at a time.
type Tally struct {
	terms  Terms
	card   Scorecard
	aside  Aside
	delays []int64
	watch  []Observation
}

// NewTally returns an empty count.
func NewTally(business string, t Terms) *Tally {
	return &Tally{terms: t, card: Scorecard{Business: business}}
}

// Score counts rows: the complaints of one business, each once.
func Score(business string, rows []Row, t Terms) Scorecard {
	tally := NewTally(business, t)
	for _, r := range rows {
		tally.Add(r)
	}
	card, _ := tally.Result()
	return card
}

// Add counts one complaint.
func (y *Tally) Add(r Row) {
	t := y.terms.At.Unix()
	v, ok := r.at(t)
	if !ok {
		return
	}
	w := y.terms.window(r)
	y.addAside(r, v, w, t)
	if y.terms.Rolling != 0 && r.Served <= t-seconds(time.Duration(y.terms.Rolling)) {
		return
	}
	c := &y.card
	c.Received++
	onTime := v.answered && !v.past(w.First())
	switch {
	case v.answered:
		c.Answered++
		y.delays = append(y.delays, v.clock)
	case v.open() && !v.past(w.Total()):
		c.Pending++
	}
	if onTime {
		c.OnTime++
	}
	if v.matured(w.First(), t) {
		c.Matured++
		if onTime {
			c.MaturedOnTime++
		}
	}
	y.watch = append(y.watch, Observation{Seconds: v.clock, Answered: v.answered})
}

// matured reports whether the window w after serving has run out at t. One
// that ended unanswered inside its window never will: nothing was missed.
func (v view) matured(w time.Duration, t int64) bool {
	if v.ended {
		return v.past(w)
	}
	return v.start+seconds(w) <= t
}

// addAside counts what does not follow Rolling.
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
	c := y.card
	if c.Matured > 0 {
		low, high := wilson(c.MaturedOnTime, c.Matured)
		c.ShareOnTime = figure(float64(c.MaturedOnTime) / float64(c.Matured))
		c.WilsonLow, c.WilsonHigh = figure(low), figure(high)
	}
	if n := len(y.delays); n > 0 {
		slices.Sort(y.delays)
		var sum int64
		for _, d := range y.delays {
			sum += d
		}
		c.MeanDays = figure(float64(sum) / float64(n) / secondsPerDay)
		// ceil(p*n) in whole numbers, so that rounding cannot shift a rank.
		c.P50Days = days(y.delays[(n+1)/2-1])
		c.P90Days = days(y.delays[(9*n+9)/10-1])
		c.MaxDays = days(y.delays[n-1])
	}
	curve := KaplanMeier(y.watch)
	if t, ok := survivalQuantile(curve, 0.5); ok {
		c.KMP50Days = days(t)
	}
	if t, ok := survivalQuantile(curve, 0.9); ok {
		c.KMP90Days = days(t)
	}
	return c, y.aside
}

const secondsPerDay = 86400

func days(secs int64) *float64 { return figure(float64(secs) / secondsPerDay) }

// figure rounds to nine decimals, so that the same data gives the same text on
// every machine: the last bits of a float may differ by fused operations.
func figure(x float64) *float64 {
	x = math.Round(x*1e9) / 1e9
	return &x
}

// z95 is the 97.5 % quantile of the normal distribution.
const z95 = 1.959963984540054

// wilson returns the 95 % score interval of k of n (Wilson 1927); n > 0.
func wilson(k, n int) (low, high float64) {
	p, m, zz := float64(k)/float64(n), float64(n), z95*z95
	centre := p + zz/(2*m)
	half := z95 * math.Sqrt(p*(1-p)/m+zz/(4*m*m))
	low, high = (centre-half)/(1+zz/m), (centre+half)/(1+zz/m)
	return max(low, 0), min(high, 1)
}
