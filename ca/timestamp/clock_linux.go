package timestamp

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// Kernel returns a Clock that asks the kernel whether a time daemon holds the
// clock, and how far off it may be (adjtimex(2)); beyond limit it is not trusted.
func Kernel(limit time.Duration) func() error {
	return func() error {
		const timeError = 5 // TIME_ERROR: not synchronised
		var t syscall.Timex
		state, err := syscall.Adjtimex(&t)
		switch {
		case err != nil:
			return fmt.Errorf("adjtimex: %w", err)
		case state == timeError:
			return errors.New("clock is not synchronised")
		case time.Duration(t.Maxerror)*time.Microsecond > limit:
			return fmt.Errorf("clock may be off by %s", time.Duration(t.Maxerror)*time.Microsecond)
		}
		return nil
	}
}
