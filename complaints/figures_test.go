package complaints_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/complaints"
)

// show writes a statistic with six decimals, – for none.
func show(x *float64) string {
	if x == nil {
		return "–"
	}
	return fmt.Sprintf("%.6f", *x)
}

// many makes rows served one a day from day first on; answered after so many
// days, or open where it is negative.
func many(first int64, delays ...float64) (rows []complaints.Row) {
	for i, d := range delays {
		r := complaints.Row{Served: (first + int64(i)) * 86400}
		if d >= 0 {
			r.Answered = r.Served + int64(d*86400)
		}
		rows = append(rows, r)
	}
	return rows
}

func figuresOf(t testing.TB, rows []complaints.Row, at float64, w string) complaints.Figures {
	y := complaints.NewTally("b", complaints.Terms{At: time.Unix(int64(at*86400), 0), Window: window(t, w)})
	for _, r := range rows {
		y.Add(r)
	}
	return y.Figures()
}

// A set of which every answer is worked by hand. Five at T = day 200, window
// 4 days: answered after 1, 3 and 3 days (a tie), withdrawn after 3 days (a
// tie of an answer with a censoring), open since 60 days.
//
//	S(1) = 4/5 = 0.8; at 3 days four are watched and two answered: S(3) = 0.8 * 2/4 = 0.4.
//	S(4) = 0.4. Greenwood's sum 1/(5*4) + 2/(4*2) = 0.05 + 0.25 = 0.3; -ln 0.4 = 0.9162907;
//	half = 1.959964*sqrt(0.3)/0.9162907 = 1.1715894; low 0.4^(e^1.1715894) = 0.4^3.2271178 = 0.051976,
//	high 0.4^(1/3.2271178) = 0.4^0.3098741 = 0.752816.
//	Median 3, its interval: S(1)'s sum 0.05: half = 1.959964*sqrt(0.05)/0.2231436 = 1.9640329, low
//	0.8^7.1280 = 0.203809: the lower bound falls to 0.5 at 1; the upper one never does.
//	Up to 90 days only the open one was watched, for 60: no restricted mean. With a horizon of 60 it would be
//	1 + 0.8*2 + 0.4*57 = 25.4.
func TestCensoredViewByHand(t *testing.T) {
	rows := []complaints.Row{
		{Served: 100 * 86400, Answered: 101 * 86400},
		{Served: 110 * 86400, Answered: 113 * 86400},
		{Served: 120 * 86400, Answered: 123 * 86400},
		{Served: 130 * 86400, Ended: 133 * 86400},
		{Served: 140 * 86400},
	}
	c := figuresOf(t, rows, 200, "single(96h)").Censored
	got := []string{show(c.OpenAfter), show(c.OpenLow), show(c.OpenHigh), show(c.P50Days), show(c.P50Low), show(c.P50High), show(c.P90Days), show(c.MeanDays), show(c.FollowUpDays)}
	want := []string{"0.400000", "0.051976", "0.752816", "3.000000", "1.000000", "–", "–", "–", "100.000000"}
	if d := cmp.Diff(want, got); d != "" || c.Suppressed {
		t.Errorf("(-want +got):\n%s", d)
	}
	// Ninety days after the open one was served the mean is 1 + 0.8*2 + 0.4*87 = 37.4.
	if c := figuresOf(t, rows, 230, "single(96h)").Censored; show(c.MeanDays) != "37.400000" {
		t.Errorf("mean %s", show(c.MeanDays))
	}
}

func TestCensoredViewIsSuppressedUntilOneWasWatchedLongerThanTheWindow(t *testing.T) {
	tests := []struct {
		name       string
		at         float64
		suppressed bool
	}{
		{"as long as the window", 104, true},
		{"a second longer", 104 + 1.0/86400, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := figuresOf(t, many(100, -1, 1, 1), tt.at, "single(96h)").Censored
			if c.Suppressed != tt.suppressed || (c.P50Days == nil) != tt.suppressed || (c.OpenAfter == nil) != tt.suppressed {
				t.Errorf("%+v", c)
			}
		})
	}
	if c := figuresOf(t, nil, 104, "single(96h)").Censored; !c.Suppressed || c.FollowUpDays != nil {
		t.Errorf("of nothing: %+v", c)
	}
	// A trend of 90 days judged by a window of 90 days has nothing that was watched longer.
	y := complaints.NewTally("b", complaints.Terms{At: time.Unix(400*86400, 0), Window: window(t, "single(90d)"), Rolling: complaints.Rolling(90 * day)})
	for _, r := range many(300, make([]float64, 90)...) {
		y.Add(r)
	}
	if c := y.Figures().Censored; !c.Suppressed {
		t.Errorf("follow-up %v days of a window of 90", *c.FollowUpDays)
	}
}

// delays makes n answers after 1 to 3 days.
func delays(n int) (d []float64) {
	for i := range n {
		d = append(d, float64(1+i%3))
	}
	return d
}

func TestFewComplaintsShowCountsOnly(t *testing.T) {
	tests := []struct {
		n                       int
		level                   complaints.Level
		share, median, mean, s4 bool
	}{
		{0, complaints.LevelNone, false, false, false, false},
		{1, complaints.LevelCounts, false, false, false, false},
		{4, complaints.LevelCounts, false, false, false, false},
		{5, complaints.LevelInterval, true, true, false, true},
		{29, complaints.LevelInterval, true, true, false, true},
		{30, complaints.LevelAll, true, true, true, true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.n), func(t *testing.T) {
			full := figuresOf(t, many(100, delays(tt.n)...), 300, "single(96h)")
			f := full.Shown()
			s, c := f.Scorecard, f.Censored
			if f.Level != tt.level || s.Received != tt.n || s.MaturedOnTime != tt.n {
				t.Errorf("level %s, %+v", f.Level, s)
			}
			if (s.ShareOnTime != nil) != tt.share || (s.WilsonLow != nil) != tt.share || (s.KMP50Days != nil) != tt.median || (s.MeanDays != nil) != tt.mean ||
				(s.MaxDays != nil) != tt.mean || (c.OpenAfter != nil) != tt.s4 || (c.MeanDays != nil) != tt.mean {
				t.Errorf("shown %+v %+v", s, c)
			}
			r := complaints.Rate(full, nil, complaints.Weights{})
			if (r.Answered != nil) != tt.share || (r.MedianDays != nil) != tt.median {
				t.Errorf("beside the score there are %v on time and a median of %v", r.Answered, r.MedianDays)
			}
			if tt.n > 0 && (full.Scorecard.ShareOnTime == nil || full.Scorecard.MeanDays == nil || full.Categories[0].ShareOnTime == nil) {
				t.Error("showing took figures from the full ones")
			}
		})
	}
}

// Thirty-one at T: 26 answered in time, 2 answered in the second window, 1
// after the third, 2 open in the third.
func TestStagesCountWhereEachWasAnswered(t *testing.T) {
	var rows []complaints.Row
	for range 26 {
		rows = append(rows, complaints.Row{Served: 0 + 86400, Answered: 3 * 86400, Category: "refund"})
	}
	rows = append(rows, many(1, 4)[0], many(1, 4)[0], many(1, 9)[0], many(94, -1)[0], many(94, -1)[0])
	f := figuresOf(t, rows, 99.5, "staged(72h,48h,24h)")
	want := []complaints.StageCount{{Stage: 1, Answered: 26, Missed: 5}, {Stage: 2, Answered: 2, Missed: 3}, {Stage: 3, Answered: 0, Missed: 1}}
	if d := cmp.Diff(want, f.Stages); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	// Each missed window but the last is a delay: 5 + 3.
	if f.Aside.Delays != 8 || f.Aside.EverUnanswered != 1 {
		t.Errorf("aside %+v", f.Aside)
	}
	if len(f.Categories) != 2 || f.Categories[0].Category != "other" || f.Categories[0].Received != 5 || f.Categories[1].MaturedOnTime != 26 || f.Categories[0].Pending != 2 {
		t.Errorf("categories %+v", f.Categories)
	}
}

// Settled without a decision and confirmed by the consumer is direct; silence
// and a mere acceptance are not. One settled, one decided and past appeal, one
// decided and not past appeal, one silent, one accepted: 1 of 2 closed.
func TestSilenceIsNeverASettlement(t *testing.T) {
	const d = 86400
	rows := []complaints.Row{
		{Served: d, Answered: 2 * d, Reacted: 3 * d, Settled: 3 * d, Closed: 3 * d},
		{Served: d, Answered: 2 * d, Reacted: 3 * d, Escalated: 3 * d, Decided: 4 * d, Closed: 14 * d},
		{Served: 90 * d, Answered: 91 * d, Reacted: 92 * d, Escalated: 92 * d, Decided: 99 * d, Closed: 109 * d},
		{Served: d, Answered: 2 * d},
		{Served: d, Answered: 2 * d, Reacted: 5 * d, Accepted: 5 * d},
	}
	s := figuresOf(t, rows, 100, "single(96h)").Settlement
	if s.Closed != 2 || s.Direct != 1 || s.Decided != 2 || s.Silent != 1 || show(s.Share) != "0.500000" {
		t.Errorf("%+v, share %s", s, show(s.Share))
	}
	if s := figuresOf(t, rows[3:], 21, "single(96h)").Settlement; s.Silent != 0 || s.Share != nil {
		t.Errorf("before the time to react is over: %+v", s)
	}
}

// At day 100 under staged(72h,48h,24h): answered on time; answered late; open
// for 2 d (an answer now is on time), 4 d (late, not unanswered) and 7 d
// (unanswered); withdrawn inside the window (out).
//
//	If it answers all: 5 matured, 2 on time, none unanswered. If none: 5 matured, 1 on time, 3 unanswered.
func TestForecastOfAnsweringAndOfSilence(t *testing.T) {
	const d = 86400
	rows := []complaints.Row{
		{Served: 99 * d, Answered: 100 * d}, {Served: 50 * d, Answered: 60 * d},
		{Served: 98 * d}, {Served: 96 * d}, {Served: 93 * d}, {Served: 97 * d, Ended: 98 * d},
	}
	f := complaints.Foresee(rows, complaints.Terms{At: time.Unix(100*d, 0), Window: window(t, "staged(72h,48h,24h)")})
	if f.Pending != 1 || f.Overdue != 1 {
		t.Errorf("pending %d, overdue %d", f.Pending, f.Overdue)
	}
	if a := f.Answered; a.Matured != 5 || a.MaturedOnTime != 2 || a.Unanswered != 0 || show(a.ShareOnTime) != "0.400000" {
		t.Errorf("answered: %+v", a)
	}
	if s := f.Silent; s.Matured != 5 || s.MaturedOnTime != 1 || s.Unanswered != 3 || show(s.ShareOnTime) != "0.200000" {
		t.Errorf("silent: %+v", s)
	}
}

// A forecast comes true: rows are continued as it says, and counted when all
// their time is over.
func TestForecastComesTrue(t *testing.T) {
	const d = 86400
	at := time.Unix(100*d, 0)
	var rows []complaints.Row
	for i := range int64(40) {
		rows = append(rows, complaints.Row{Served: (70+i)*d + i*3600})
		if i%3 == 0 {
			rows[i].Answered = rows[i].Served + (i%7)*d
		}
	}
	w := window(t, "staged(96h,96h,96h)")
	f := complaints.Foresee(rows, complaints.Terms{At: at, Window: w})
	seen := rows[:0:0]
	for _, r := range rows {
		if r.Answered > at.Unix() {
			r.Answered = 0
		}
		if r.Served <= at.Unix() {
			seen = append(seen, r)
		}
	}
	later := complaints.Terms{At: at.Add(13 * day), Window: w}
	silent := complaints.Score("b", seen, later)
	for i := range seen {
		if seen[i].Answered == 0 {
			seen[i].Answered = at.Unix()
		}
	}
	answered := complaints.Score("b", seen, later)
	for name, p := range map[string][2]any{
		"silent":   {f.Silent, complaints.Prospect{Matured: silent.Matured, MaturedOnTime: silent.MaturedOnTime, Unanswered: silent.Unanswered, ShareOnTime: silent.ShareOnTime, WilsonLow: silent.WilsonLow, WilsonHigh: silent.WilsonHigh}},
		"answered": {f.Answered, complaints.Prospect{Matured: answered.Matured, MaturedOnTime: answered.MaturedOnTime, Unanswered: answered.Unanswered, ShareOnTime: answered.ShareOnTime, WilsonLow: answered.WilsonLow, WilsonHigh: answered.WilsonHigh}},
	} {
		if d := cmp.Diff(p[1], p[0]); d != "" {
			t.Errorf("%s (-came +foreseen):\n%s", name, d)
		}
	}
}

func TestRankingIsOfSharesDrawnTowardsAllAndLeavesOutTheFew(t *testing.T) {
	card := func(name string, received, matured, onTime int) complaints.Scorecard {
		return complaints.Scorecard{Business: name, Received: received, Matured: matured, MaturedOnTime: onTime}
	}
	// Overall 27 + 27 + 450 + 5 + 0 of 30 + 30 + 900 + 5 + 35 = 509 of 1000. (27 + 7*0.509)/37 = 0.826027;
	// (450 + 3.563)/907 = 0.500069; 3.563/42 = 0.084833. Whoever has 5 of 5 is not ranked.
	r := complaints.Rank([]complaints.Scorecard{
		card("small and perfect", 5, 5, 5), card("large", 900, 900, 450), card("b", 31, 30, 27), card("a", 30, 30, 27), card("silent", 40, 35, 0), card("none", 0, 0, 0),
	})
	if r.Overall != 0.509 || r.TooFew != 1 || len(r.Ranked) != 4 {
		t.Fatalf("%+v", r)
	}
	want := []struct {
		place  int
		name   string
		shrunk string
	}{{1, "a", "0.826027"}, {1, "b", "0.826027"}, {3, "large", "0.500069"}, {4, "silent", "0.084833"}}
	for i, w := range want {
		got := r.Ranked[i]
		if got.Place != w.place || got.Business != w.name || fmt.Sprintf("%.6f", got.Shrunk) != w.shrunk {
			t.Errorf("place %d: %+v, want %v", i, got, w)
		}
	}
}
