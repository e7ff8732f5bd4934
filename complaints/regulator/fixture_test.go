package regulator_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/complaints"
	"mohr/internal/i18n"
	"mohr/internal/store"
)

const day = 24 * time.Hour

// register returns a register of rows: business, served, answered ("" open), category.
func register(t testing.TB, p complaints.Policies, rows ...[4]string) *complaints.Register {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	var b strings.Builder
	b.WriteString("id,business,served,answered,category\n")
	for i, r := range rows {
		fmt.Fprintf(&b, "%d,%s,%s,%s,%s\n", i, r[0], r[1], r[2], r[3])
	}
	g := &complaints.Register{Store: s, Policies: p}
	report, err := g.Import(t.Context(), strings.NewReader(b.String()), complaints.ImportConfig{DateLayout: time.DateTime, Columns: map[string]string{
		"id": "id", "business": "business", "served": "served", "answered": "answered", "category": "category",
	}}, nil)
	if err != nil || report.Imported != len(rows) {
		t.Fatal(report, err)
	}
	return g
}

func window(t testing.TB, s string) complaints.Window {
	t.Helper()
	w, err := complaints.ParseWindow(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// iran returns an instant by date and hour in Iran.
func iran(t testing.TB, year, month, date, hour int) time.Time {
	t.Helper()
	d, ok := i18n.FromJalali(year, month, date)
	if !ok {
		t.Fatalf("there is no %d-%d-%d", year, month, date)
	}
	return d.Add(time.Duration(hour)*time.Hour - 210*time.Minute)
}

func show(x *float64) string {
	if x == nil {
		return "–"
	}
	return fmt.Sprintf("%.4f", *x)
}
