package complaints

import (
	"strconv"
	"time"

	"mohr/internal/fault"
)

// Rolling says how far back complaints are counted, by when they were served:
// T-Rolling < served <= T. Zero counts all.
type Rolling time.Duration

// Year is the rolling window of the headline figures.
const Year = Rolling(365 * 24 * time.Hour)

// Quarter is the rolling window of the trend.
const Quarter = Rolling(90 * 24 * time.Hour)

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
	// Since leaves out, as Rolling does, what was served before it: the
	// beginning of a period. Zero: nothing.
	Since time.Time
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

// current returns what a complaint filed at the instant would be judged by.
func (t Terms) current() Window {
	if !t.Window.IsZero() {
		return t.Window
	}
	return t.Policies.At(t.At).Window
}

// counts reports whether a complaint served then is in the stretch of time
// that is counted.
func (t Terms) counts(served int64) bool {
	if t.Rolling != 0 && served <= t.At.Unix()-seconds(time.Duration(t.Rolling)) {
		return false
	}
	return t.Since.IsZero() || served >= t.Since.Unix()
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

// Score counts rows: the complaints of one business, each once.
func Score(business string, rows []Row, t Terms) Scorecard {
	tally := NewTally(business, t)
	for _, r := range rows {
		tally.Add(r)
	}
	card, _ := tally.Result()
	return card
}
