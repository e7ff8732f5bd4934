package evidence_test

import (
	"os"
	"strings"
	"testing"

	"mohr/ca/evidence"
)

// TestNamesAreComparedAsTheirPageSays reads the table of docs/names.md.
func TestNamesAreComparedAsTheirPageSays(t *testing.T) {
	page, err := os.ReadFile("../../docs/names.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, seen := 0, map[evidence.Likeness]bool{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | ")
		if !strings.HasPrefix(line, "|") || len(cells) != 3 || cells[0] == "one" || cells[0] == "---" {
			continue
		}
		rows++
		want := evidence.Likeness(cells[2])
		seen[want] = true
		for _, pair := range [][2]string{{cells[0], cells[1]}, {cells[1], cells[0]}} {
			got := evidence.CompareNames(pair[0], pair[1])
			if got != want || got.Same() != evidence.SameName(pair[0], pair[1]) || got.Why() == "" {
				t.Errorf("%q and %q: %s, want %s", pair[0], pair[1], got, want)
			}
		}
	}
	if rows < 16 || len(seen) != 5 {
		t.Errorf("%d rows with %d outcomes", rows, len(seen))
	}
}

func TestTheTraceSaysHowNamesAgree(t *testing.T) {
	records := edit(natural(), evidence.FaceMatch, func(r *evidence.Record) { r.Claims.LastName = "کریمی" })
	why := func(records []evidence.Record) string {
		for _, s := range judged(t, records).Trace() {
			if s.Rule == "person.names_agree" {
				return s.Outcome + ": " + s.Why
			}
		}
		return ""
	}
	if got := why(records); !strings.HasPrefix(got, "pass") || !strings.Contains(got, "written one way") {
		t.Errorf("got %q", got)
	}
	records = edit(records, evidence.FaceMatch, func(r *evidence.Record) { r.Claims.LastName = "کرمی" })
	if got := why(records); !strings.HasPrefix(got, "review") || !strings.Contains(got, "different") {
		t.Errorf("got %q", got)
	}
}
