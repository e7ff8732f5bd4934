package status

import (
	"sync/atomic"
	"time"

	"mohr/ca"
)

// skew is by how much the clocks of nodes may differ. What says it is from
// later than that is from a clock that was wrong.
const skew = ca.ClockSkew

// life is the time between thisUpdate and nextUpdate of what was signed.
//
// It is signed anew in the background from half of it on. A reader waits for
// that only in the last quarter, so that nobody gets what ends in a moment.
type life struct{ this, next time.Time }

func (l life) part(n, of time.Duration) time.Time {
	return l.this.Add(l.next.Sub(l.this) * n / of)
}

// holds reports whether it is true at all at the time.
func (l life) holds(now time.Time) bool {
	return !l.this.After(now.Add(skew)) && now.Before(l.next)
}

// due reports whether the background work is to sign it anew.
func (l life) due(now time.Time) bool { return !l.holds(now) || !now.Before(l.part(1, 2)) }

// late reports whether a reader had better wait for a new one.
func (l life) late(now time.Time) bool { return !l.holds(now) || !now.Before(l.part(3, 4)) }

// retryAfter is how long a key that failed is left alone while there is
// something signed to give out.
const retryAfter = 5 * time.Second

// setback is the time of a key's last failure. It is safe for concurrent use.
type setback struct {
	at atomic.Int64 // Unix time; 0: the last signature was made
}

// note remembers how a signature went.
func (s *setback) note(now time.Time, err error) {
	switch {
	case err != nil:
		s.at.Store(now.Unix())
	case s.at.Load() != 0:
		s.at.Store(0)
	}
}

// resting reports whether the key failed just now.
func (s *setback) resting(now time.Time) bool { return s.within(now, retryAfter) }

// heldAgainst is how long a signature that failed speaks against the node. One
// that is asked no more because it is not ready has to find its way back; a
// key that is still away is seen by the probe of its home.
const heldAgainst = 2 * retryAfter

// failing reports whether the last signature failed, and lately.
func (s *setback) failing(now time.Time) bool { return s.within(now, heldAgainst) }

func (s *setback) within(now time.Time, d time.Duration) bool {
	at := s.at.Load()
	return at != 0 && now.Sub(time.Unix(at, 0)).Abs() < d
}
