package timestamp

import (
	"fmt"
	"time"
)

// Steady returns a Clock for a machine where nothing else watches the clock:
// it was right when Steady was called, and is trusted until it steps by more
// than limit. Once it has, it stays untrusted.
func Steady(limit time.Duration) func() error {
	start := time.Now()
	return func() error {
		now := time.Now()
		// Sub takes the monotonic clock, which nobody sets; Round(0) strips it.
		return stepped(now.Sub(start), now.Round(0).Sub(start.Round(0)), limit)
	}
}

func stepped(passed, wall, limit time.Duration) error {
	if step := (wall - passed).Abs(); step > limit {
		return fmt.Errorf("clock was set by %s", step)
	}
	return nil
}
