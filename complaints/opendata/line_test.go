package opendata_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/complaints"
	"mohr/complaints/opendata"
)

var windows = cmp.Comparer(func(a, b complaints.Window) bool { return a == b })

func fullLine(t testing.TB) opendata.Line {
	w, err := complaints.ParseWindow("staged(72h,48h,24h)")
	if err != nil {
		t.Fatal(err)
	}
	const d = 86400
	return opendata.Line{Complaint: "0123456789abcdef", Business: "14003456780", TextRemoved: "court_order", Row: complaints.Row{
		Served: 100 * d, Answered: 120 * d, Ended: 112 * d, Out: 113 * d, Filed: 99 * d, Category: `Delay, "other"`, Window: w,
		Void:     []complaints.Span{{From: 101 * d, To: 102 * d, Reacted: 101*d + 5}, {From: 103 * d, To: 104 * d}},
		Gone:     []complaints.Gone{{Span: complaints.Span{From: 105 * d, To: 106 * d}, Ended: true}, {Span: complaints.Span{From: 107 * d, To: 108 * d}}},
		Rest:     []complaints.Rest{{Span: complaints.Span{From: 109 * d, To: 110 * d}, At: 111 * d}},
		Accepted: 121 * d, Rejected: 122 * d, Reacted: 121 * d, Settled: 123 * d, Escalated: 124 * d, Decided: 125 * d, Closed: 126 * d,
	}}
}

// Every field of a row is in a line: otherwise a figure could not be recomputed.
func TestALineCarriesTheWholeRow(t *testing.T) {
	l := fullLine(t)
	got, err := opendata.ParseLine(l.Cells())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(l, got, windows); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if len(l.Cells()) != len(opendata.LineColumns()) {
		t.Errorf("%d cells, %d columns", len(l.Cells()), len(opendata.LineColumns()))
	}
	row := reflect.ValueOf(l.Row)
	for i := range row.NumField() {
		if row.Field(i).IsZero() {
			t.Errorf("the row's %s is not in the test", row.Type().Field(i).Name)
		}
	}
	for i, c := range l.Cells() {
		if c == "" {
			t.Errorf("column %s is not in the test", opendata.LineColumns()[i].Name)
		}
	}
}

// What the record may hold is written so that its reader takes it.
func TestTheFullestLineIsRead(t *testing.T) {
	l := fullLine(t)
	l.Row.Void, l.Row.Gone, l.Row.Rest = nil, nil, nil
	for i := range int64(complaints.MaxEvents) {
		s := complaints.Span{From: 1_700_000_000 + 60*i, To: 1_700_000_030 + 60*i}
		l.Row.Gone = append(l.Row.Gone, complaints.Gone{Span: s, Ended: true})
		l.Row.Rest = append(l.Row.Rest, complaints.Rest{Span: s, At: s.To})
		s.Reacted = s.To
		l.Row.Void = append(l.Row.Void, s)
	}
	l.Row.Category = strings.Repeat("ش", 64)
	got, err := opendata.ParseLine(l.Cells())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, l) {
		t.Error("it reads otherwise")
	}
	cells := l.Cells()
	for i := 9; i <= 11; i++ {
		more := slices.Clone(cells)
		more[i] += " " + strings.Fields(more[i])[0]
		if _, err := opendata.ParseLine(more); err == nil {
			t.Errorf("column %s has no bound", opendata.LineColumns()[i].Name)
		}
	}
}

func TestEveryColumnIsDescribed(t *testing.T) {
	for _, c := range slices.Concat(opendata.LineColumns(), opendata.FigureColumns()) {
		if c.Meaning == "" || c.Type == "" {
			t.Errorf("column %q is not described", c.Name)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	full := fullLine(f).Cells()
	for i := range full {
		f.Add(i, full[i])
		f.Add(i, "")
		f.Add(i, "1970-01-05T00:00:00Z/1970-01-06T00:00:00Z/out")
	}
	f.Fuzz(func(t *testing.T, i int, cell string) {
		cells := slices.Clone(full)
		cells[uint(i)%uint(len(cells))] = cell
		l, err := opendata.ParseLine(cells)
		if err == nil && !slices.Equal(l.Cells(), cells) {
			t.Fatalf("%q reads as %+v, which is written %q", cells, l, l.Cells())
		}
	})
}
