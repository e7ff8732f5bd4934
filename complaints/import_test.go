package complaints_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/complaints"
	"mohr/internal/fault"
)

func importText(t testing.TB, g *complaints.Register, text string) complaints.Report {
	t.Helper()
	report, err := g.Import(t.Context(), strings.NewReader(text), importColumns(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func importColumns() complaints.ImportConfig {
	return complaints.ImportConfig{DateLayout: "2006-01-02 15:04:05", Columns: map[string]string{
		"id": "id", "business": "business", "served": "served", "answered": "answered", "filed": "filed",
	}}
}

const header = "id,business,served,answered,filed\n"

func TestImportRows(t *testing.T) {
	tests := []struct {
		name                            string
		rows                            string
		imported, duplicates, completed int
		rejected                        []complaints.Rejection
	}{
		{"an open one", "1,a,2026-01-01 00:00:00,,\n", 1, 0, 0, nil},
		{"answered in the second it was served", "1,a,2026-01-01 00:00:00,2026-01-01 00:00:00,\n", 1, 0, 0, nil},
		{"the same id at two businesses", "1,a,2026-01-01 00:00:00,,\n1,b,2026-01-01 00:00:00,,\n", 2, 0, 0, nil},
		{"the same twice", "1,a,2026-01-01 00:00:00,,\n1,a,2026-01-01 00:00:00,,\n", 1, 1, 0, nil},
		{"a later row brings the answer", "1,a,2026-01-01 00:00:00,,\n1,a,2026-01-01 00:00:00,2026-01-02 00:00:00,\n", 1, 1, 1, nil},
		{"a later row without the answer takes none away", "1,a,2026-01-01 00:00:00,2026-01-02 00:00:00,\n1,a,2026-01-01 00:00:00,,\n", 1, 1, 0, nil},
		{"an answer before the serving that stands", "1,a,2026-01-03 00:00:00,,\n1,a,2026-01-01 00:00:00,2026-01-02 00:00:00,\n", 1, 0, 0,
			[]complaints.Rejection{{Line: 3, Reason: "answered before served"}}},
		{"answered a second before served", "1,a,2026-01-01 00:00:01,2026-01-01 00:00:00,\n", 0, 0, 0,
			[]complaints.Rejection{{Line: 2, Reason: "answered before served"}}},
		{"slashes and percent signs do not run into each other", "c,a/b,2026-01-01 00:00:00,,\nb/c,a,2026-01-01 00:00:00,,\nc,a%2Fb,2026-01-01 00:00:00,,\n", 3, 0, 0, nil},
		{"spaces around cells do not count", " 1 , a ,2026-01-01 00:00:00 , ,\n1,a,2026-01-01 00:00:00,,\n", 1, 1, 0, nil},
		{"no id, no business", ",a,2026-01-01 00:00:00,,\n1, ,2026-01-01 00:00:00,,\n", 0, 0, 0, []complaints.Rejection{
			{Line: 2, Reason: "the id is empty, too long or not UTF-8"}, {Line: 3, Reason: "the business is empty, too long or not UTF-8"}}},
		{"bytes that are no text", "\xff,a,2026-01-01 00:00:00,,\n", 0, 0, 0, []complaints.Rejection{{Line: 2, Reason: "the id is empty, too long or not UTF-8"}}},
		{"dates that are none", "1,a,,,\n2,a,2026-02-30 00:00:00,,\n3,a,2026-01-01 00:00:00,soon,\n4,a,0001-01-01 00:00:00,,\n", 0, 0, 0, []complaints.Rejection{
			{Line: 2, Reason: "the served date is not of the layout, or lies before 1971 or after 2199"},
			{Line: 3, Reason: "the served date is not of the layout, or lies before 1971 or after 2199"},
			{Line: 4, Reason: "the answered date is not of the layout, or lies before 1971 or after 2199"},
			{Line: 5, Reason: "the served date is not of the layout, or lies before 1971 or after 2199"}}},
		{"a row with a cell too few, then a good one", "1,a,2026-01-01 00:00:00,\n2,a,2026-01-01 00:00:00,,\n", 1, 0, 0,
			[]complaints.Rejection{{Line: 2, Reason: "no CSV: wrong number of fields"}}},
		{"a stray quote, then a good one", "1,a\"b,2026-01-01 00:00:00,,\n2,a,2026-01-01 00:00:00,,\n", 1, 0, 0,
			[]complaints.Rejection{{Line: 2, Reason: "no CSV: bare \" in non-quoted-field"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report := importText(t, newRegister(t), header+tt.rows)
			want := complaints.Report{
				Rows: tt.imported + tt.duplicates + len(tt.rejected), Imported: tt.imported, Duplicates: tt.duplicates, Completed: tt.completed,
				RejectedRows: len(tt.rejected), Rejected: tt.rejected, SHA256: report.SHA256,
			}
			if d := cmp.Diff(want, report); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestImportTwiceChangesNothing(t *testing.T) {
	g := newRegister(t)
	var text strings.Builder
	text.WriteString(header)
	for i := range 12_000 { // three batches
		fmt.Fprintf(&text, "%d,shop %d,2026-01-%02d 00:00:00,,\n", i, i%7, 1+i%28)
	}
	terms := complaints.Terms{At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	var steps []int
	first, err := g.Import(t.Context(), strings.NewReader(text.String()), importColumns(), func(n int) { steps = append(steps, n) })
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]int{5000, 10000, 12000}, steps); d != "" {
		t.Errorf("progress (-want +got):\n%s", d)
	}
	before := scorecards(t, g, terms)
	second := importText(t, g, text.String())
	if first.Imported != 12_000 || second.Imported != 0 || second.Duplicates != 12_000 || first.SHA256 != second.SHA256 {
		t.Errorf("first %+v, second %+v", first, second)
	}
	if d := cmp.Diff(before, scorecards(t, g, terms)); d != "" {
		t.Errorf("scorecards changed (-first +second):\n%s", d)
	}
}

func TestImportRefuses(t *testing.T) {
	columns := func(change func(map[string]string)) complaints.ImportConfig {
		c := importColumns()
		change(c.Columns)
		return c
	}
	tests := []struct {
		name   string
		config complaints.ImportConfig
		text   string
		code   string
	}{
		{"an empty file", importColumns(), "", "import_empty"},
		{"a broken header", importColumns(), "id,\"b\n", "import_header"},
		{"a column that is not there", columns(func(m map[string]string) { m["served"] = "Served" }), header, "import_column_missing"},
		{"a column that is there twice", importColumns(), "id,business,served,answered,filed,served\n", "import_column_twice"},
		{"a column we do not know", columns(func(m map[string]string) { m["price"] = "id" }), header, "import_column_unknown"},
		{"no answered column", columns(func(m map[string]string) { delete(m, "answered") }), header, "import_column_needed"},
		{"a layout of another language", complaints.ImportConfig{DateLayout: "YYYY-MM-DD", Columns: importColumns().Columns}, header, "import_date_layout"},
		{"a layout without a day", complaints.ImportConfig{DateLayout: "2006-01", Columns: importColumns().Columns}, header, "import_date_layout"},
		{"a quote that never closes", importColumns(), header + "1,\"a" + strings.Repeat("x\n", 1<<20), "import_row_too_long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newRegister(t).Import(t.Context(), strings.NewReader(tt.text), tt.config, nil)
			if !errors.Is(err, fault.Invalid) || fault.Code(err) != tt.code {
				t.Errorf("got %v (%s), want %s", err, fault.Code(err), tt.code)
			}
		})
	}
}

func TestImportStopsWithItsContextAndKeepsWhatItStored(t *testing.T) {
	g := newRegister(t)
	var text strings.Builder
	text.WriteString(header)
	for i := range 11_000 {
		fmt.Fprintf(&text, "%d,a,2026-01-01 00:00:00,,\n", i)
	}
	ctx, cancel := context.WithCancel(t.Context())
	report, err := g.Import(ctx, strings.NewReader(text.String()), importColumns(), func(int) { cancel() })
	if !errors.Is(err, context.Canceled) || report.Imported != 5000 {
		t.Fatalf("got %+v, %v", report, err)
	}
	again := importText(t, g, text.String())
	if again.Imported != 6000 || again.Duplicates != 5000 {
		t.Errorf("second run: %+v", again)
	}
}

func TestImportReportsAThousandRejectionsAndTellsAll(t *testing.T) {
	told := 0
	c := importColumns()
	c.OnReject = func(complaints.Rejection) { told++ }
	report, err := newRegister(t).Import(t.Context(), strings.NewReader(header+strings.Repeat("1,a,,,\n", 3000)), c, nil)
	if err != nil || report.RejectedRows != 3000 || len(report.Rejected) != 1000 || told != 3000 {
		t.Errorf("%d rejected, %d listed, %d told, %v", report.RejectedRows, len(report.Rejected), told, err)
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(header + "1,a,2026-01-01 00:00:00,,\n"))
	f.Add([]byte("\ufeff" + header + "1,\"a\nb\",2026-01-01 00:00:00,2026-01-02 00:00:00,\r\n"))
	f.Add([]byte(header + "1,\"a"))
	f.Add([]byte("id,business,served,answered,filed\r\n\r\n,,,,\r\n"))
	g := newRegister(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		report, err := g.Import(t.Context(), bytes.NewReader(b), importColumns(), nil)
		if err != nil && !errors.Is(err, fault.Invalid) {
			t.Fatalf("neither imported nor Invalid: %v", err)
		}
		if report.Rows != report.Imported+report.Duplicates+report.RejectedRows {
			t.Fatalf("rows do not add up: %+v", report)
		}
	})
}

// manyRows is a CSV of n complaints at 1,000 businesses in no order, made as
// it is read.
type manyRows struct {
	n, next int
	rest    []byte
}

func (m *manyRows) Read(p []byte) (int, error) {
	if len(m.rest) == 0 {
		if m.next > m.n {
			return 0, io.EOF
		}
		if m.next == 0 {
			m.rest = []byte(header)
		} else {
			x := m.next * 7919 % 1_000_003
			m.rest = fmt.Appendf(m.rest[:0], "%d,business %d,2025-%02d-%02d 00:00:00,2026-01-%02d 00:00:00,\n", x, x%1000, 1+x%12, 1+x%28, 1+x%28)
		}
		m.next++
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// BenchmarkImport imports a million rows an iteration, and counts them.
func BenchmarkImport(b *testing.B) {
	for b.Loop() {
		g := newRegister(b)
		report, err := g.Import(b.Context(), &manyRows{n: 1_000_000}, importColumns(), nil)
		if err != nil || report.Imported != 1_000_000 {
			b.Fatal(report, err)
		}
		start, n := time.Now(), 0
		err = g.Scorecards(b.Context(), complaints.Terms{At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}, func(complaints.Scorecard) error { n++; return nil })
		if err != nil || n != 1000 {
			b.Fatal(n, err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/scorecards")
	}
}
