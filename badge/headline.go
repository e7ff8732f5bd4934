package badge

import (
	"context"
	"errors"
	"time"

	"mohr/internal/fault"
)

// fewComplaints is how many it takes for more than counts to be shown.
const fewComplaints = 5

// Headline is the two figures of a business's complaint record, as it is
// published: how many are unanswered, and how late answers come.
type Headline struct {
	Unanswered int      `json:"unanswered"`            // all still open past their windows, however old
	OnTime     int      `json:"on_time"`               // of Matured, answered in time
	Matured    int      `json:"matured"`               // complaints whose time to answer has run out
	MedianDays *float64 `json:"median_days,omitempty"` // Kaplan-Meier, the open ones counted
}

// Median is MedianDays as a length of time; zero if there is none.
func (h Headline) Median() time.Duration {
	if h.MedianDays == nil {
		return 0
	}
	return time.Duration(*h.MedianDays * float64(24*time.Hour)).Round(time.Minute)
}

// headline is nil while the record is not public, or cannot be read.
func (d *Desk) headline(ctx context.Context, r Record) *Headline {
	if !r.Granted() {
		return nil
	}
	c, err := d.Complaints.Public(ctx, r.Business)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		d.Log.Error("read complaint record", "badge", r.ID, "error", err)
		return nil
	}
	s := c.Scorecard
	h := &Headline{Unanswered: s.Unanswered, OnTime: s.MaturedOnTime, Matured: s.Matured}
	if s.Received >= fewComplaints {
		h.MedianDays = s.KMP50Days
	}
	return h
}
