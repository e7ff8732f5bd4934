package timestamp

import (
	"testing"
	"time"
)

func TestAClockThatSteppedIsNotTrusted(t *testing.T) {
	tests := []struct {
		name         string
		passed, wall time.Duration
		trusted      bool
	}{
		{"no step", time.Hour, time.Hour, true},
		{"a step within the limit", time.Hour, time.Hour + time.Second, true},
		{"a step forward", time.Hour, time.Hour + 1001*time.Millisecond, false},
		{"a step back", time.Hour, time.Hour - 1001*time.Millisecond, false},
		{"a step to before the start", time.Minute, -24 * time.Hour, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := stepped(test.passed, test.wall, time.Second); (err == nil) != test.trusted {
				t.Errorf("stepped: %v, want trusted %v", err, test.trusted)
			}
		})
	}
	if err := Steady(time.Second)(); err != nil {
		t.Errorf("Steady: %v", err)
	}
}
