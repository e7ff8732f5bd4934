package clock_test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"mohr/internal/clock"
	"mohr/internal/fault"
)

// trusted asks and compares; why is a part of the reason.
func trusted(t *testing.T, g *clock.Guard, why string) {
	t.Helper()
	err := g.Check()
	if why == "" {
		if err != nil {
			t.Fatalf("Check: %v, want the clock trusted", err)
		}
		return
	}
	if fault.Code(err) != "clock_untrusted" || !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), why) {
		t.Fatalf("Check: %v, want clock_untrusted with %q", err, why)
	}
}

func watchOnce(t *testing.T, g *clock.Guard) {
	t.Helper()
	if err := g.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAClockThatGoesOnIsTrusted(t *testing.T) {
	w := &watch{wall: start}
	g := open(t, openStore(t), w)
	for range 10 {
		trusted(t, g, "")
		w.pass(time.Hour)
		watchOnce(t, g)
	}
}

func TestASteppedClockIsNotTrustedUntilItIsRightAgain(t *testing.T) {
	tests := []struct {
		name string
		step time.Duration
		why  string
	}{
		{"back an hour", -time.Hour, "stepped by -1h0m0s"},
		{"forward an hour", time.Hour, "stepped by 1h0m0s"},
		{"back six seconds", -6 * time.Second, "stepped by -6s"},
		{"within the limit", 5 * time.Second, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := &watch{wall: start}
			g := open(t, openStore(t), w)
			w.pass(time.Minute)
			trusted(t, g, "")
			w.set(test.step)
			trusted(t, g, test.why) // at once, before the job has run
			watchOnce(t, g)
			trusted(t, g, test.why)
			w.set(-test.step)
			trusted(t, g, "")
		})
	}
}

func TestAClockThatWentBackOverARestartIsNotTrusted(t *testing.T) {
	s := openStore(t)
	w := &watch{wall: start}
	g := open(t, s, w)
	w.pass(time.Hour)
	trusted(t, g, "")
	watchOnce(t, g)

	back := &watch{wall: start.Add(10 * time.Minute)}
	g = open(t, s, back)
	trusted(t, g, "went back by 50m0s")
	watchOnce(t, g)
	if kept, err := clock.Latest(t.Context(), s); err != nil || !kept.Equal(start.Add(time.Hour)) {
		t.Errorf("the latest trusted time is %s, %v; a clock that is not trusted must not change it", kept, err)
	}
	back.pass(50*time.Minute - 4*time.Second)
	trusted(t, g, "")
}

func TestAnotherNodesLaterTimeCountsHere(t *testing.T) {
	s := openStore(t)
	w := &watch{wall: start}
	g := open(t, s, w)
	open(t, s, &watch{wall: start.Add(time.Minute)})
	watchOnce(t, g)
	trusted(t, g, "went back by 1m0s")
}

func TestWhatWasForgottenIsNoReasonAnyMore(t *testing.T) {
	s := openStore(t)
	open(t, s, &watch{wall: start.AddDate(1, 0, 0)}) // ran a year ahead
	trusted(t, open(t, s, &watch{wall: start}), "went back by 8760h0m0s")
	if err := clock.Forget(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	trusted(t, open(t, s, &watch{wall: start}), "")
}

func TestAClockIsComparedWithItsReference(t *testing.T) {
	tests := []struct {
		name  string
		ahead time.Duration
		why   string
	}{
		{"the same time", 0, ""},
		{"four seconds ahead", 4 * time.Second, ""},
		{"six seconds ahead", 6 * time.Second, "off the reference by 6s"},
		{"six seconds behind", -6 * time.Second, "off the reference by -6s"},
		{"a day ahead", 24 * time.Hour, "off the reference by 24h0m0s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := &watch{wall: start}
			r := serve(t, w, nil)
			r.ahead.Store(int64(test.ahead))
			g := open(t, openStore(t), w, r.addr)
			trusted(t, g, test.why)
			r.ahead.Store(0)
			watchOnce(t, g)
			trusted(t, g, "")
		})
	}
}

func TestTheTimeGoesOnWhereTheClockIsStepped(t *testing.T) {
	for _, step := range []time.Duration{-30 * time.Hour, -6 * time.Second, 6 * time.Second, 400 * 24 * time.Hour} {
		w := &watch{wall: start}
		g := open(t, openStore(t), w)
		by := func(want time.Time) {
			t.Helper()
			if got := g.Time(); !got.Equal(want) {
				t.Errorf("stepped by %s: the time is %s, want %s", step, got, want)
			}
		}
		w.pass(time.Minute)
		w.set(step)
		by(start.Add(time.Minute))
		w.pass(time.Hour)
		watchOnce(t, g)
		by(start.Add(time.Hour + time.Minute))
		w.set(-step)
		by(start.Add(time.Hour + time.Minute))
		w.set(3 * time.Second) // within the limit
		by(start.Add(time.Hour + time.Minute + 3*time.Second))
	}
}

// TestAStepWhileReferencesAreAskedIsNotConfirmed: what they say is of the clock
// as it was, and one that is silent makes the asking long.
func TestAStepWhileReferencesAreAskedIsNotConfirmed(t *testing.T) {
	s, w, truth := openStore(t), &watch{wall: start}, &watch{wall: start}
	asked := make(chan struct{}, 1)
	r := serve(t, truth, func(b []byte) []byte {
		select {
		case asked <- struct{}{}:
		default:
		}
		return b
	})
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	g := open(t, s, w, r.addr, silent.LocalAddr().String())
	watchOnce(t, g)
	<-asked
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-asked
		time.Sleep(100 * time.Millisecond) // that it has answered is known; the silent one has two seconds
		w.set(30 * time.Hour)
	}()
	watchOnce(t, g)
	<-done
	if err := g.Check(); err == nil {
		t.Error("a clock that was stepped is trusted")
	}
	if got := g.Time(); !got.Equal(start) {
		t.Errorf("the time is %s", got)
	}
	if at, err := clock.Latest(t.Context(), s); err != nil || at.After(start.Add(time.Minute)) {
		t.Errorf("all nodes have to believe %s, %v", at, err)
	}
}

func TestACorrectionIsTheTimeOnceTheReferenceAgrees(t *testing.T) {
	w := &watch{wall: start}
	g := open(t, openStore(t), w, serve(t, w, nil).addr) // its time follows w's
	w.set(time.Hour)
	if got := g.Time(); !got.Equal(start) {
		t.Errorf("the time is %s before anybody agrees", got)
	}
	watchOnce(t, g)
	if got := g.Time(); !got.Equal(start.Add(time.Hour)) {
		t.Errorf("the time is %s after the reference agreed", got)
	}
}

func TestAStepThatTheReferenceConfirmsIsACorrection(t *testing.T) {
	w := &watch{wall: start}
	g := open(t, openStore(t), w, serve(t, w, nil).addr) // its time follows w's
	w.pass(time.Minute)
	w.set(time.Minute)
	trusted(t, g, "stepped by 1m0s")
	watchOnce(t, g)
	trusted(t, g, "")
	w.set(-time.Hour)
	watchOnce(t, g)
	trusted(t, g, "went back by 1h0m0s") // right or not: what was signed bears a later time
}

func TestOneReferenceThatLiesIsOutvoted(t *testing.T) {
	w := &watch{wall: start}
	liar := serve(t, w, nil)
	liar.ahead.Store(int64(time.Hour))
	g := open(t, openStore(t), w, liar.addr, serve(t, w, nil).addr, serve(t, w, nil).addr)
	trusted(t, g, "")
}

func TestASilentReferenceIsBorneForAWhile(t *testing.T) {
	w := &watch{wall: start}
	r := serve(t, w, func(b []byte) []byte { b[1] = 0; return b }) // kiss of death: answers at once
	g := open(t, openStore(t), w, r.addr)
	trusted(t, g, "no time reference has answered yet")

	r = serve(t, w, nil)
	g = open(t, openStore(t), w, r.addr)
	trusted(t, g, "")
	r.silent.Store(true)
	w.pass(59 * time.Minute)
	watchOnce(t, g)
	trusted(t, g, "")
	w.pass(2 * time.Minute)
	watchOnce(t, g)
	trusted(t, g, "no time reference has answered for 1h1m0s")
	r.silent.Store(false)
	watchOnce(t, g)
	trusted(t, g, "")
}

func TestAConfigurationWithoutSenseIsRefused(t *testing.T) {
	_, err := clock.New(t.Context(), clock.Config{References: []string{"ntp.example"}, Limit: -1})
	for _, part := range []string{"no store", "negative limit", `"ntp.example" is not like host:123`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("New: %v, want %q in it", err, part)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	g, err := clock.New(b.Context(), clock.Config{Store: openStore(b)})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := g.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
