package store

import (
	"errors"
	"sync/atomic"
	"time"

	"mohr/internal/fault"
)

// Measured is a Store that several processes share, with figures of its own.
type Measured interface{ Stats() Stats }

// Stats are what a store has seen since it was opened.
type Stats struct {
	Updates Durations // that have ended, however they did
	Again   uint64    // runs of a function that did not fit between the others
	GivenUp uint64    // updates that did not fit in any of their runs
	Unknown uint64    // updates whose commit broke and nobody knows how it ended

	Open, Busy, Most int           // connections: there are, in use, at most
	Waits            uint64        // times that somebody waited for a connection
	Waited           time.Duration // altogether
}

// Bounds are those of Durations, in seconds.
var Bounds = [...]float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// Durations is a histogram.
type Durations struct {
	Count   uint64
	Seconds float64             // the sum
	UpTo    [len(Bounds)]uint64 // how many took no longer than the bound
}

// counts are the figures of updates. They are safe for concurrent use.
type counts struct {
	again, givenUp, unknown, count atomic.Uint64
	took                           atomic.Int64 // nanoseconds
	upTo                           [len(Bounds)]atomic.Uint64
}

// update counts one that ran so often and came to err.
func (c *counts) update(ran int, took time.Duration, err error) {
	c.count.Add(1)
	c.took.Add(int64(took))
	for i, bound := range Bounds {
		if took.Seconds() <= bound {
			c.upTo[i].Add(1)
		}
	}
	if errors.Is(err, errNoFit) {
		c.givenUp.Add(1)
	}
	if fault.Code(err) == "store_outcome_unknown" {
		c.unknown.Add(1)
	}
	c.again.Add(uint64(max(ran-1, 0)))
}

// Stats makes this a Measured.
func (s *pgStore) Stats() Stats {
	pool := s.pool.Stat()
	out := Stats{
		Again: s.counts.again.Load(), GivenUp: s.counts.givenUp.Load(), Unknown: s.counts.unknown.Load(),
		Open: int(pool.TotalConns()), Busy: int(pool.AcquiredConns()), Most: int(pool.MaxConns()),
		Waits: uint64(pool.EmptyAcquireCount()), Waited: pool.EmptyAcquireWaitTime(),
	}
	out.Updates.Count, out.Updates.Seconds = s.counts.count.Load(), time.Duration(s.counts.took.Load()).Seconds()
	for i := range Bounds {
		out.Updates.UpTo[i] = s.counts.upTo[i].Load()
	}
	return out
}
