package complaints

import (
	"cmp"
	"slices"
	"time"

	"mohr/complaints/score"
)

// Level says how much the number of complaints carries: of 846 companies with
// no timely answer 749 had five complaints or fewer.
type Level string

// The levels, by the number of complaints received.
const (
	LevelNone     Level = "none"     // 0: no complaints
	LevelCounts   Level = "counts"   // below 5: counts only
	LevelInterval Level = "interval" // below 30: counts, shares with their interval; no ranking
	LevelAll      Level = "all"
)

// LevelOf returns the level of n complaints.
func LevelOf(n int) Level {
	switch {
	case n == 0:
		return LevelNone
	case n < enoughForShares:
		return LevelCounts
	case n < enoughForAll:
		return LevelInterval
	}
	return LevelAll
}

// Figures are all that is counted of one business at an instant. A statistic
// that the data cannot carry is nil.
type Figures struct {
	At         time.Time       `json:"at"`
	Level      Level           `json:"level" doc:"none, counts (below 5 complaints), interval (below 30) or all"`
	Scorecard  Scorecard       `json:"scorecard"`
	Aside      Aside           `json:"aside" doc:"over all time"`
	Censored   Censored        `json:"censored" doc:"Kaplan-Meier: open ones count as watched until now, withdrawn and moved ones until then"`
	Stages     []StageCount    `json:"stages" doc:"how many were answered in each window, and how many missed it"`
	Settlement Settlement      `json:"settlement"`
	Categories []CategoryCount `json:"categories"`
}

// Censored is the view that leaves nobody out: how long complaints stay open.
type Censored struct {
	FollowUpDays *float64 `json:"follow_up_days" doc:"since the first complaint counted was served"`
	WindowDays   float64  `json:"window_days" doc:"the first window of the policy in force"`
	// Suppressed: what was served could not be watched longer than the
	// window yet, so that nothing is said.
	Suppressed bool     `json:"suppressed"`
	OpenAfter  *float64 `json:"open_after_window" doc:"share still open after the window, with its interval (log-log)"`
	OpenLow    *float64 `json:"open_after_window_low"`
	OpenHigh   *float64 `json:"open_after_window_high"`
	P50Days    *float64 `json:"p50_days"`
	P50Low     *float64 `json:"p50_low"`
	P50High    *float64 `json:"p50_high"`
	P90Days    *float64 `json:"p90_days"`
	MeanDays   *float64 `json:"mean_days_90" doc:"mean days open, counting none longer than 90"`
	MeanLow    *float64 `json:"mean_low"`
	MeanHigh   *float64 `json:"mean_high"`
}

// restrictedDays is how long the restricted mean watches.
const restrictedDays = 90

// StageCount counts one window of the policies: the first, the second and so on.
type StageCount struct {
	Stage    int `json:"stage"`    // from 1
	Answered int `json:"answered"` // while it ran
	Missed   int `json:"missed"`   // it ran out without an answer
}

// CategoryCount counts the complaints about one thing.
type CategoryCount struct {
	Category      string   `json:"category"`
	Received      int      `json:"received"`
	Answered      int      `json:"answered"`
	Pending       int      `json:"pending"`
	Unanswered    int      `json:"unanswered" doc:"all, however old"`
	Matured       int      `json:"matured"`
	MaturedOnTime int      `json:"matured_on_time"`
	ShareOnTime   *float64 `json:"share_on_time"`
	WilsonLow     *float64 `json:"wilson_low"`
	WilsonHigh    *float64 `json:"wilson_high"`
}

// category returns the count of the row's category.
func (y *Tally) category(r Row) *CategoryCount {
	name := cmp.Or(r.Category, "other")
	c := y.categories[name]
	if c == nil {
		c = &CategoryCount{Category: name}
		y.categories[name] = c
	}
	return c
}

func (c *CategoryCount) count(v view, w Window, t int64) {
	c.Received++
	switch {
	case v.answered:
		c.Answered++
	case v.open() && !v.past(w.Total()):
		c.Pending++
	}
	if v.matured(w.First(), t) {
		c.Matured++
		if v.onTime(w) {
			c.MaturedOnTime++
		}
	}
}

// addStages counts in which window the complaint was answered, and which it
// missed.
func (y *Tally) addStages(v view, w Window) {
	for stage := 1; stage <= w.Stages(); stage++ {
		if len(y.stages) < stage {
			y.stages = append(y.stages, StageCount{Stage: stage})
		}
		if v.past(w.Until(stage)) {
			y.stages[stage-1].Missed++
			continue
		}
		if v.answered {
			y.stages[stage-1].Answered++
		}
		return
	}
}

// Figures returns all that is known of what was added so far.
func (y *Tally) Figures() Figures {
	card, curve := y.result()
	f := Figures{
		At: y.terms.At.UTC(), Level: LevelOf(card.Received), Scorecard: card, Aside: y.aside,
		Censored: y.censored(curve), Stages: slices.Clone(y.stages), Settlement: y.settled.result(),
	}
	for _, c := range y.categories {
		c.ShareOnTime, c.WilsonLow, c.WilsonHigh = share(c.MaturedOnTime, c.Matured)
		f.Categories = append(f.Categories, *c)
	}
	slices.SortFunc(f.Categories, func(a, b CategoryCount) int { return cmp.Compare(a.Category, b.Category) })
	return f
}

func (y *Tally) censored(curve score.Curve) Censored {
	w := seconds(y.terms.current().First())
	c := Censored{WindowDays: *days(w), Suppressed: true}
	if y.first == 0 {
		return c
	}
	follow := y.terms.At.Unix() - y.first
	c.FollowUpDays, c.Suppressed = days(follow), follow <= w
	if c.Suppressed {
		return c
	}
	if e, ok := curve.At(w); ok {
		c.OpenAfter, c.OpenLow, c.OpenHigh = figure(e.Share), figure(e.Low), figure(e.High)
	}
	c.P50Days, c.P90Days = daysIf(curve.Quantile(0.5)), daysIf(curve.Quantile(0.9))
	low, high, lowOK, highOK := curve.QuantileInterval(0.5)
	if c.P50Days != nil {
		c.P50Low, c.P50High = daysIf(low, lowOK), daysIf(high, highOK)
	}
	if mean, se, ok := curve.RestrictedMean(restrictedDays * secondsPerDay); ok {
		c.MeanDays = figure(mean / secondsPerDay)
		c.MeanLow = figure(max(mean-score.Z95*se, 0) / secondsPerDay)
		c.MeanHigh = figure(min(mean+score.Z95*se, restrictedDays*secondsPerDay) / secondsPerDay)
	}
	return c
}

// Shown returns the figures without those that so few complaints do not
// carry: below 5 counts only, below 30 no quantiles and means. A category has
// a share from 5 complaints of its own.
func (f Figures) Shown() Figures {
	f.Categories = slices.Clone(f.Categories)
	for i := range f.Categories {
		if c := &f.Categories[i]; c.Received < enoughForShares {
			c.ShareOnTime, c.WilsonLow, c.WilsonHigh = nil, nil, nil
		}
	}
	if f.Level == LevelAll {
		return f
	}
	s, c := &f.Scorecard, &f.Censored
	s.MeanDays, s.P50Days, s.P90Days, s.MaxDays, s.KMP90Days = nil, nil, nil, nil, nil
	c.P90Days, c.MeanDays, c.MeanLow, c.MeanHigh = nil, nil, nil, nil
	if f.Level == LevelInterval {
		return f
	}
	s.ShareOnTime, s.WilsonLow, s.WilsonHigh, s.KMP50Days = nil, nil, nil, nil
	*c = Censored{FollowUpDays: c.FollowUpDays, WindowDays: c.WindowDays, Suppressed: true}
	f.Settlement.Share, f.Settlement.WilsonLow, f.Settlement.WilsonHigh = nil, nil, nil
	return f
}
