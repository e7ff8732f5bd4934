package complaints

import (
	"slices"
	"time"
)

// Sums are counts of complaints that can be added up.
type Sums [numSums]int64

// What Sums counts.
const (
	SumReceived = iota
	SumAnswered
	SumSeconds // from serving to the answer, of the answered
	SumPending
	SumEnded // withdrawn or moved before an answer
	SumUnanswered
	SumMatured
	SumMaturedOnTime
	SumDue
	SumEverUnanswered
	SumDelays
	SumClosed
	SumDirect
	SumDecided
	SumSilent
	numSums
)

// Add adds the counts of other complaints.
func (s *Sums) Add(o Sums) { s.add(o, 1) }

func (s *Sums) add(o Sums, sign int64) {
	for i := range s {
		s[i] += sign * o[i]
	}
}

// sumsAt returns what the complaint adds to the counts at t, judged by w.
func (r Row) sumsAt(w Window, t int64) (s Sums) {
	v, ok := r.at(t)
	if !ok {
		return s
	}
	yes := func(i int, is bool) {
		if is {
			s[i] = 1
		}
	}
	s[SumReceived] = 1
	yes(SumAnswered, v.answered)
	if v.answered {
		s[SumSeconds] = v.clock
	}
	yes(SumPending, v.open() && !v.past(w.Total()))
	yes(SumEnded, v.ended)
	yes(SumUnanswered, v.open() && v.past(w.Total()))
	yes(SumMatured, v.matured(w.First(), t))
	yes(SumMaturedOnTime, v.matured(w.First(), t) && v.onTime(w))
	yes(SumDue, v.matured(w.Total(), t))
	yes(SumEverUnanswered, v.past(w.Total()))
	for stage := 1; stage < w.Stages(); stage++ {
		if v.past(w.Until(stage)) {
			s[SumDelays]++
		}
	}
	var end Settlement
	end.add(r, t)
	s[SumClosed], s[SumDirect], s[SumDecided], s[SumSilent] = int64(end.Closed), int64(end.Direct), int64(end.Decided), int64(end.Silent)
	return s
}

// Counts are kept at the beginnings of days in Iran: what a row adds changes
// from one to the next only on the few days on which something happened to it
// or a window ran out. The counts at a day are the sum of all changes until
// then, in whatever order they came, and a corrected row is its old changes
// taken away and its new ones added.

// dayOf returns the first day whose beginning in Iran is not before t.
func dayOf(t int64) int32 {
	t += iranOffset
	return int32((t + secondsPerDay - 1) / secondsPerDay)
}

// dayStart returns the beginning of a day in Iran.
func dayStart(day int32) int64 { return int64(day)*secondsPerDay - iranOffset }

const iranOffset = 3*3600 + 30*60

// lastDay returns the day whose beginning in Iran is the last not after t.
func lastDay(t time.Time) int32 {
	return int32((t.Unix() + iranOffset) / secondsPerDay)
}

// turns returns the days on which what the row adds may change, sorted: those
// on which something happened, and those on which a window or the time to
// react ran out by what was known then.
func (r Row) turns(w Window) []int32 {
	var buf [48]int32
	days := append(buf[:0], dayOf(r.Served))
	see := func(t int64) {
		if t != 0 {
			days = append(days, dayOf(t))
		}
	}
	r.happened(func(t int64) {
		if t == 0 {
			return
		}
		v, _ := r.at(t)
		for stage := 1; stage <= w.Stages(); stage++ {
			ends := v.start + seconds(w.Until(stage))
			see(ends) // matured
			see(ends + 1)
		}
		see(t)
		see(t + seconds(ReactionTime) + 1)
	})
	for _, t := range [...]int64{r.Reacted, r.Settled, r.Escalated, r.Decided, r.Closed} {
		see(t)
	}
	slices.Sort(days)
	return slices.Compact(days)
}

// happened calls fn with each instant at which the clock started, stopped,
// rested or went on, or at which that became known.
func (r Row) happened(fn func(t int64)) {
	for _, t := range [...]int64{r.Served, r.Answered, r.Ended, r.Out} {
		fn(t)
	}
	for _, s := range r.Void {
		fn(s.From)
		fn(s.To)
		fn(s.Reacted)
	}
	for _, g := range r.Gone {
		fn(g.From)
		fn(g.To)
	}
	for _, s := range r.Rest {
		fn(s.To)
		fn(s.At)
	}
}

// changes calls fn with every day on which what the row adds changes, and the
// change.
func (r Row) changes(w Window, fn func(day int32, change Sums)) {
	var last Sums
	for _, day := range r.turns(w) {
		now := r.sumsAt(w, dayStart(day))
		if now == last {
			continue
		}
		change := now
		change.add(last, -1)
		fn(day, change)
		last = now
	}
}
