package score

import (
	"cmp"
	"math"
	"slices"
)

// Observation is how long one complaint was watched, and whether the watching
// ended with its answer. One that did not was censored: it was still open, or
// it was withdrawn or moved.
type Observation struct {
	Seconds  int64
	Answered bool
}

// Step is a point at which a survival curve falls.
type Step struct {
	Seconds  int64
	Open     float64 // estimated share still open just after
	Watched  int     // how many were watched just before
	Answered int     // of these, answered at this time
	sum      float64 // of Greenwood's formula up to here; infinite once nothing is open
}

// Curve is the estimated share of complaints that are still open after a time.
type Curve struct {
	Steps []Step
	Until int64 // longest time that was watched: beyond it nothing is known, unless nothing is open
}

// tolerance is how far above a level the curve may stay by rounding alone.
const tolerance = 1e-9

// KaplanMeier returns the product-limit estimate: at each time with answers
// the curve falls by the factor 1 - answered/watched. A complaint censored at
// a time counts as watched at that time (Kaplan and Meier 1958). It sorts obs.
func KaplanMeier(obs []Observation) Curve {
	slices.SortFunc(obs, func(a, b Observation) int { return cmp.Compare(a.Seconds, b.Seconds) })
	var c Curve
	open, sum := 1.0, 0.0
	for i := 0; i < len(obs); {
		watched, answered, t := len(obs)-i, 0, obs[i].Seconds
		for ; i < len(obs) && obs[i].Seconds == t; i++ {
			if obs[i].Answered {
				answered++
			}
		}
		if answered > 0 {
			n, d := float64(watched), float64(answered)
			open *= 1 - d/n
			sum += d / (n * (n - d)) // infinite when all that were watched are answered
			c.Steps = append(c.Steps, Step{Seconds: t, Open: open, Watched: watched, Answered: answered, sum: sum})
		}
		c.Until = t
	}
	return c
}

// Estimate is a share with its 95 % interval.
type Estimate struct {
	Share     float64
	Low, High float64
}

// Interval returns the share open after the step with its 95 % interval,
// symmetric in log(-log S) (Kalbfleisch and Prentice 1980; Klein and
// Moeschberger 2003, formula 4.3.2). It never leaves 0 to 1. Where the curve
// is at 0 there is none: low and high are 0 too.
func (s Step) Interval() Estimate {
	if s.Open <= tolerance {
		return Estimate{}
	}
	half := Z95 * math.Sqrt(s.sum) / -math.Log(s.Open)
	return Estimate{s.Open, math.Pow(s.Open, math.Exp(half)), math.Pow(s.Open, math.Exp(-half))}
}

// StandardError returns Greenwood's standard error of the share open after
// the step; 0 where nothing is open.
func (s Step) StandardError() float64 {
	if s.Open <= tolerance {
		return 0
	}
	return s.Open * math.Sqrt(s.sum)
}

// At returns the share still open just after a time; false if nothing was
// watched that long and something was still open.
func (c Curve) At(secs int64) (Estimate, bool) {
	in := Estimate{1, 1, 1}
	for _, s := range c.Steps {
		if s.Seconds > secs {
			break
		}
		in = s.Interval()
	}
	return in, c.known(secs)
}

func (c Curve) known(secs int64) bool {
	n := len(c.Steps)
	return secs <= c.Until && c.Until > 0 || n > 0 && c.Steps[n-1].Seconds <= secs && c.Steps[n-1].Open <= tolerance
}

// Quantile returns the smallest time at which the share still open is at most
// 1-p; false if the curve never falls so far.
func (c Curve) Quantile(p float64) (secs int64, ok bool) {
	return c.first(func(s Step) float64 { return s.Open }, p)
}

// QuantileInterval returns the 95 % interval of Quantile: the times at which
// the bounds of the curve's interval fall so far (Brookmeyer and Crowley
// 1982). A bound that never does is not ok.
func (c Curve) QuantileInterval(p float64) (low, high int64, lowOK, highOK bool) {
	low, lowOK = c.first(func(s Step) float64 { return s.Interval().Low }, p)
	high, highOK = c.first(func(s Step) float64 { return s.Interval().High }, p)
	return low, high, lowOK, highOK
}

func (c Curve) first(of func(Step) float64, p float64) (int64, bool) {
	for _, s := range c.Steps {
		if of(s) <= 1-p+tolerance {
			return s.Seconds, true
		}
	}
	return 0, false
}

// RestrictedMean returns the mean time open, counting none longer than until:
// the area under the curve up to it, in seconds, with its standard error
// (Klein and Moeschberger 2003, formulas 4.5.1 and 4.5.2). It is false if
// nothing was watched that long and something was still open.
func (c Curve) RestrictedMean(until int64) (mean, se float64, ok bool) {
	if !c.known(until) {
		return 0, 0, false
	}
	// areas[i] is the area between step i and the next.
	open, last := 1.0, int64(0)
	var areas []float64
	for _, s := range c.Steps {
		if s.Seconds >= until {
			break
		}
		area := open * float64(s.Seconds-last)
		mean, areas = mean+area, append(areas, area)
		open, last = s.Open, s.Seconds
	}
	rest := open * float64(until-last)
	mean += rest
	variance := 0.0
	for i := len(areas) - 1; i >= 0; i-- {
		s := c.Steps[i]
		if n, d := float64(s.Watched), float64(s.Answered); n > d {
			variance += rest * rest * d / (n * (n - d))
		}
		rest += areas[i]
	}
	return mean, math.Sqrt(variance), true
}
