package complaints_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/complaints"
)

// testdata/known.py generates ties, rows doubled by a join, a business of
// which all is pending, one with nothing, one with one, a median that is never
// reached, the leap day, the edge of the year, answers after T and a policy that
// changes in the middle, and counts them from the definitions by itself.
func TestGeneratedComplaintsGiveTheAnswersOfAnIndependentCount(t *testing.T) {
	policies := complaints.Policies{
		{Version: "single/1", Window: window(t, "single(96h)")},
		{Version: "staged/1", From: time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC), Window: window(t, "staged(72h,48h,24h)")},
	}
	g := newRegister(t)
	g.Policies = policies
	file, err := os.ReadFile("testdata/known.csv")
	if err != nil {
		t.Fatal(err)
	}
	report, err := g.Import(t.Context(), bytes.NewReader(file), complaints.ImportConfig{DateLayout: time.DateOnly, Columns: map[string]string{
		"id": "id", "business": "business", "served": "served", "answered": "answered",
	}}, nil)
	if err != nil || report.RejectedRows != 0 || report.Duplicates == 0 {
		t.Fatal(report, err)
	}
	for name, rolling := range map[string]complaints.Rolling{"all": 0, "365d": complaints.Year} {
		want, err := os.ReadFile("testdata/known-" + name + ".csv")
		if err != nil {
			t.Fatal(err)
		}
		got := scorecards(t, g, complaints.Terms{At: time.Date(2025, 3, 20, 0, 0, 0, 0, time.UTC), Rolling: rolling, Policies: policies})
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
