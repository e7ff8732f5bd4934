package complaints

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// The histories below move in whole hours, so that ties are common, from an
// instant that is no midnight anywhere.
var dawn = time.Date(2026, 3, 28, 21, 30, 0, 0, time.UTC) // the night in which half of Europe turns its clocks

const tick = time.Hour

// history makes a random one: at each step something that the state allows, or
// an outage if there may be some.
func history(random *rand.Rand, w Window, outages bool) []Event {
	at := dawn
	events := []Event{{Kind: KindFiled, At: at, Actor: "consumer", Window: w, Policy: "p/1"}}
	if random.IntN(4) == 0 {
		events = append(events, Event{Kind: KindFlagged, At: at, Actor: "service"})
	} else {
		events = append(events, Event{Kind: KindServed, At: at, Actor: "service"})
	}
	kinds := slices.Concat(Reactions(), RulingKinds(), []Kind{KindHolding, KindAnswer, KindAnswer, KindNoSuchOrder})
	for range 12 {
		step := []int{0, 1, 5, 48, 96, 240, 480}[random.IntN(7)]
		at = at.Add(time.Duration(step) * tick)
		if outages && random.IntN(4) == 0 {
			to := at.Add(-time.Duration(random.IntN(60)) * tick)
			events = append(events, Event{Kind: KindRested, At: at, From: to.Add(-time.Duration(1+random.IntN(30)) * tick), To: to})
			continue
		}
		s := Derive(events, at)
		k := kinds[random.IntN(len(kinds))]
		if s.allows(k) != nil {
			continue
		}
		e := Event{Kind: k, At: at, Actor: "operator:sara"}
		if k == KindDecided || k == KindAppealGranted && s.Outcome != "" {
			e.Outcome = ForConsumer
		}
		events = append(events, e)
		// What the desk does in the same transaction.
		if s = Derive(events, at); s.State == StateAdmissible || k == KindAppealGranted && s.State == StateFiled {
			events = append(events, Event{Kind: KindServed, At: at, Actor: "service"})
		}
	}
	return events
}

func eachHistory(t *testing.T, outages bool, check func(t *testing.T, events []Event)) {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 11))
	for _, text := range []string{"single(96h)", "staged(72h,48h,24h)", "single(1h)"} {
		w, err := ParseWindow(text)
		if err != nil {
			t.Fatal(err)
		}
		for range 1500 {
			if check(t, history(random, w, outages)); t.Failed() {
				return
			}
		}
	}
}

// instants are those at which something may change, and the seconds beside.
func instants(events []Event) (list []time.Time) {
	last := events[len(events)-1].At
	for at := dawn.Add(-tick); at.Before(last.Add(700 * tick)); at = at.Add(13 * tick) {
		list = append(list, at)
	}
	for _, e := range events {
		for _, d := range []time.Duration{0, 96 * tick, 72 * tick, ReactionTime, AppealTime} {
			list = append(list, e.At.Add(d-time.Second), e.At.Add(d), e.At.Add(d+time.Second))
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return list
}

// seen returns the events up to an instant.
func seen(events []Event, at time.Time) []Event {
	i := slices.IndexFunc(events, func(e Event) bool { return e.At.After(at) })
	if i < 0 {
		return events
	}
	return events[:i]
}

func TestWhatWasSoAtAnInstantStaysSo(t *testing.T) {
	eachHistory(t, true, func(t *testing.T, events []Event) {
		row, served := rowOf(events)
		for _, at := range instants(events) {
			before := seen(events, at)
			if a, b := Derive(before, at), Derive(events, at); !reflect.DeepEqual(a, b) {
				t.Fatalf("at %v the state was %+v and is told as %+v later; %+v", at, a, b, events)
			}
			then, was := rowOf(before)
			if !was || !served {
				continue
			}
			a, counted := then.at(at.Unix())
			b, counts := row.at(at.Unix())
			// When the consumer said the first word may lie ahead.
			if a.reacted, b.reacted = 0, 0; counted != counts || counts && a != b {
				t.Fatalf("at %v the row was %+v (%v) and is told as %+v (%v) later; %+v", at, a, counted, b, counts, events)
			}
			if then.Silent(at.Unix()) != row.Silent(at.Unix()) {
				t.Fatalf("at %v silence is told otherwise later; %+v", at, events)
			}
		}
	})
}

func TestTheRowAddedToEventByEventIsTheRowOfAll(t *testing.T) {
	eachHistory(t, true, func(t *testing.T, events []Event) {
		var grown Row
		for i, e := range events {
			grown.take(e)
			if all, _ := rowOf(events[:i+1]); !reflect.DeepEqual(all, grown) {
				t.Fatalf("after %d events %+v, from all %+v", i+1, grown, all)
			}
		}
	})
}

// slowClock counts the hours in which the business owed an answer, one by one,
// by what was known at the instant.
func slowClock(events []Event, at time.Time) (hours int) {
	known := seen(events, at)
	for h := dawn; h.Before(at); h = h.Add(tick) {
		rests := false
		for _, e := range known {
			rests = rests || e.Kind == KindRested && !h.Before(e.From) && h.Before(e.To)
		}
		past := seen(known, h)
		served, stopped := false, false
		for _, e := range past {
			switch e.Kind {
			case KindServed:
				served = true
			case KindAnswer, KindNoSuchOrder, KindWithdrawn, KindMoved, KindInadmissible, KindDuplicate, KindMerged:
				stopped = true
			case KindDisputed, KindOrderFound:
				stopped = false
			case KindAppealGranted:
				stopped = slowAnswered(past)
			}
		}
		if served && !stopped && !rests {
			hours++
		}
	}
	return hours
}

// slowAnswered reports whether an answer stands.
func slowAnswered(events []Event) (answered bool) {
	for _, e := range events {
		switch e.Kind {
		case KindAnswer, KindNoSuchOrder:
			answered = true
		case KindDisputed, KindOrderFound:
			answered = false
		}
	}
	return answered
}

func TestTheClockIsTheHoursInWhichAnAnswerWasOwed(t *testing.T) {
	random, n := rand.New(rand.NewPCG(3, 5)), 0
	eachHistory(t, true, func(t *testing.T, events []Event) {
		if random.IntN(10) > 0 {
			return // counting hour by hour is slow
		}
		at := events[len(events)-1].At.Add(time.Duration(random.IntN(200)) * tick)
		row, served := rowOf(events)
		v, counts := row.at(at.Unix())
		if !served || !counts {
			return
		}
		n++
		if hours := slowClock(events, at); v.clock != int64(hours)*3600 {
			t.Fatalf("at %v the clock says %d h, hour by hour it is %d; %+v", at, v.clock/3600, hours, events)
		}
	})
	if n < 100 {
		t.Errorf("only %d histories were looked at", n)
	}
}

func TestTheClockNeverGoesBackAndLateNeverBecomesOnTime(t *testing.T) {
	eachHistory(t, false, func(t *testing.T, events []Event) {
		row, served := rowOf(events)
		if !served {
			return
		}
		var last int64
		var missed int
		for _, at := range instants(events) {
			if v, counts := row.at(at.Unix()); counts {
				if v.clock < last {
					t.Fatalf("at %v the clock went back from %d to %d; %+v", at, last, v.clock, events)
				}
				last = v.clock
			}
			s := Derive(events, at)
			if s.Missed < missed {
				t.Fatalf("at %v %d windows are missed, before %d; %+v", at, s.Missed, missed, events)
			}
			missed = s.Missed
			if s.State == StateAnswered && missed > 0 || s.State == StateAnsweredLate && missed == 0 {
				t.Fatalf("%s with %d windows missed", s.State, missed)
			}
		}
	})
}

func TestOnlyAnOutageGivesTimeBackAndNoMoreThanItsLength(t *testing.T) {
	eachHistory(t, true, func(t *testing.T, events []Event) {
		row, served := rowOf(events)
		if !served {
			return
		}
		for i, e := range events {
			before, ok := row.at(e.At.Add(-time.Second).Unix())
			after, counts := row.at(e.At.Unix())
			if i == 0 || !ok || !counts || after.clock >= before.clock {
				continue
			}
			var lost time.Duration // of all outages recorded in this second
			for _, o := range events {
				if o.Kind == KindRested && o.At.Equal(e.At) {
					lost += o.To.Sub(o.From)
				}
			}
			if back := before.clock - after.clock; time.Duration(back)*time.Second > lost {
				t.Fatalf("%s gave back %d s, outages took %v; %+v", e.Kind, back, lost, events)
			}
		}
	})
}

func TestEveryStateIsReached(t *testing.T) {
	reached := map[State]bool{}
	eachHistory(t, false, func(_ *testing.T, events []Event) {
		for i := range events {
			s := Derive(events[:i+1], events[i].At)
			reached[s.State] = true
			for _, d := range []time.Duration{100 * tick, AppealTime + time.Second, ReactionTime + time.Second} {
				reached[Derive(events[:i+1], events[i].At.Add(d)).State] = true
			}
		}
	})
	for _, s := range []State{
		StateFiled, StateAdmissible, StatePending, StateOverdue, StateUnanswered, StateAnswered, StateAnsweredLate, StateAccepted, StateRejected,
		StateNoReaction, StateSettled, StateEscalated, StateDecided, StateClosed, StateUnderAppeal, StateWithdrawn, StateInadmissible,
		StateDuplicate, StateMerged, StateMoved,
	} {
		if !reached[s] {
			t.Errorf("%s was never reached", s)
		}
	}
}
