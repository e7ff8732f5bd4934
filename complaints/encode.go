package complaints

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"

	"mohr/internal/fault"
)

// Columns returns the names of a scorecard's columns, in order.
func Columns() []string {
	return []string{
		"business", "received", "answered", "pending", "unanswered", "matured", "matured_on_time",
		"share_on_time", "wilson_low", "wilson_high", "on_time",
		"mean_days", "p50_days", "p90_days", "max_days", "km_p50_days", "km_p90_days",
	}
}

// Cells returns the scorecard's cells in the order of Columns: whole numbers,
// and figures with at most nine decimals, no trailing zeros and no exponent.
// A statistic over nothing is an empty cell.
func (c Scorecard) Cells() []string {
	n := strconv.Itoa
	f := func(x *float64) string {
		if x == nil {
			return ""
		}
		return strconv.FormatFloat(*x, 'f', -1, 64)
	}
	return []string{
		c.Business, n(c.Received), n(c.Answered), n(c.Pending), n(c.Unanswered), n(c.Matured), n(c.MaturedOnTime),
		f(c.ShareOnTime), f(c.WilsonLow), f(c.WilsonHigh), n(c.OnTime),
		f(c.MeanDays), f(c.P50Days), f(c.P90Days), f(c.MaxDays), f(c.KMP50Days), f(c.KMP90Days),
	}
}

// Encoder writes scorecards one after the other.
type Encoder interface {
	// Encode writes one scorecard.
	Encode(Scorecard) error
	// Close writes what is left. It does not close the writer below.
	Close() error
}

// NewEncoder returns an encoder of the format, csv (RFC 4180, with a header)
// or json (one array; a statistic over nothing is null). Another is Invalid.
func NewEncoder(w io.Writer, format string) (Encoder, error) {
	switch format {
	case "csv":
		e := &csvEncoder{w: csv.NewWriter(w)}
		return e, e.w.Write(Columns())
	case "json":
		_, err := io.WriteString(w, "[")
		return &jsonEncoder{w: w}, err
	}
	return nil, fault.New(fault.Invalid, "complaint_format_unknown", "scorecards are written as csv or json; choose one of the two")
}

type csvEncoder struct{ w *csv.Writer }

func (e *csvEncoder) Encode(c Scorecard) error { return e.w.Write(c.Cells()) }

func (e *csvEncoder) Close() error {
	e.w.Flush()
	return e.w.Error()
}

type jsonEncoder struct {
	w    io.Writer
	next bool
}

func (e *jsonEncoder) Encode(c Scorecard) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	lead := "\n"
	if e.next {
		lead = ",\n"
	}
	e.next = true
	_, err = io.WriteString(e.w, lead+string(b))
	return err
}

func (e *jsonEncoder) Close() error {
	_, err := io.WriteString(e.w, "\n]\n")
	return err
}
