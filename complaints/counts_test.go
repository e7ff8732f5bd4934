package complaints_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"mohr/complaints"
)

// iranDay returns the beginning of a day in Iran, so many days after 1970.
func iranDay(n int64) time.Time { return time.Unix(n*86400-12600, 0).UTC() }

// randomRow makes a row of a live or an imported complaint served in the year
// after start: answered or not, disputed, withdrawn, set aside, restored on
// appeal, settled, decided, with outages. Steps of six hours make ties with
// windows, days and each other common; some are off by a second.
func randomRow(random *rand.Rand, start int64, windows []complaints.Window) complaints.Row {
	step := func() int64 { return 21600*random.Int64N(30) + random.Int64N(3) - 1 }
	r := complaints.Row{Served: start + 21600*random.Int64N(365*4), Category: complaintCategories[random.IntN(len(complaintCategories))]}
	if random.IntN(2) == 0 {
		r.Filed, r.Window = r.Served-random.Int64N(2)*3600, windows[random.IntN(len(windows))]
	}
	at := r.Served
	next := func() int64 { at += max(step(), 0); return at }
	for random.IntN(4) == 0 {
		s := complaints.Span{From: next(), To: next()}
		if random.IntN(2) == 0 {
			s.Reacted = s.From + (s.To-s.From)/2
		}
		r.Void = append(r.Void, s)
	}
	if random.IntN(6) == 0 {
		from := next()
		r.Gone = append(r.Gone, complaints.Gone{Span: complaints.Span{From: from, To: next()}, Ended: random.IntN(2) == 0})
	}
	if random.IntN(5) == 0 {
		from := r.Served + step()
		to := from + max(step(), 1)
		r.Rest = append(r.Rest, complaints.Rest{Span: complaints.Span{From: from, To: to}, At: to + random.Int64N(3)*3600})
	}
	switch random.IntN(8) {
	case 0, 1: // open
	case 2:
		r.Ended = next()
	case 3:
		r.Out = next()
	default:
		r.Answered = next()
		randomEnd(random, &r, next)
	}
	return r
}

var complaintCategories = []string{"refund", "late_delivery", "", "Claim Delay / other", "other"}

func randomEnd(random *rand.Rand, r *complaints.Row, next func() int64) {
	switch random.IntN(5) {
	case 0:
		r.Accepted = next()
		r.Reacted = r.Accepted
	case 1:
		r.Settled = next()
		r.Reacted, r.Closed = r.Settled, r.Settled
	case 2:
		r.Rejected = next()
		r.Reacted, r.Escalated = r.Rejected, next()
		r.Decided = next()
		r.Closed = r.Decided + int64(complaints.AppealTime/time.Second)
	}
}

// batch counts rows one by one at t, by the tally of the scorecard.
func batch(rows []complaints.Row, terms complaints.Terms) (s complaints.Sums) {
	y := complaints.NewTally("b", terms)
	for _, r := range rows {
		y.Add(r)
	}
	f := y.Figures()
	c, a, e := f.Scorecard, f.Aside, f.Settlement
	for i, n := range map[int]int{
		complaints.SumReceived: c.Received, complaints.SumAnswered: c.Answered, complaints.SumPending: c.Pending,
		complaints.SumUnanswered: c.Unanswered, complaints.SumMatured: c.Matured, complaints.SumMaturedOnTime: c.MaturedOnTime,
		complaints.SumDue: a.Due, complaints.SumEverUnanswered: a.EverUnanswered, complaints.SumDelays: a.Delays,
		complaints.SumClosed: e.Closed, complaints.SumDirect: e.Direct, complaints.SumDecided: e.Decided, complaints.SumSilent: e.Silent,
		complaints.SumEnded: c.Received - c.Answered - c.Pending - c.Unanswered,
	} {
		s[i] = int64(n)
	}
	if c.MeanDays != nil {
		s[complaints.SumSeconds] = int64(*c.MeanDays*86400*float64(c.Answered) + 0.5)
	}
	return s
}

func testWindows(t testing.TB) []complaints.Window {
	return []complaints.Window{window(t, "single(96h)"), window(t, "staged(96h,96h,96h)"), window(t, "staged(72h,48h,24h)"), window(t, "single(30d)")}
}

// changing is a policy that changes in the middle of what randomRow makes.
func changing(t testing.TB, start int64) complaints.Policies {
	return complaints.Policies{
		{Version: "a/1", Window: window(t, "single(96h)")},
		{Version: "b/1", From: time.Unix(start+180*86400, 0), Window: window(t, "staged(72h,48h,24h)")},
	}
}

// Rows come in any order, each in several versions: what is kept then equals
// the count of the last versions, at any day, whatever came in between.
func TestKeptCountsEqualTheBatchInWhateverOrderRowsComeAndAreCorrected(t *testing.T) {
	const start = 1_742_502_600 // 2025-03-20T20:30:00Z, the beginning of 1404: steps meet the beginnings of days
	windows, policies := testWindows(t), changing(t, start)
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 7))
		counts := complaints.NewCounts(policies, complaints.Window{})
		last := map[int]complaints.Row{}
		for range 300 {
			id := random.IntN(90)
			if old, ok := last[id]; ok {
				counts.Remove(old)
			}
			last[id] = randomRow(random, start, windows)
			counts.Add(last[id])
		}
		var rows []complaints.Row
		for _, r := range last {
			rows = append(rows, r)
		}
		for range 40 {
			day := int64(start)/86400 + random.Int64N(500)
			at := iranDay(day)
			want := batch(rows, complaints.Terms{At: at, Policies: policies})
			got := counts.At(at.Add(time.Duration(random.Int64N(86400)) * time.Second))
			if got != want {
				t.Fatalf("seed %d at %s:\ngot  %v\nwant %v", seed, at, got, want)
			}
		}
		for _, r := range rows {
			counts.Remove(r)
		}
		if got := counts.At(iranDay(1 << 20)); got != (complaints.Sums{}) {
			t.Fatalf("seed %d: %v is left of nothing", seed, got)
		}
	}
}

// BenchmarkCountsAdd counts one complaint of ten years in five categories.
func BenchmarkCountsAdd(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	rows := make([]complaints.Row, 100_000)
	for i := range rows {
		rows[i] = complaints.Row{Served: 1_742_502_600 + random.Int64N(3650*86400), Category: complaintCategories[random.IntN(5)]}
		if random.IntN(10) > 0 {
			rows[i].Answered = rows[i].Served + random.Int64N(40*86400)
		}
	}
	counts, i := complaints.NewCounts(nil, complaints.Window{}), 0
	for b.Loop() {
		counts.Add(rows[i%len(rows)])
		i++
	}
}
