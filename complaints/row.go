package complaints

import (
	"cmp"
	"slices"
	"time"
)

// Row is all that counting needs of one complaint at one business. Times are
// Unix seconds; zero means that it did not happen. What happens twice, such as
// a second rejection, keeps its first time.
type Row struct {
	Served   int64  `json:"s"`
	Answered int64  `json:"a,omitempty"` // first substantive answer that stands
	Ended    int64  `json:"e,omitempty"` // withdrawn, or moved to another business
	Out      int64  `json:"o,omitempty"` // inadmissible, a duplicate or merged: not counted from then on
	Filed    int64  `json:"f,omitempty"` // 0: when it was served
	Category string `json:"c,omitempty"`
	Window   Window `json:"w,omitzero"` // of the policy it was filed under; zero: look it up
	Void     []Span `json:"v,omitempty"`
	Gone     []Gone `json:"g,omitempty"`
	Rest     []Rest `json:"r,omitempty"`

	Accepted  int64 `json:"ac,omitempty"` // the consumer accepted the answer; that alone settles nothing
	Rejected  int64 `json:"rj,omitempty"` // the consumer rejected the answer, which stays one
	Reacted   int64 `json:"re,omitempty"` // the consumer said the first word to the answer that stands
	Settled   int64 `json:"st,omitempty"` // the consumer confirmed that it is settled with the business
	Escalated int64 `json:"es,omitempty"` // the consumer asked for an officer's decision
	Decided   int64 `json:"de,omitempty"` // an officer decided
	// Closed is when it was settled, when the time to appeal a decision ran
	// out (which may lie ahead), or when the appeal was decided.
	Closed int64 `json:"cl,omitempty"`
}

// Span is an answer that stood for a while: from the answer until it was found
// to be none. The clock rests meanwhile and then runs on: neither does the
// business lose the time, nor does it win any.
type Span struct {
	From    int64 `json:"f"`
	To      int64 `json:"t"`
	Reacted int64 `json:"r,omitempty"` // the consumer's first word to it, if there was one before To
}

// Gone is a while for which an officer had set the complaint aside, until that
// fell on appeal. The clock rests meanwhile.
type Gone struct {
	Span
	Ended bool `json:"e,omitempty"` // moved: counted as watched until From; otherwise not counted
}

// Rest is a while in which this service could not be reached. The clock rests
// meanwhile. Before At nobody had recorded it, and it is not looked at.
type Rest struct {
	Span
	At int64 `json:"a"`
}

// ReactionTime is how long after an answer the consumer may accept it, reject
// it or say that it was none; its last second is inside.
const ReactionTime = 20 * 24 * time.Hour

// AppealTime is how long after an officer's decision one may appeal.
const AppealTime = 10 * 24 * time.Hour

// Silent reports whether at t an answer stands to which the consumer did not
// react in time, and nothing was said since. It is never counted as settled.
func (r Row) Silent(t int64) bool {
	v, ok := r.at(t)
	if !ok || !v.answered || v.reacted != 0 && v.reacted <= t || r.Escalated != 0 && r.Escalated <= t {
		return false
	}
	return t > r.reactBy(t).Unix()
}

// reactBy returns the last second in which the consumer may react to the
// answer that stands at t. Who could not, because an officer had set the
// complaint aside, has the time from then.
func (r Row) reactBy(t int64) time.Time {
	v, _ := r.at(t)
	since := v.answeredAt
	for _, g := range r.Gone {
		if g.To <= t {
			since = max(since, g.To)
		}
	}
	return unix(since).Add(ReactionTime)
}

// view is a row as it stood at one instant.
type view struct {
	start      int64 // served, moved on by the time the clock rested
	clock      int64 // seconds the clock has run: until the answer, the end or the instant
	answered   bool
	answeredAt int64 // when answered
	reacted    int64 // to that answer; may lie ahead
	ended      bool  // withdrawn or moved before any answer
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
	var ended int64
	for _, g := range r.Gone {
		switch {
		case !g.covers(t):
		case g.Ended:
			ended = g.From
		default:
			return view{}, false
		}
	}
	if r.Ended != 0 && r.Ended <= t {
		ended = r.Ended
	}
	for _, s := range r.Void {
		if s.covers(t) {
			return r.stopped(s.From, t, view{answered: true, answeredAt: s.From, reacted: s.Reacted}), true
		}
	}
	switch {
	case r.Answered != 0 && r.Answered <= t:
		return r.stopped(r.Answered, t, view{answered: true, answeredAt: r.Answered, reacted: r.Reacted}), true
	case ended != 0:
		return r.stopped(ended, t, view{ended: true}), true
	}
	return r.stopped(t, t, view{}), true
}

// stopped fills v with the clock as it stood at end, by what was known at t.
func (r Row) stopped(end, t int64, v view) view {
	var rested, upTo int64
	for _, s := range r.rests(t) {
		if from, to := max(s.From, upTo, r.Served), min(s.To, end); from < to {
			rested, upTo = rested+to-from, to
		}
	}
	v.start = r.Served + rested
	v.clock = end - v.start
	return v
}

// deadline returns the instant at which the clock reaches w, by what was known
// at t. A rest that begins in that very second still moves it on.
func (r Row) deadline(w time.Duration, t int64) int64 {
	due, upTo := r.Served+seconds(w), r.Served
	for _, s := range r.rests(t) {
		from := max(s.From, upTo)
		if from > due {
			break
		}
		if from < s.To {
			due, upTo = due+s.To-from, s.To
		}
	}
	return due
}

// rests returns when the clock rested, by what was known at t, in the order of
// their beginnings. They may overlap.
func (r Row) rests(t int64) []Span {
	if len(r.Void)+len(r.Gone)+len(r.Rest) == 0 {
		return nil
	}
	var all []Span
	for _, s := range r.Void {
		if s.To <= t {
			all = append(all, s)
		}
	}
	for _, g := range r.Gone {
		if g.To <= t {
			all = append(all, g.Span)
		}
	}
	for _, o := range r.Rest {
		if o.At <= t {
			all = append(all, o.Span)
		}
	}
	slices.SortFunc(all, func(a, b Span) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return all
}

func (s Span) covers(t int64) bool { return s.From <= t && t < s.To }

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
