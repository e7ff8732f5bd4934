package opendata

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"time"

	"mohr/ca"
	"mohr/complaints"
	"mohr/internal/store"
)

// Names of the files of what others find of a business: what capability and
// security of its score rest on. Editions of before they were published lack
// both.
const (
	LooksFile    = "looks.csv"
	MeasuresFile = "measures.csv"
)

// lookedBucket keeps of each business the day before which its looks were
// published.
const lookedBucket = "complaints_emitted_looks"

// LookColumns describe looks.csv, in order.
func LookColumns() []Column {
	return []Column{
		{"business", "text", "id of the business"},
		{"measure", "text", "what was looked at: company_active_days, licence_valid_days (capability), domain_held_days, tls_valid_days (security)"},
		{"day", "day", "day of the look, in UTC; a later line of the same day replaces the earlier one"},
		{"held", "truth", "it held each time somebody looked that day"},
	}
}

// MeasureColumns describe measures.csv, in order.
func MeasureColumns() []Column {
	return []Column{
		{"business", "text", "id of the business"},
		{"dimension", "text", "of the score: capability or security"},
		{"measure", "text", "what was looked at"},
		{"share", "number", "share of the days on which it held, of the 365 whole days (UTC) before the day of the edition's instant"},
		{"of", "count", "days on which somebody looked; below 30 nothing is measured, and there is no line"},
	}
}

// looked returns the lines of looks.csv of a business: those that count as of
// an instant and were not published before, or all.
func looked(tx store.Tx, business string, at time.Time, full bool) (all []complaints.Look, lines [][]string, err error) {
	if all, err = complaints.Looks(tx, ca.BusinessID(business), at); err != nil || len(all) == 0 {
		return nil, nil, err
	}
	from, err := store.Load[string](tx, lookedBucket, business)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, nil, err
	}
	for _, l := range all {
		if full || l.Day >= from {
			lines = append(lines, []string{business, string(l.Measure), l.Day, strconv.FormatBool(l.Held)})
		}
	}
	return all, lines, store.Save(tx, lookedBucket, business, at.UTC().Format(time.DateOnly))
}

// measureLines are the lines of measures.csv of one business.
func measureLines(business string, looks []complaints.Look, at time.Time) (lines [][]string) {
	found := complaints.CountLooks(looks, at)
	for _, d := range complaints.Dimensions() {
		for _, in := range found[d] {
			lines = append(lines, []string{business, string(d), in.Name, strconv.FormatFloat(in.Share, 'f', -1, 64), strconv.Itoa(in.Of)})
		}
	}
	return lines
}

var measureForm = regexp.MustCompile(`^[a-z_]{1,40}$`)

// parseLook reads a line of looks.csv.
func parseLook(cells []string) (business string, l complaints.Look, err error) {
	if len(cells) != len(LookColumns()) || len(cells[0]) > maxCell {
		return "", l, errLine("the number of cells")
	}
	if _, err := time.Parse(time.DateOnly, cells[2]); err != nil || !measureForm.MatchString(cells[1]) || !slices.Contains([]string{"true", "false"}, cells[3]) {
		return "", l, errLine("a measure, a day, or true or false")
	}
	return cells[0], complaints.Look{Measure: complaints.Measure(cells[1]), Day: cells[2], Held: cells[3] == "true"}, nil
}
