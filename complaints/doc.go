// Package complaints keeps complaints against businesses and counts them honestly.
//
// A complaint is a chain of events that is only ever added to; what state it
// is in, and whether the business was late, is derived from the events and an
// instant by pure functions. The clock starts when the complaint is served,
// only a substantive answer signed by the business stops it, and silence is
// counted until it ends. The same counting serves the public record of one
// business and the scorecard of all of them, from live complaints and from
// imported ones.
package complaints
