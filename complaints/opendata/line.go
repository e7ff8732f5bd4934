package opendata

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mohr/complaints"
	"mohr/internal/fault"
)

// Rules is the version of the rules by which lines give figures: those of
// complaints.Tally. It changes when a rule does.
const Rules = "mohr-complaints-rules/1"

// Line is one complaint as it was known at the end of an edition's day.
type Line struct {
	Complaint   string // pseudonym, the same in every edition
	Business    string
	Row         complaints.Row // its Window is the one it is judged by
	TextRemoved string         // reason for which the law had its text removed; the rest stays
}

// Column is a column of an edition's file.
type Column struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Meaning string `json:"meaning"`
}

// LineColumns describe complaints.csv, in order.
func LineColumns() []Column {
	at := func(name, meaning string) Column { return Column{name, "instant", meaning} }
	return []Column{
		{"complaint", "text", "pseudonym of the complaint, the same in every edition; a later line of it replaces the earlier ones"},
		{"business", "text", "id of the business"},
		{"category", "text", "what it is about, of the closed list; of an import, the word of its source"},
		{"window", "window", "time to answer by the policy it was filed under: single(96h), staged(72h,48h,24h)"},
		at("filed", "filed; empty: when it was served"),
		at("served", "served to the business: the clock starts"),
		at("answered", "first substantive answer that stands"),
		at("ended", "withdrawn, or moved to another business"),
		at("out", "found inadmissible, a duplicate or merged: not counted from then on"),
		{"voided", "spans", "answers that stood for a while, FROM/TO/REACTED: until the consumer or an officer found that they were none; the clock rests meanwhile"},
		{"set_aside", "spans", "whiles set aside until an appeal was granted, FROM/TO/out or FROM/TO/ended; the clock rests meanwhile"},
		{"rested", "spans", "whiles in which the service could not be reached, FROM/TO/KNOWN: no clock runs"},
		at("reacted", "the consumer's first word to the answer that stands"),
		at("accepted", "the consumer accepted the answer; that alone settles nothing"),
		at("rejected", "the consumer rejected the answer, which stays one"),
		at("settled", "the consumer confirmed that it is settled with the business"),
		at("escalated", "the consumer asked for a decision"),
		at("decided", "an officer decided"),
		at("closed", "settled, or the time to appeal a decision was over, or the appeal decided"),
		{"text_removed", "text", "reason for which the text, which is never published, was removed by law; the complaint counts as before"},
	}
}

// instants are the cells that hold one, in the order of LineColumns.
func instants(r *complaints.Row) (first, last []*int64) {
	return []*int64{&r.Filed, &r.Served, &r.Answered, &r.Ended, &r.Out},
		[]*int64{&r.Reacted, &r.Accepted, &r.Rejected, &r.Settled, &r.Escalated, &r.Decided, &r.Closed}
}

// Cells writes the line in the order of LineColumns.
func (l Line) Cells() []string {
	r := l.Row
	cells := []string{l.Complaint, l.Business, r.Category, r.Window.String()}
	first, last := instants(&r)
	for _, t := range first {
		cells = append(cells, instant(*t))
	}
	var voided, aside, rested []string
	for _, s := range r.Void {
		voided = append(voided, span(s, instant(s.Reacted)))
	}
	for _, g := range r.Gone {
		word := "out"
		if g.Ended {
			word = "ended"
		}
		aside = append(aside, span(g.Span, word))
	}
	for _, s := range r.Rest {
		rested = append(rested, span(s.Span, instant(s.At)))
	}
	cells = append(cells, strings.Join(voided, " "), strings.Join(aside, " "), strings.Join(rested, " "))
	for _, t := range last {
		cells = append(cells, instant(*t))
	}
	return append(cells, l.TextRemoved)
}

func instant(secs int64) string {
	if secs == 0 {
		return ""
	}
	return time.Unix(secs, 0).UTC().Format(time.RFC3339)
}

func span(s complaints.Span, third string) string {
	return instant(s.From) + "/" + instant(s.To) + "/" + third
}

// Bounds of a line, above what this service writes: each span comes from an
// event of the complaint, and is three instants of twenty octets.
const (
	maxSpans = complaints.MaxEvents
	maxCell  = maxSpans * len("2006-01-02T15:04:05Z/2006-01-02T15:04:05Z/2006-01-02T15:04:05Z ")
)

func errLine(why string) error {
	return fault.New(fault.Invalid, "open_data_line", "a line of the complaints is not as its columns are described: %[1]s; fetch the file again", why)
}

// ParseLine reads what Cells wrote and nothing else. Anything else is Invalid.
func ParseLine(cells []string) (Line, error) {
	if len(cells) != len(LineColumns()) {
		return Line{}, errLine("the number of cells")
	}
	for _, c := range cells {
		if len(c) > maxCell {
			return Line{}, errLine("a cell is too long")
		}
	}
	l := Line{Complaint: cells[0], Business: cells[1], TextRemoved: cells[19]}
	l.Row.Category = cells[2]
	var err error
	if l.Row.Window, err = complaints.ParseWindow(cells[3]); err != nil {
		return Line{}, err
	}
	first, last := instants(&l.Row)
	for i, at := range first {
		*at, err = parseInstant(cells[4+i], err)
	}
	for i, at := range last {
		*at, err = parseInstant(cells[12+i], err)
	}
	if err == nil {
		err = l.parseSpans(cells[9], cells[10], cells[11])
	}
	switch {
	case err != nil:
		return Line{}, err
	case l.Complaint == "" || l.Business == "" || l.Row.Served == 0:
		return Line{}, errLine("complaint, business or served is empty")
	case !slices.Equal(l.Cells(), cells):
		return Line{}, errLine("it is not written as this service writes")
	}
	return l, nil
}

func (l *Line) parseSpans(voided, aside, rested string) (err error) {
	each := func(cell string, fn func(s complaints.Span, third string) error) {
		parts := strings.Fields(cell)
		if len(parts) > maxSpans {
			err = errLine("too many spans")
		}
		for _, p := range parts {
			if err != nil {
				return
			}
			three := strings.Split(p, "/")
			if len(three) != 3 {
				err = errLine("a span")
				return
			}
			var s complaints.Span
			s.From, err = parseInstant(three[0], err)
			if s.To, err = parseInstant(three[1], err); err == nil {
				err = fn(s, three[2])
			}
		}
	}
	each(voided, func(s complaints.Span, third string) (err error) {
		s.Reacted, err = parseInstant(third, nil)
		l.Row.Void = append(l.Row.Void, s)
		return err
	})
	each(aside, func(s complaints.Span, third string) error {
		l.Row.Gone = append(l.Row.Gone, complaints.Gone{Span: s, Ended: third == "ended"})
		return nil
	})
	each(rested, func(s complaints.Span, third string) error {
		at, err := parseInstant(third, nil)
		l.Row.Rest = append(l.Row.Rest, complaints.Rest{Span: s, At: at})
		return err
	})
	return err
}

// parseInstant keeps an error that there was before.
func parseInstant(s string, before error) (int64, error) {
	if s == "" || before != nil {
		return 0, before
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return 0, errLine("an instant")
	}
	return t.Unix(), nil
}

// FigureColumns describe figures.csv: stretch, then the scorecard's columns.
func FigureColumns() []Column {
	columns := []Column{{"stretch", "text", "365d: of complaints served in the 365 days before the edition's instant; all: of all. unanswered counts all, however old, in both"}}
	meaning := map[string]string{
		"business": "id of the business", "received": "distinct complaints", "answered": "with a substantive answer", "pending": "open inside the window: never a fault",
		"unanswered": "open past the last window", "matured": "whose first window has run out", "matured_on_time": "of these, answered within it",
		"share_on_time": "matured_on_time / matured", "wilson_low": "95 % interval of the share (Wilson)", "wilson_high": "95 % interval of the share (Wilson)",
		"on_time": "answered within the first window, its last second included", "mean_days": "of the answered, from serving to the answer",
		"p50_days": "of the answered, nearest rank: sorted[ceil(0.5 n)-1]", "p90_days": "of the answered, nearest rank: sorted[ceil(0.9 n)-1]", "max_days": "of the answered",
		"km_p50_days": "Kaplan-Meier: smallest time at which at most half is still open", "km_p90_days": "Kaplan-Meier: smallest time at which at most a tenth is still open",
	}
	for _, name := range complaints.Columns() {
		columns = append(columns, Column{name, kindOf(name), meaning[name]})
	}
	return columns
}

func kindOf(name string) string {
	switch {
	case name == "business":
		return "text"
	case strings.HasSuffix(name, "_days"), strings.HasPrefix(name, "wilson"), strings.HasPrefix(name, "share"):
		return "number"
	}
	return "count"
}

func names(columns []Column) []string {
	var list []string
	for _, c := range columns {
		list = append(list, c.Name)
	}
	return list
}

// figureLines are the lines of figures.csv of one business.
func figureLines(business string, rows []complaints.Row, at time.Time) (lines [][]string) {
	for _, stretch := range []string{"365d", "all"} {
		rolling, err := complaints.ParseRolling(stretch)
		if err != nil {
			panic(fmt.Sprintf("opendata: %v", err)) // a constant
		}
		card := complaints.Score(business, rows, complaints.Terms{At: at, Rolling: rolling})
		lines = append(lines, append([]string{stretch}, card.Cells()...))
	}
	return lines
}
