package plan

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Life is a span as people write it: whole days ("120d") or calendar years
// ("20y"). Its zero value is no span.
type Life struct {
	years, days int
}

// Days returns a span of n days.
func Days(n int) Life { return Life{days: n} }

// maxLife bounds a span: dates beyond 2049 change their encoding and nobody
// plans keys for longer.
const maxLife = 50

// UnmarshalYAML reads a span.
func (l *Life) UnmarshalYAML(n *yaml.Node) error {
	text := n.Value
	number, years := strings.CutSuffix(text, "y")
	if !years {
		number, _ = strings.CutSuffix(text, "d")
	}
	v, err := strconv.Atoi(number)
	if err != nil || number == text || strconv.Itoa(v) != number || v < 1 || years && v > maxLife || v > maxLife*366 {
		return fmt.Errorf("line %d: %q is no span; write days as 120d or years as 20y", n.Line, text)
	}
	*l = Life{}
	if years {
		l.years = v
	} else {
		l.days = v
	}
	return nil
}

// String writes the span as it is read.
func (l Life) String() string {
	if l.years > 0 {
		return fmt.Sprintf("%dy", l.years)
	}
	return fmt.Sprintf("%dd", l.days)
}

// After returns the instant that is the span after t.
func (l Life) After(t time.Time) time.Time { return t.AddDate(l.years, 0, l.days) }

// Last returns the last second of a life that begins at t: both ends count
// (RFC 5280 section 4.1.2.5).
func (l Life) Last(t time.Time) time.Time { return l.After(t).Add(-time.Second) }

func (l Life) zero() bool { return l == Life{} }
