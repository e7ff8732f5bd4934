package complaints_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mohr/complaints"
)

// everything adds up the scorecards and asides of all businesses at t.
func everything(t testing.TB, g *complaints.Register, at time.Time) (s complaints.Sums) {
	t.Helper()
	err := g.Rows(t.Context(), func(_ string, rows []complaints.Row) error {
		one := batch(rows, complaints.Terms{At: at, Policies: g.Policies})
		for i := range s {
			s[i] += one[i]
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantKept(t testing.TB, g *complaints.Register, at time.Time) {
	t.Helper()
	counts, err := g.Counts(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := counts.At(at), everything(t, g, at); got != want {
		t.Errorf("kept as of %s:\ngot  %v\nwant %v", at, got, want)
	}
}

// importLines is a file of n complaints, of which some come again with an answer.
func importLines(random *rand.Rand, n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		served := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(random.IntN(300*24)) * time.Hour)
		answered := ""
		if random.IntN(2) == 0 {
			answered = served.Add(time.Duration(random.IntN(400)) * time.Hour).Format(time.DateTime)
		}
		fmt.Fprintf(&b, "%d,shop %d,%s,%s,\n", random.IntN(n), i%9, served.Format(time.DateTime), answered)
	}
	return b.String()
}

// The counts that a register keeps stay those of its rows: through imports,
// the events of live complaints, folds at any time, and another policy.
func TestKeptCountsStayThoseOfTheRows(t *testing.T) {
	b := newBench(t, nil)
	g := b.Register()
	days := []time.Time{}
	for n := range int64(12) {
		days = append(days, iranDay(20454+n*30))
	}
	check := func(when string) {
		t.Helper()
		for _, at := range days {
			wantKept(t, g, at)
		}
		if t.Failed() {
			t.Fatal(when)
		}
	}
	fold := func(want int) {
		t.Helper()
		if n, err := g.Fold(t.Context()); err != nil || n != want {
			t.Fatalf("folded %d, %v, want %d", n, err, want)
		}
	}
	random := rand.New(rand.NewPCG(5, 5))
	importText(t, g, importLines(random, 700))
	check("after an import into nothing")

	one, two := b.file(t), b.file(t)
	check("changes that are not folded in yet")
	fold(2)
	fold(0)
	b.clock.advance(hour)
	b.answer(t, one.ID, complaints.KindAnswer)
	if _, err := b.Withdraw(t.Context(), two.ID, two.Token); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Dispute(t.Context(), one.ID, one.Token); err != nil {
		t.Fatal(err)
	}
	importText(t, g, importLines(random, 700)) // completes some of the first
	check("after events and an import")
	fold(2) // two events of one complaint are one change
	check("after a fold")

	centre, err := complaints.ShippedPolicies(complaints.CentrePolicies)
	if err != nil {
		t.Fatal(err)
	}
	other := &complaints.Register{Store: g.Store, Policies: centre}
	for _, at := range days {
		wantKept(t, other, at)
	}
	importText(t, g, importLines(random, 700)) // by the first policy again
	check("after another policy was counted by")
}
