package complaints

import (
	"strconv"
	"strings"
	"time"

	"mohr/internal/fault"
)

const (
	// maxStages bounds the windows of one policy; the ones known have three.
	maxStages = 8
	// maxStageHours bounds one window: a leap year.
	maxStageHours = 366 * 24
	// maxWindowText bounds the text of a window: staged() of maxStages.
	maxWindowText = 64
)

// Window says how long a business has to answer: one stretch of time after
// serving, or several, one after the other. The zero Window gives no time at
// all and is no policy; only ParseWindow makes others. Windows compare by ==.
type Window struct {
	hours [maxStages]uint16
	n     uint8
}

// ParseWindow reads single(D) or staged(D,D,...) with two to eight windows. D
// is a whole number of hours or days without leading zeros, 96h or 4d, at
// most 366 days. There are no spaces in it. Anything else is Invalid.
func ParseWindow(s string) (Window, error) {
	bad := func() (Window, error) {
		return Window{}, fault.New(fault.Invalid, "complaint_window_invalid", "a window is written single(96h) or staged(72h,48h,24h); write it so")
	}
	if len(s) > maxWindowText {
		return bad()
	}
	name, rest, ok := strings.Cut(s, "(")
	list, closed := strings.CutSuffix(rest, ")")
	parts := strings.Split(list, ",")
	switch {
	case !ok, !closed, len(parts) > maxStages:
		return bad()
	case name == "single" && len(parts) == 1, name == "staged" && len(parts) > 1:
	default:
		return bad()
	}
	var w Window
	for _, p := range parts {
		h, ok := parseHours(p)
		if !ok {
			return bad()
		}
		w.hours[w.n] = uint16(h)
		w.n++
	}
	return w, nil
}

// parseHours reads 96h or 4d as hours, 1 to maxStageHours.
func parseHours(s string) (hours int, ok bool) {
	if len(s) < 2 || len(s) > 5 || s[0] == '0' {
		return 0, false
	}
	digits, unit := s[:len(s)-1], s[len(s)-1]
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0, false
	}
	switch unit {
	case 'h':
	case 'd':
		n *= 24
	default:
		return 0, false
	}
	return n, n <= maxStageHours
}

// String writes the window as ParseWindow reads it, in hours; "" for zero.
func (w Window) String() string {
	if w.IsZero() {
		return ""
	}
	name := "single"
	if w.n > 1 {
		name = "staged"
	}
	parts := make([]string, w.n)
	for i := range parts {
		parts[i] = strconv.Itoa(int(w.hours[i])) + "h"
	}
	return name + "(" + strings.Join(parts, ",") + ")"
}

// IsZero reports whether the window is the zero one.
func (w Window) IsZero() bool { return w.n == 0 }

// Stages returns how many windows there are, one after the other.
func (w Window) Stages() int { return int(w.n) }

// First returns the length of the first window: who answers within it is on time.
func (w Window) First() time.Duration { return time.Duration(w.hours[0]) * time.Hour }

// Until returns how long after serving window number stage ends; the first is 1.
func (w Window) Until(stage int) time.Duration {
	var sum time.Duration
	for _, h := range w.hours[:min(stage, int(w.n))] {
		sum += time.Duration(h) * time.Hour
	}
	return sum
}

// Total returns the sum of all windows: past it an open complaint is unanswered.
func (w Window) Total() time.Duration { return w.Until(int(w.n)) }

// MarshalText writes String, so that records and documents carry the text.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (w *Window) UnmarshalText(b []byte) (err error) {
	*w, err = ParseWindow(string(b))
	return err
}
