package complaints

import "time"

// Row is all that counting needs of one complaint at one business. Times are
// Unix seconds; zero means that it did not happen.
type Row struct {
	Served   int64  `json:"s"`
	Answered int64  `json:"a,omitempty"` // first substantive answer that stands
	Ended    int64  `json:"e,omitempty"` // withdrawn, or moved to another business
	Out      int64  `json:"o,omitempty"` // found inadmissible or a duplicate: not counted from then on
	Filed    int64  `json:"f,omitempty"` // 0: when it was served
	Category string `json:"c,omitempty"`
	Window   Window `json:"w,omitzero"` // of the policy it was filed under; zero: look it up
	Void     []Span `json:"v,omitempty"`
}

// Span is an answer that stood for a while: from the answer until the
// consumer said that it was none. The clock rests meanwhile and then runs on:
// neither does the business lose the time, nor does it win any.
type Span struct {
	From int64 `json:"f"`
	To   int64 `json:"t"`
}

// view is a row as it stood at one instant.
type view struct {
	start    int64 // served, moved on by the time the clock rested
	clock    int64 // seconds the clock has run: until the answer, the end or the instant
	answered bool
	ended    bool // withdrawn or moved before any answer
}

// open reports whether the business still owes an answer.
func (v view) open() bool { return !v.answered && !v.ended }

// past reports whether the clock ran longer than w. The last second of w is
// still inside.
func (v view) past(w time.Duration) bool { return v.clock > seconds(w) }

// at returns the row as it stood at t, and whether it counted then. It looks
// at nothing that happened after t.
func (r Row) at(t int64) (view, bool) {
	if r.Served > t || r.Out != 0 && r.Out <= t {
		return view{}, false
	}
	v := view{start: r.Served}
	for _, s := range r.Void {
		if s.From <= t && t < s.To {
			v.answered, v.clock = true, s.From-v.start
			return v, true
		}
		if s.To <= t {
			v.start += s.To - s.From
		}
	}
	switch {
	case r.Answered != 0 && r.Answered <= t:
		v.answered, v.clock = true, r.Answered-v.start
	case r.Ended != 0 && r.Ended <= t:
		v.ended, v.clock = true, r.Ended-v.start
	default:
		v.clock = t - v.start
	}
	return v, true
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
