package complaints_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/complaints"
)

// What a row knew on a day gives the figures of that day and of every day
// before it, whatever happened afterwards.
func TestARowAsKnownThenCountsAsItDidThen(t *testing.T) {
	const start = 1_742_502_600
	random := rand.New(rand.NewPCG(11, 3))
	windows, policies := testWindows(t), changing(t, start)
	for range 20_000 {
		r := randomRow(random, start, windows)
		known := r.Served + 21600*random.Int64N(120) - 21600
		before := min(known, known-21600*random.Int64N(8))
		then, served := r.Until(known)
		var rows []complaints.Row
		if served {
			rows = append(rows, then)
		}
		for _, at := range []int64{known, before} {
			terms := complaints.Terms{At: time.Unix(at, 0), Policies: policies}
			want, got := batch([]complaints.Row{r}, terms), batch(rows, terms)
			if want != got {
				t.Fatalf("known at %d, as of %d:\n%+v\n%+v\nwant %v\ngot  %v", known, at, r, then, want, got)
			}
		}
		if again, _ := then.Until(known); served && !cmp.Equal(again, then, sameWindow) {
			t.Fatalf("once more: %+v\nonce: %+v", again, then)
		}
	}
}

var sameWindow = cmp.Comparer(func(a, b complaints.Window) bool { return a == b })
