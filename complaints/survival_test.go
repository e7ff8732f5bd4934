package complaints_test

import (
	"math"
	"strconv"
	"testing"

	"mohr/complaints"
)

func whole(n int) string { return strconv.Itoa(n) }

func real9(x float64) string { return strconv.FormatFloat(x, 'f', 9, 64) }

// sameFigure compares two figures to the ninth decimal, give or take one
// unit: two ways of rounding may differ there.
func sameFigure(a, b string) bool {
	if a == "" || b == "" {
		return a == b
	}
	x, err := strconv.ParseFloat(a, 64)
	if err != nil {
		return false
	}
	y, err := strconv.ParseFloat(b, 64)
	return err == nil && math.Abs(x-y) < 2e-9
}

// The times to remission of 21 patients on 6-mercaptopurine (Freireich 1963),
// the example of many textbooks, in weeks: 6 6 6 7 10 13 16 22 23, and
// censored 6 9 10 11 17 19 20 25 32 32 34 35. By hand:
//
//	S(6)  = 18/21              = 0.857
//	S(7)  = 0.857  * 16/17     = 0.807
//	S(10) = 0.807  * 14/15     = 0.753
//	S(13) = 0.753  * 11/12     = 0.690
//	S(16) = 0.690  * 10/11     = 0.627
//	S(22) = 0.627  * 6/7       = 0.538
//	S(23) = 0.538  * 5/6       = 0.448
func TestKaplanMeierOnATextbookExample(t *testing.T) {
	var obs []complaints.Observation
	for _, s := range []int64{35, 34, 32, 32, 25, 20, 19, 17, 11, 10, 9, 6} {
		obs = append(obs, complaints.Observation{Seconds: s})
	}
	for _, s := range []int64{23, 22, 16, 13, 10, 7, 6, 6, 6} {
		obs = append(obs, complaints.Observation{Seconds: s, Answered: true})
	}
	want := []complaints.Step{{6, 0.857}, {7, 0.807}, {10, 0.753}, {13, 0.690}, {16, 0.627}, {22, 0.538}, {23, 0.448}}
	got := complaints.KaplanMeier(obs)
	if len(got) != len(want) {
		t.Fatalf("%d steps, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].Seconds != want[i].Seconds || math.Abs(got[i].Open-want[i].Open) > 0.0005 {
			t.Errorf("step %d: got %v, want %v", i, got[i], want[i])
		}
	}
}

// Ten answers after 1 to 10 days: S(5) is 1/2 and S(9) 1/10, but only up to
// rounding: 9/10*8/9*7/8*... in floats does not hit them. The tolerance does.
func TestKaplanMeierQuantilesTolerateRounding(t *testing.T) {
	for n := 10; n <= 500; n += 10 {
		var rows []complaints.Row
		for i := range n {
			rows = append(rows, complaints.Row{Served: 86400, Answered: 86400 * int64(i+2)})
		}
		c := complaints.Score("b", rows, terms(t, "single(96h)", 86400*600))
		if got, want := c.Cells()[15], whole(n/2); got != want {
			t.Errorf("n=%d: median %s, want %s", n, got, want)
		}
		if got, want := c.Cells()[16], whole(n*9/10); got != want {
			t.Errorf("n=%d: p90 %s, want %s", n, got, want)
		}
	}
}
