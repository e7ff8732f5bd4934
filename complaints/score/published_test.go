package score_test

import (
	"math"
	"testing"

	"mohr/complaints/score"
)

// watched makes observations of times; censored ones are negative.
func watched(times ...int64) (obs []score.Observation) {
	for _, t := range times {
		obs = append(obs, score.Observation{Seconds: max(t, -t), Answered: t > 0})
	}
	return obs
}

// sixMP are the times to remission of 21 patients on 6-mercaptopurine, in weeks
// (Freireich et al., Blood 21 (1963) 699-716), the example of Klein and
// Moeschberger, Survival Analysis, 2nd ed., 2003, section 4.2.
func sixMP() []score.Observation {
	return watched(6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35)
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within {
		t.Errorf("%s: got %.6f, want %.6f", what, got, want)
	}
}

// Share and standard error as Klein and Moeschberger, table 4.1A, print them;
// the interval symmetric in log(-log) as `sts list` of Stata and
// survfit(conf.type = "log-log") of R print it for the same patients.
func TestKaplanMeierOfFreireichsPatients(t *testing.T) {
	want := []struct {
		at                   int64
		open, se, low, high  float64
		watchedAt, remission int
	}{
		{6, 0.8571, 0.0764, 0.6197, 0.9516, 21, 3},
		{7, 0.8067, 0.0869, 0.5631, 0.9228, 17, 1},
		{10, 0.7529, 0.0963, 0.5032, 0.8894, 15, 1},
		{13, 0.6902, 0.1068, 0.4316, 0.8491, 12, 1},
		{16, 0.6275, 0.1141, 0.3675, 0.8049, 11, 1},
		{22, 0.5378, 0.1282, 0.2678, 0.7468, 7, 1},
		{23, 0.4482, 0.1346, 0.1881, 0.6801, 6, 1},
	}
	curve := score.KaplanMeier(sixMP())
	if len(curve.Steps) != len(want) || curve.Until != 35 {
		t.Fatalf("%d steps until %d", len(curve.Steps), curve.Until)
	}
	for i, w := range want {
		s := curve.Steps[i]
		if s.Seconds != w.at || s.Watched != w.watchedAt || s.Answered != w.remission {
			t.Errorf("step %d: %+v", i, s)
		}
		e := s.Interval()
		near(t, "share", e.Share, w.open, 5e-5)
		near(t, "standard error", s.StandardError(), w.se, 5e-5)
		near(t, "low", e.Low, w.low, 5e-5)
		near(t, "high", e.High, w.high, 5e-5)
	}
}

// The median of the same patients is 23 weeks, its interval 13 to beyond what
// was watched (R: median 23, 0.95LCL 13, 0.95UCL NA by log-log). Their mean
// within 35 weeks is 23.29 with standard error 2.83 (Stata, stci, rmean:
// 23.28738, 2.827468).
func TestMedianAndRestrictedMeanOfFreireichsPatients(t *testing.T) {
	curve := score.KaplanMeier(sixMP())
	if m, ok := curve.Quantile(0.5); !ok || m != 23 {
		t.Errorf("median %d, %v", m, ok)
	}
	low, _, lowOK, highOK := curve.QuantileInterval(0.5)
	if low != 13 || !lowOK || highOK {
		t.Errorf("interval from %d, %v, upper bound %v", low, lowOK, highOK)
	}
	if _, ok := curve.Quantile(0.9); ok {
		t.Error("the curve falls to 0.1")
	}
	mean, se, ok := curve.RestrictedMean(35)
	if !ok {
		t.Fatal("no mean")
	}
	near(t, "mean", mean, 23.28738, 5e-5)
	near(t, "standard error", se, 2.827468, 5e-5)
	if _, _, ok := curve.RestrictedMean(36); ok {
		t.Error("a mean up to 36 weeks of what was watched for 35")
	}
}

// The 21 patients on placebo were all watched to the end, so that the mean is
// the plain one, 182/21, and its standard error sqrt(sum (t-mean)^2)/21:
// 8.666667 and 1.377.
func TestRestrictedMeanWithoutCensoringIsThePlainMean(t *testing.T) {
	times := []int64{1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23}
	mean, se, ok := score.KaplanMeier(watched(times...)).RestrictedMean(100)
	if !ok {
		t.Fatal("no mean")
	}
	sum := 0.0
	for _, x := range times {
		sum += (float64(x) - 182.0/21) * (float64(x) - 182.0/21)
	}
	near(t, "mean", mean, 182.0/21, 1e-9)
	near(t, "standard error", se, math.Sqrt(sum)/21, 1e-9)
}

// Times to discontinuation of an IUD, in weeks, of 18 women: Collett,
// Modelling Survival Data in Medical Research, 2nd ed., 2003, table 1.1; share
// and standard error as its tables 2.2 and 2.4 print them.
func TestKaplanMeierOfCollettsExample(t *testing.T) {
	curve := score.KaplanMeier(watched(10, -13, -18, 19, -23, 30, 36, -38, -54, -56, 59, 75, 93, 97, -104, 107, -107, -107))
	want := [][3]float64{
		{10, 0.9444, 0.0540}, {19, 0.8815, 0.0790}, {30, 0.8137, 0.0978}, {36, 0.7459, 0.1107}, {59, 0.6526, 0.1303},
		{75, 0.5594, 0.1412}, {93, 0.4662, 0.1452}, {97, 0.3729, 0.1430}, {107, 0.2486, 0.1392},
	}
	if len(curve.Steps) != len(want) {
		t.Fatalf("%d steps", len(curve.Steps))
	}
	for i, w := range want {
		near(t, "time", float64(curve.Steps[i].Seconds), w[0], 0)
		near(t, "share", curve.Steps[i].Open, w[1], 6e-5)
		near(t, "standard error", curve.Steps[i].StandardError(), w[2], 6e-5)
	}
}

// Newcombe, Two-sided confidence intervals for the single proportion,
// Statistics in Medicine 17 (1998) 857-872, table I, method 3.
func TestWilsonAsNewcombePrintsIt(t *testing.T) {
	for _, w := range []struct {
		k, n      int
		low, high float64
	}{
		{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0.0000, 0.1611}, {1, 29, 0.0061, 0.1718},
	} {
		low, high := score.Wilson(w.k, w.n)
		near(t, "low", low, w.low, 5e-5)
		near(t, "high", high, w.high, 5e-5)
		// A share and its complement have mirrored bounds.
		mirrorLow, mirrorHigh := score.Wilson(w.n-w.k, w.n)
		near(t, "mirrored low", mirrorLow, 1-high, 1e-12)
		near(t, "mirrored high", mirrorHigh, 1-low, 1e-12)
	}
}
