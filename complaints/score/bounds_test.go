package score_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"mohr/complaints/score"
)

func TestCurveSaysNothingOfWhatWasNotWatched(t *testing.T) {
	tests := []struct {
		name  string
		obs   []score.Observation
		at    int64
		share float64
		ok    bool
	}{
		{"nothing at all", nil, 5, 1, false},
		{"before the first answer", watched(3, 7), 2, 1, true},
		{"at the answer", watched(3, 7), 3, 0.5, true},
		{"after all were answered, however long", watched(3, 7), 1000, 0, true},
		{"up to the last censored one", watched(3, -7), 7, 0.5, true},
		{"beyond the last censored one", watched(3, -7), 8, 0.5, false},
		{"all still open", watched(-4, -5), 5, 1, true},
		{"answered and censored at once: the censored was watched", watched(4, -4), 4, 0.5, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := score.KaplanMeier(tt.obs)
			e, ok := c.At(tt.at)
			if e.Share != tt.share || ok != tt.ok || e.Low > e.Share || e.High < e.Share {
				t.Errorf("got %+v, %v", e, ok)
			}
			if _, _, ok := c.RestrictedMean(tt.at); ok != tt.ok {
				t.Errorf("mean known: %v", ok)
			}
		})
	}
}

// Ten answers after 1 to 10: S(5) is 1/2 and S(9) 1/10, but only up to
// rounding: 9/10*8/9*7/8*... in floats does not hit them. The tolerance does.
func TestQuantilesTolerateRounding(t *testing.T) {
	for n := 10; n <= 500; n += 10 {
		var obs []score.Observation
		for i := range n {
			obs = append(obs, score.Observation{Seconds: int64(i + 1), Answered: true})
		}
		c := score.KaplanMeier(obs)
		if m, ok := c.Quantile(0.5); !ok || m != int64(n/2) {
			t.Errorf("n=%d: median %d", n, m)
		}
		if m, ok := c.Quantile(0.9); !ok || m != int64(n*9/10) {
			t.Errorf("n=%d: p90 %d", n, m)
		}
	}
}

// The restricted mean is the integral of the curve, here summed a second at a
// time, and each interval holds its share and lies in 0 to 1.
func TestRandomCurvesKeepTheirPromises(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var obs []score.Observation
		for range 1 + random.IntN(40) {
			obs = append(obs, score.Observation{Seconds: 1 + random.Int64N(60), Answered: random.IntN(3) > 0})
		}
		c := score.KaplanMeier(obs)
		mean, _, ok := c.RestrictedMean(c.Until)
		sum := 0.0
		for s := range c.Until {
			e, _ := c.At(s)
			sum += e.Share
		}
		if !ok || math.Abs(mean-sum) > 1e-9 {
			t.Fatalf("mean %v, integral %v", mean, sum)
		}
		last := 1.0
		for _, s := range c.Steps {
			e := s.Interval()
			if !(0 <= e.Low && e.Low <= e.Share && e.Share <= e.High && e.High <= 1) || e.Share > last {
				t.Fatalf("interval %+v after %v", e, last)
			}
			last = e.Share
		}
	}
}

// Nine hundred of a thousand on time say more than nine of ten: drawn towards
// an overall share of one half, (900+3.5)/1007 and (9+3.5)/17.
func TestShrunkDrawsTheFewTowardsAll(t *testing.T) {
	for _, w := range []struct {
		k, n int
		p    float64
		want float64
	}{
		{900, 1000, 0.5, 903.5 / 1007}, {9, 10, 0.5, 12.5 / 17}, {0, 0, 0.53, 0.53}, {0, 3, 0.9, 6.3 / 10},
	} {
		if got := score.Shrunk(w.k, w.n, w.p); math.Abs(got-w.want) > 1e-12 {
			t.Errorf("%d of %d: %v, want %v", w.k, w.n, got, w.want)
		}
	}
}

func TestRankIsTheSmallestThatCoversTheShare(t *testing.T) {
	for n := 1; n <= 2000; n++ {
		for _, tenths := range []int{1, 5, 9, 10} {
			i := score.Rank(tenths, n)
			if i < 0 || i >= n || 10*(i+1) < tenths*n || i > 0 && 10*i >= tenths*n {
				t.Fatalf("rank of %d tenths of %d is %d", tenths, n, i)
			}
		}
	}
}
