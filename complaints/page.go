package complaints

import "time"

// How many complaints a record needs for its figures to mean something: of
// 846 companies with no timely answer 749 had five complaints or fewer.
const (
	enoughForShares = 5  // below it counts only
	enoughForAll    = 30 // below it counts, the share and its interval
)

// recordPage is the Data of a public record's page.
type recordPage struct {
	Record
	Sheet Sheet
}

// None reports whether there never was a complaint.
func (p recordPage) None() bool { return p.Lifetime.Received == 0 }

// Shares reports whether there are enough complaints for shares and intervals.
func (p recordPage) Shares() bool { return p.Scorecard.Received >= enoughForShares }

// All reports whether there are enough for every figure.
func (p recordPage) All() bool { return p.Scorecard.Received >= enoughForAll }

// Length returns a number of days as a length of time, for the page to say in
// words; zero for none.
func (p recordPage) Length(days *float64) time.Duration {
	if days == nil {
		return 0
	}
	return time.Duration(*days * float64(24*time.Hour)).Round(time.Minute)
}

// Share returns the value of a share.
func (p recordPage) Share(x *float64) float64 {
	if x == nil {
		return 0
	}
	return *x
}

// Answer returns how long the business has: the sum of the windows.
func (p recordPage) Answer() time.Duration { return p.Window.Total() }
