package complaints_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mohr/complaints"
)

// naive counts by the definitions of the contract, one pass a column, in
// floating days, with none of the package's arithmetic.
func naive(rows []complaints.Row, T, W, rolling int64) map[string]string {
	var all, in []complaints.Row
	for _, r := range rows {
		if r.Served > T {
			continue
		}
		if r.Answered > T {
			r.Answered = 0
		}
		all = append(all, r)
		if rolling == 0 || T-rolling < r.Served {
			in = append(in, r)
		}
	}
	count := func(rows []complaints.Row, is func(complaints.Row) bool) int {
		n := 0
		for _, r := range rows {
			if is(r) {
				n++
			}
		}
		return n
	}
	isAnswered := func(r complaints.Row) bool { return r.Answered != 0 }
	isMatured := func(r complaints.Row) bool { return r.Served+W <= T }
	isOnTime := func(r complaints.Row) bool { return isAnswered(r) && r.Answered <= r.Served+W }
	matured, kept := count(in, isMatured), count(in, func(r complaints.Row) bool { return isMatured(r) && isOnTime(r) })
	got := map[string]string{
		"received": whole(len(in)), "answered": whole(count(in, isAnswered)),
		"pending":    whole(count(in, func(r complaints.Row) bool { return !isAnswered(r) && T <= r.Served+W })),
		"unanswered": whole(count(all, func(r complaints.Row) bool { return !isAnswered(r) && T > r.Served+W })),
		"matured":    whole(matured), "matured_on_time": whole(kept), "on_time": whole(count(in, isOnTime)),
	}
	if matured > 0 {
		// Wilson's bounds are the roots of (p-share)^2 = z^2 p(1-p)/n.
		n, share, z := float64(matured), float64(kept)/float64(matured), 1.959963984540054
		a, b, c := n+z*z, -(2*n*share + z*z), n*share*share
		root := math.Sqrt(max(b*b-4*a*c, 0))
		got["share_on_time"], got["wilson_low"], got["wilson_high"] = real9(share), real9((-b-root)/(2*a)), real9((-b+root)/(2*a))
	}
	var delays []float64
	for _, r := range in {
		if isAnswered(r) {
			delays = append(delays, float64(r.Answered-r.Served)/86400)
		}
	}
	if len(delays) > 0 {
		sum := 0.0
		for _, d := range delays {
			sum += d
		}
		got["mean_days"], got["max_days"] = real9(sum/float64(len(delays))), real9(slices.Max(delays))
		got["p50_days"], got["p90_days"] = real9(rank(delays, 5)), real9(rank(delays, 9))
	}
	for p, name := range map[float64]string{0.5: "km_p50_days", 0.9: "km_p90_days"} {
		if d, ok := productLimit(in, T, p); ok {
			got[name] = real9(d)
		}
	}
	return got
}

// rank returns the smallest delay that at least tenths/10 of all do not exceed.
func rank(delays []float64, tenths int) float64 {
	best := math.Inf(1)
	for _, d := range delays {
		n := 0
		for _, e := range delays {
			if e <= d {
				n++
			}
		}
		if 10*n >= tenths*len(delays) {
			best = min(best, d)
		}
	}
	return best
}

// productLimit walks every day-fraction with an answer, counting who was
// watched that long.
func productLimit(rows []complaints.Row, T int64, p float64) (float64, bool) {
	length := func(r complaints.Row) int64 {
		if r.Answered != 0 {
			return r.Answered - r.Served
		}
		return T - r.Served
	}
	var times []int64
	for _, r := range rows {
		if r.Answered != 0 && !slices.Contains(times, length(r)) {
			times = append(times, length(r))
		}
	}
	slices.Sort(times)
	open := 1.0
	for _, t := range times {
		watched, fell := 0.0, 0.0
		for _, r := range rows {
			if length(r) >= t {
				watched++
			}
			if r.Answered != 0 && length(r) == t {
				fell++
			}
		}
		if open *= (watched - fell) / watched; open <= 1-p+1e-9 {
			return float64(t) / 86400, true
		}
	}
	return 0, false
}

func TestScoreEqualsTheDefinitionsOnRandomData(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const T = 1_800_000_000
	windows := []string{"single(96h)", "single(1h)", "single(30d)"}
	for range 400 {
		rows := make([]complaints.Row, random.IntN(60))
		for i := range rows {
			// Coarse steps make ties with the window, the rolling edge and T common.
			rows[i].Served = T + 86400*2 - 43200*random.Int64N(900)
			if random.IntN(3) > 0 {
				rows[i].Answered = rows[i].Served + 43200*random.Int64N(16)
			}
		}
		w := window(t, windows[random.IntN(len(windows))])
		rolling := complaints.Rolling(0)
		if random.IntN(2) == 0 {
			rolling = complaints.Year
		}
		card := complaints.Score("b", rows, complaints.Terms{At: time.Unix(T, 0), Window: w, Rolling: rolling})
		want := naive(rows, T, int64(w.First()/time.Second), int64(time.Duration(rolling)/time.Second))
		for i, name := range complaints.Columns()[1:] {
			if got := card.Cells()[i+1]; !sameFigure(got, want[name]) {
				t.Fatalf("%s: got %q, by definition %q; window %s, rolling %v, rows %+v", name, got, want[name], w, rolling, rows)
			}
		}
	}
}
