package complaints_test

import (
	"testing"
	"time"

	"mohr/complaints"
)

// story makes events at hours after serving; the first two are filed and
// served at hour 0 under single(96h).
func story(t *testing.T, more ...complaints.Event) []complaints.Event {
	t.Helper()
	events := []complaints.Event{
		{Kind: complaints.KindFiled, At: served, Window: window(t, "single(96h)"), Policy: "single-96h/1"},
		{Kind: complaints.KindServed, At: served},
	}
	return append(events, more...)
}

var served = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func after(hours int) time.Time { return served.Add(time.Duration(hours) * hour) }

func event(k complaints.Kind, hours int) complaints.Event {
	return complaints.Event{Kind: k, At: after(hours)}
}

// lost says that the service was away between two hours, recorded at a third.
func lost(from, to, recorded int) complaints.Event {
	return complaints.Event{Kind: complaints.KindRested, At: after(recorded), From: after(from), To: after(to)}
}

func TestTheClockRestsWhileTheServiceWasLost(t *testing.T) {
	answer, disputed := complaints.KindAnswer, complaints.KindDisputed
	tests := []struct {
		name     string
		events   []complaints.Event
		at       int // hours
		state    complaints.State
		deadline int // hours
	}{
		{"an outage moves the deadline on by its length", []complaints.Event{lost(10, 14, 20)}, 100, complaints.StatePending, 100},
		{"nothing is moved before it was recorded", []complaints.Event{lost(10, 14, 98)}, 97, complaints.StateUnanswered, 96},
		{"recorded late it still moves", []complaints.Event{lost(10, 14, 98)}, 98, complaints.StatePending, 100},
		{"an answer that was late by our failure alone is in time", []complaints.Event{event(answer, 98), lost(90, 96, 99)}, 99, complaints.StateAnswered, 102},
		{"before serving no clock ran", []complaints.Event{lost(-10, -2, 1)}, 97, complaints.StateUnanswered, 96},
		{"from before serving until after it only the later part counts", []complaints.Event{lost(-10, 2, 3)}, 98, complaints.StatePending, 98},
		{"two outages that overlap are one", []complaints.Event{lost(10, 20, 21), lost(15, 25, 26)}, 111, complaints.StatePending, 111},
		{"an outage in which an answer stood anyway moves nothing twice", []complaints.Event{event(answer, 10), event(disputed, 30), lost(5, 20, 31)}, 121, complaints.StatePending, 121},
		{"an outage after the deadline moves nothing", []complaints.Event{lost(97, 200, 201)}, 201, complaints.StateUnanswered, 96},
		{"an outage from the very deadline leaves its last second for after it", []complaints.Event{lost(96, 200, 201)}, 200, complaints.StateUnanswered, 96},
		{"and gives it back once recorded", []complaints.Event{lost(96, 202, 201)}, 202, complaints.StatePending, 202},
		{"an answer during the outage counts from when the clock last ran", []complaints.Event{event(answer, 100), lost(95, 105, 106)}, 106, complaints.StateAnswered, 106},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events := story(t, tt.events...)
			s := complaints.Derive(events, after(tt.at))
			if s.State != tt.state || !s.Deadline().Equal(after(tt.deadline)) {
				t.Errorf("state %s, deadline after %v; want %s, %dh", s.State, s.Deadline().Sub(served), tt.state, tt.deadline)
			}
		})
	}
}
