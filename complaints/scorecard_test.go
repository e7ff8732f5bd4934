package complaints_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/complaints"
	"mohr/internal/store"
)

const day = 24 * time.Hour

func newRegister(t testing.TB) *complaints.Register {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &complaints.Register{Store: s}
}

func window(t testing.TB, s string) complaints.Window {
	t.Helper()
	w, err := complaints.ParseWindow(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func twentyColumns() complaints.ImportConfig {
	return complaints.ImportConfig{DateLayout: "2006-01-02", Columns: map[string]string{
		"id": "Complaint No", "business": "Company", "served": "Received", "answered": "Closed", "category": "Reason",
	}}
}

// scorecards returns the register's scorecards as csv writes them.
func scorecards(t testing.TB, g *complaints.Register, terms complaints.Terms) string {
	t.Helper()
	var b bytes.Buffer
	e, err := complaints.NewEncoder(&b, "csv")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Scorecards(t.Context(), terms, e.Encode); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The file's twenty rows, at T = 2026-03-01T00:00:00Z under single(96h), 4 days.
//
//	 1 A1  alpha  01-01 -> 01-03   answered after 2 d, on time, matured
//	 2 A2  alpha  01-02 -> 01-06   4 d: the deadline itself, on time, matured
//	 3 A3  alpha  01-03 -> 01-08   5 d: late, matured
//	 4 A4  alpha  01-04 -> 01-14   10 d: late, matured
//	 5 A1  alpha                   row 1 again: a duplicate
//	 6 A5  alpha  2025-01-10 open  415 d: unanswered, matured; served before T-365d = 2025-03-01
//	 7 A6  alpha  02-10 open       19 d: unanswered, matured
//	 8 A7  alpha  02-25 open       4 d: T is its deadline: matured, still pending
//	 9 A8  alpha  02-27 open       2 d: pending
//	10 A9  alpha  02-20 -> 03-05   answered after T: open at T, 9 d: unanswered, matured
//	11 A10 alpha  03-02            served after T: not seen
//	12 A11 alpha  02-26 -> 02-27   1 d: on time, but 02-26 + 4 d > T: not matured
//	13 B1  beta   02-26 open       3 d: pending
//	14 B2  beta   02-28 open       1 d: pending
//	15 B1  beta                    row 13 again: a duplicate
//	16 G1  gamma  03-15            served after T: gamma has n=0
//	17 A1  delta  01-01 -> 01-02   the id of row 1 at another business: counts; 1 d, on time, matured
//	18 D2  delta  01-05 -> 01-04   answered before served: rejected
//	19 D3  delta  n/a              no served date: rejected
//	20 D4  delta  02-01 -> 02-04   3 d, on time, matured
//
// alpha: received A1..A9, A11 = 10; answered A1 A2 A3 A4 A11 = 5; pending A7 A8 = 2;
// unanswered A5 A6 A9 = 3 (5+2+3 = 10). Matured A1 A2 A3 A4 A5 A6 A7 A9 = 8, of
// them on time A1 A2 = 2, share 2/8 = 0.25. On time A1 A2 A11 = 3.
// Wilson of 2/8, zz = z*z = 3.841458820694: centre 0.25 + zz/16 = 0.490091176,
// half z*sqrt(0.25*0.75/8 + zz/256) = z*sqrt(0.038443199) = 0.384288907, both over
// 1 + zz/8 = 1.480182353: low 0.105802269/1.480182353 = 0.071479213,
// high 0.874380083/1.480182353 = 0.590724570 (last places worked with 40 digits).
// Delays 1 2 4 5 10: mean 22/5 = 4.4; p50 is number ceil(2.5) = 3: 4; p90 number
// ceil(4.5) = 5: 10; max 10.
// Kaplan-Meier: answered 1 2 4 5 10; watched, open: 2 (A8) 4 (A7) 9 (A9) 19 (A6) 415 (A5).
// S(1) = 9/10; S(2) = 9/10 * 8/9 = 0.8; S(4) = 0.8 * 6/7 = 0.686; S(5) = 0.686 * 4/5 = 0.549;
// S(10) = 0.549 * 2/3 = 0.366. Median: 10, the first S <= 0.5. S never reaches 0.1: no p90.
//
// beta: all pending: 2, no delay, nothing matured, no step in the curve.
// gamma: nothing.
// delta: 2 answered after 1 and 3 d, both on time and matured: share 1, Wilson of
// 2/2: low = 2/(2+zz) = 0.342380228, high 1. mean 2, p50 number 1: 1, p90 number
// ceil(1.8) = 2: 3. S(1) = 1/2: median 1. S(3) = 0: p90 3.
const twentyAll = `business,received,answered,pending,unanswered,matured,matured_on_time,share_on_time,wilson_low,wilson_high,on_time,mean_days,p50_days,p90_days,max_days,km_p50_days,km_p90_days
alpha,10,5,2,3,8,2,0.25,0.071479213,0.59072457,3,4.4,4,10,10,10,
beta,2,0,2,0,0,0,,,,0,,,,,,
delta,2,2,0,0,2,2,1,0.342380228,1,2,2,1,3,3,1,3
gamma,0,0,0,0,0,0,,,,0,,,,,,
`

// Rolling 365d takes A5 out of everything but unanswered: received 9, answered 5,
// pending 2, unanswered still 3; matured 7, share 2/7 = 0.285714286. Wilson of 2/7:
// centre 2/7 + zz/14 = 0.560104202, half z*sqrt((2/7*5/7)/7 + zz/196) =
// z*sqrt(0.048753799) = 0.432765190, over 1 + zz/7 = 1.548779832:
// low 0.082218924, high 0.641065548 (last places worked with 40 digits).
// S(1) = 8/9; S(2) = 8/9*7/8 = 7/9; S(4) = 7/9*5/6 = 35/54; S(5) = 35/54*3/4 = 35/72
// = 0.486: the median is 5 now. The others do not change.
const twentyYear = `alpha,9,5,2,3,7,2,0.285714286,0.082218924,0.641065548,3,4.4,4,10,10,5,
`

func TestScorecardByHand(t *testing.T) {
	g := newRegister(t)
	file, err := os.ReadFile("testdata/twenty.csv")
	if err != nil {
		t.Fatal(err)
	}
	report, err := g.Import(t.Context(), bytes.NewReader(file), twentyColumns(), nil)
	if err != nil {
		t.Fatal(err)
	}
	// Row 3 takes two lines, so that row 18 begins on line 20 and row 19 on 21.
	want := complaints.Report{
		Rows: 20, Imported: 16, Duplicates: 2, RejectedRows: 2, SHA256: report.SHA256,
		Rejected: []complaints.Rejection{
			{Line: 20, Reason: "answered before served"},
			{Line: 21, Reason: "the served date is not of the layout, or lies before 1971 or after 2199"},
		},
	}
	if d := cmp.Diff(want, report); d != "" {
		t.Errorf("report (-want +got):\n%s", d)
	}

	terms := complaints.Terms{At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Window: window(t, "single(96h)")}
	if d := cmp.Diff(twentyAll, scorecards(t, g, terms)); d != "" {
		t.Errorf("all time (-want +got):\n%s", d)
	}
	terms.Rolling = complaints.Year
	all := strings.SplitAfter(twentyAll, "\n")
	year := all[0] + twentyYear + strings.Join(all[2:], "")
	if d := cmp.Diff(year, scorecards(t, g, terms)); d != "" {
		t.Errorf("365 days (-want +got):\n%s", d)
	}
}

func TestScorecardJSONHasTheColumnsAndNullForNothing(t *testing.T) {
	var b bytes.Buffer
	e, err := complaints.NewEncoder(&b, "json")
	if err != nil {
		t.Fatal(err)
	}
	half := 0.5
	for _, c := range []complaints.Scorecard{{Business: "x", Received: 2, MeanDays: &half}, {Business: "y"}} {
		if err := e.Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, b.String())
	}
	if len(got) != 2 || got[0]["mean_days"] != 0.5 || got[1]["mean_days"] != nil {
		t.Errorf("got %v", got)
	}
	for _, name := range complaints.Columns() {
		if _, ok := got[0][name]; !ok {
			t.Errorf("column %s is missing", name)
		}
	}
	if len(got[0]) != len(complaints.Columns()) {
		t.Errorf("%d keys, want %d", len(got[0]), len(complaints.Columns()))
	}
}

// TestScore holds cases that a file cannot bring: staged windows, withdrawn
// complaints, disputed answers. All are served at day 100 and T is as given.
func TestScore(t *testing.T) {
	at := func(days float64) int64 { return int64(days * 86400) }
	const s = 100
	base := complaints.Row{Served: at(s)}
	with := func(change func(*complaints.Row)) complaints.Row {
		r := base
		change(&r)
		return r
	}
	type counts struct{ Received, Answered, Pending, Unanswered, Matured, MaturedOnTime, OnTime, Ever, Due, Delays int }
	tests := []struct {
		name   string
		window string
		at     float64
		row    complaints.Row
		want   counts
	}{
		{"answered at the end of the first window is on time", "staged(72h,48h,24h)", 110,
			with(func(r *complaints.Row) { r.Answered = at(s + 3) }), counts{Received: 1, Answered: 1, Matured: 1, MaturedOnTime: 1, OnTime: 1, Due: 1}},
		{"a second later it is one delay", "staged(72h,48h,24h)", 110,
			with(func(r *complaints.Row) { r.Answered = at(s+3) + 1 }), counts{Received: 1, Answered: 1, Matured: 1, Due: 1, Delays: 1}},
		{"in the third window it is two delays", "staged(72h,48h,24h)", 110,
			with(func(r *complaints.Row) { r.Answered = at(s + 5.5) }), counts{Received: 1, Answered: 1, Matured: 1, Due: 1, Delays: 2}},
		{"past the third it went unanswered, and keeps both facts", "staged(72h,48h,24h)", 110,
			with(func(r *complaints.Row) { r.Answered = at(s + 7) }), counts{Received: 1, Answered: 1, Matured: 1, Due: 1, Delays: 2, Ever: 1}},
		{"open in the second window is pending and matured", "staged(72h,48h,24h)", 104,
			base, counts{Received: 1, Pending: 1, Matured: 1, Delays: 1}},
		{"open at the end of the last window is due, not yet unanswered", "staged(72h,48h,24h)", 106,
			base, counts{Received: 1, Pending: 1, Matured: 1, Due: 1, Delays: 2}},
		{"open past the last window is unanswered", "staged(72h,48h,24h)", 106.001,
			base, counts{Received: 1, Unanswered: 1, Matured: 1, Due: 1, Delays: 2, Ever: 1}},
		{"withdrawn inside the window is nobody's fault", "single(96h)", 110,
			with(func(r *complaints.Row) { r.Ended = at(s + 4) }), counts{Received: 1}},
		{"withdrawn after the window leaves it missed", "single(96h)", 110,
			with(func(r *complaints.Row) { r.Ended = at(s + 5) }), counts{Received: 1, Matured: 1, Due: 1, Ever: 1}},
		{"withdrawn after T is still open at T", "single(96h)", 102,
			with(func(r *complaints.Row) { r.Ended = at(s + 3) }), counts{Received: 1, Pending: 1}},
		{"a duplicate is out", "single(96h)", 110,
			with(func(r *complaints.Row) { r.Out = at(s + 1) }), counts{}},
		{"before it was found a duplicate it was in", "single(96h)", 100.5,
			with(func(r *complaints.Row) { r.Out = at(s + 1) }), counts{Received: 1, Pending: 1}},
		// Answered after 1 d; on day 9 the consumer said it was none: the clock goes on at 1 d.
		{"a disputed answer counts until it was disputed", "single(96h)", 108,
			with(func(r *complaints.Row) { r.Void = []complaints.Span{{From: at(s + 1), To: at(s + 9)}} }),
			counts{Received: 1, Answered: 1, Matured: 1, MaturedOnTime: 1, OnTime: 1, Due: 1}},
		{"after the dispute the same clock goes on", "single(96h)", 112,
			with(func(r *complaints.Row) { r.Void = []complaints.Span{{From: at(s + 1), To: at(s + 9)}} }),
			counts{Received: 1, Pending: 1, Matured: 1, Due: 1}},
		{"and runs out", "single(96h)", 112.001,
			with(func(r *complaints.Row) { r.Void = []complaints.Span{{From: at(s + 1), To: at(s + 9)}} }),
			counts{Received: 1, Unanswered: 1, Matured: 1, Due: 1, Ever: 1}},
		{"a new answer after 1 d and 3 d is on time", "single(96h)", 120,
			with(func(r *complaints.Row) {
				r.Void, r.Answered = []complaints.Span{{From: at(s + 1), To: at(s + 9)}}, at(s+12)
			}), counts{Received: 1, Answered: 1, Matured: 1, MaturedOnTime: 1, OnTime: 1, Due: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			y := complaints.NewTally("b", complaints.Terms{At: time.Unix(at(tt.at), 0), Window: window(t, tt.window)})
			y.Add(tt.row)
			c, a := y.Result()
			got := counts{c.Received, c.Answered, c.Pending, c.Unanswered, c.Matured, c.MaturedOnTime, c.OnTime, a.EverUnanswered, a.Due, a.Delays}
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestEachComplaintIsJudgedByThePolicyItWasFiledUnder(t *testing.T) {
	centre, err := complaints.ShippedPolicies(complaints.CentrePolicies)
	if err != nil {
		t.Fatal(err)
	}
	change := time.Date(2020, 11, 6, 20, 30, 0, 0, time.UTC)
	// Answered 3 d and 1 h after serving: inside 96 h, outside 72 h.
	answered := func(filed, served time.Time) complaints.Row {
		return complaints.Row{Filed: filed.Unix(), Served: served.Unix(), Answered: served.Add(73 * time.Hour).Unix()}
	}
	tests := []struct {
		name   string
		row    complaints.Row
		onTime int
	}{
		{"filed a second before the change, served after it", answered(change.Add(-time.Second), change.Add(day)), 1},
		{"filed at the change", answered(change, change), 0},
		{"a policy of its own wins", complaints.Row{Served: change.Unix(), Answered: change.Add(73 * time.Hour).Unix(), Window: window(t, "single(96h)")}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := complaints.Score("b", []complaints.Row{tt.row}, complaints.Terms{At: change.Add(30 * day), Policies: centre})
			if c.OnTime != tt.onTime {
				t.Errorf("on time %d, want %d", c.OnTime, tt.onTime)
			}
		})
	}
}

func TestCSVQuotesNames(t *testing.T) {
	var b bytes.Buffer
	e, _ := complaints.NewEncoder(&b, "csv")
	name := `Shop "A", Inc.`
	if err := e.Encode(complaints.Scorecard{Business: name}); err != nil {
		t.Fatal(err)
	}
	e.Close()
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][0] != name {
		t.Errorf("read back %q, %v", rows, err)
	}
}
