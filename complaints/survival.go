package complaints

import (
	"cmp"
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
	Seconds int64
	Open    float64 // estimated share still open just after
}

// kmTolerance is how far above a level the curve may stay by rounding alone.
const kmTolerance = 1e-9

// KaplanMeier returns the product-limit estimate of the share of complaints
// that are still open after a time: at each time with answers it falls by the
// factor 1 - answered/watched. A complaint censored at a time counts as
// watched at that time (Kaplan and Meier 1958). It sorts obs.
func KaplanMeier(obs []Observation) []Step {
	slices.SortFunc(obs, func(a, b Observation) int { return cmp.Compare(a.Seconds, b.Seconds) })
	var steps []Step
	open := 1.0
	for i := 0; i < len(obs); {
		watched, answered, t := len(obs)-i, 0, obs[i].Seconds
		for ; i < len(obs) && obs[i].Seconds == t; i++ {
			if obs[i].Answered {
				answered++
			}
		}
		if answered > 0 {
			open *= 1 - float64(answered)/float64(watched)
			steps = append(steps, Step{Seconds: t, Open: open})
		}
	}
	return steps
}

// survivalQuantile returns the smallest time at which the share still open is
// at most 1-p; false if the curve never falls so far.
func survivalQuantile(curve []Step, p float64) (secs int64, ok bool) {
	for _, s := range curve {
		if s.Open <= 1-p+kmTolerance {
			return s.Seconds, true
		}
	}
	return 0, false
}
