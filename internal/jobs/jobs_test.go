package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mohr/internal/jobs"
	"mohr/internal/store"
)

// Everything here runs in a bubble of testing/synctest: its time moves when
// all goroutines wait.

func openStore(t *testing.T) store.Store {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// node starts jobs and returns how to stop them and wait.
func node(t *testing.T, c jobs.Config, list ...jobs.Job) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := jobs.Start(ctx, c, list...)
	if err != nil {
		t.Fatal(err)
	}
	return func() { cancel(); r.Wait() }
}

func count(n *atomic.Int32) func(context.Context) error {
	return func(context.Context) error { n.Add(1); return nil }
}

type leaseRecord struct {
	Node  string    `json:"node"`
	Until time.Time `json:"until"`
}

// giveLease writes the lease as another node would.
func giveLease(t *testing.T, s store.Store, job, node string, lasting time.Duration) {
	t.Helper()
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return store.Save(tx, "job_lease", job, leaseRecord{node, time.Now().UTC().Add(lasting)})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWorkOnMemoryRunsOnEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		var everywhere [2]atomic.Int32
		for i, name := range []string{"a", "b"} {
			stop := node(t, jobs.Config{Store: s, Node: name},
				jobs.Job{Name: "everywhere", Every: time.Minute, Run: count(&everywhere[i]), Everywhere: true})
			defer stop()
			synctest.Wait()
		}
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if everywhere[0].Load() < 2 || everywhere[1].Load() < 2 {
			t.Errorf("runs on the two nodes: %d, %d", everywhere[0].Load(), everywhere[1].Load())
		}
	})
}

func TestJobRunsAtOnceAndThenEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		stop := node(t, jobs.Config{Store: openStore(t), Node: "a"}, jobs.Job{Name: "j", Every: time.Minute, Run: count(&n)})
		synctest.Wait()
		if n.Load() != 1 {
			t.Errorf("%d runs at the start", n.Load())
		}
		time.Sleep(time.Hour + time.Second)
		if got := n.Load(); got < 61 || got > 68 { // an interval has 54 to 60 s
			t.Errorf("%d runs in an hour", got)
		}
		stop()
	})
}

func TestOneNodeRunsAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		var running, most, a, b atomic.Int32
		slow := func(n *atomic.Int32) func(context.Context) error {
			return func(context.Context) error {
				n.Add(1)
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				time.Sleep(time.Minute) // longer than the lease: it is extended meanwhile
				return nil
			}
		}
		stopA := node(t, jobs.Config{Store: s, Node: "a"}, jobs.Job{Name: "j", Every: time.Second, Run: slow(&a)})
		synctest.Wait()
		stopB := node(t, jobs.Config{Store: s, Node: "b"}, jobs.Job{Name: "j", Every: time.Second, Run: slow(&b)})
		time.Sleep(10 * time.Minute)
		if most.Load() != 1 || a.Load() < 9 || b.Load() != 0 {
			t.Errorf("%d at once, a ran %d times, b %d times", most.Load(), a.Load(), b.Load())
		}
		stopA()
		time.Sleep(2 * time.Second) // the lease was given back
		if b.Load() != 1 {
			t.Errorf("b did not take over from a node that stopped: %d runs", b.Load())
		}
		stopB()
	})
}

func TestLeaseOfALostNode(t *testing.T) {
	tests := []struct {
		name, holder    string
		notYet, already time.Duration
	}{
		{"is taken when it ends", "lost", 14 * time.Second, 21 * time.Second},
		{"is taken at once by the node of the same name", "a", 0, time.Second},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openStore(t)
				giveLease(t, s, "j", tc.holder, 15*time.Second)
				var n atomic.Int32
				stop := node(t, jobs.Config{Store: s, Node: "a"}, jobs.Job{Name: "j", Every: time.Hour, Run: count(&n)})
				if time.Sleep(tc.notYet); tc.notYet > 0 && n.Load() != 0 {
					t.Error("run under another node's lease")
				}
				if time.Sleep(tc.already - tc.notYet); n.Load() != 1 {
					t.Errorf("%d runs", n.Load())
				}
				stop()
			})
		})
	}
}

func TestLostLeaseEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		ended := make(chan error, 1)
		stop := node(t, jobs.Config{Store: s, Node: "a"}, jobs.Job{Name: "j", Every: time.Hour, Run: func(ctx context.Context) error {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return ctx.Err()
		}})
		synctest.Wait()
		giveLease(t, s, "j", "b", 15*time.Second)
		select {
		case cause := <-ended:
			if cause == nil || !strings.Contains(cause.Error(), "lease lost") {
				t.Errorf("ended because of %v", cause)
			}
		case <-time.After(6 * time.Second):
			t.Error("the run goes on without the lease")
		}
		stop()
		err := s.View(t.Context(), func(tx store.Tx) error {
			l, err := store.Load[leaseRecord](tx, "job_lease", "j")
			if l.Node != "b" {
				t.Errorf("the other node's lease is now %+v", l)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestBadRunsDoNotHurtOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var log bytes.Buffer
		lines := slog.New(slog.NewTextHandler(writer{&mu, &log}, nil))
		var panics, fails, good atomic.Int32
		stop := node(t, jobs.Config{Store: openStore(t), Node: "a", Log: lines},
			jobs.Job{Name: "panics", Every: time.Second, Run: func(context.Context) error { panics.Add(1); panic("broken") }},
			jobs.Job{Name: "fails", Every: time.Second, Run: func(context.Context) error { fails.Add(1); return errors.New("refused") }},
			jobs.Job{Name: "good", Every: time.Second, Run: count(&good)})
		time.Sleep(10 * time.Second)
		stop()
		for name, n := range map[string]int32{"panics": panics.Load(), "fails": fails.Load(), "good": good.Load()} {
			if n < 10 {
				t.Errorf("%s ran %d times", name, n)
			}
		}
		for _, want := range []string{"job=panics", "panic: broken", "job=fails", "refused"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %q", want)
			}
		}
	})
}

// writer is a buffer that several loggers may write to.
type writer struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (w writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func TestWaitWaitsForTheRunUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var finished atomic.Bool
		stop := node(t, jobs.Config{Store: openStore(t), Node: "a"}, jobs.Job{Name: "j", Every: time.Hour, Run: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(40 * time.Second) // writes what it must
			finished.Store(true)
			return nil
		}})
		synctest.Wait()
		if stop(); !finished.Load() {
			t.Error("the run was left behind")
		}
	})
}

// failing is a store whose writes fail for a while.
type failing struct {
	store.Store
	down *atomic.Bool
}

func (f failing) Update(ctx context.Context, fn func(store.Tx) error) error {
	if f.down.Load() {
		return errors.New("down")
	}
	return f.Store.Update(ctx, fn)
}

func TestWithoutStoreNothingRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		var n atomic.Int32
		down.Store(true)
		stop := node(t, jobs.Config{Store: failing{openStore(t), &down}, Node: "a"}, jobs.Job{Name: "j", Every: time.Second, Run: count(&n)})
		time.Sleep(time.Minute)
		if n.Load() != 0 {
			t.Errorf("run %d times without a lease", n.Load())
		}
		down.Store(false)
		time.Sleep(2 * time.Second)
		if n.Load() == 0 {
			t.Error("not run after the store came back")
		}
		stop()
	})
}

// TestAFailureIsLoggedOnce until it is another, or a run has gone well.
func TestAFailureIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said atomic.Pointer[string]
		is := func(s string) { said.Store(&s) }
		is("away")
		var log bytes.Buffer
		stop := node(t, jobs.Config{Store: openStore(t), Node: "a", Log: slog.New(slog.NewTextHandler(&log, nil))}, jobs.Job{Name: "j", Every: time.Second, Run: func(context.Context) error {
			if s := *said.Load(); s != "" {
				return errors.New(s)
			}
			return nil
		}})
		for _, next := range []string{"away", "gone", "", "", "away"} {
			is(next)
			time.Sleep(10 * time.Second)
		}
		stop()
		var got []string
		for line := range strings.Lines(log.String()) {
			_, line, _ = strings.Cut(strings.TrimSpace(line), " ")
			got = append(got, line)
		}
		want := []string{
			`level=ERROR msg="job failed" job=j error=away`, `level=ERROR msg="job failed" job=j error=gone`,
			`level=INFO msg="job goes well again" job=j`, `level=ERROR msg="job failed" job=j error=away`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s", strings.Join(got, "\n"))
		}
	})
}

func TestStartRefuses(t *testing.T) {
	good := jobs.Job{Name: "j", Every: time.Second, Run: func(context.Context) error { t.Error("run"); return nil }}
	s := openStore(t)
	tests := []struct {
		name string
		c    jobs.Config
		list []jobs.Job
	}{
		{"no store", jobs.Config{Node: "a"}, []jobs.Job{good}},
		{"no name of the node", jobs.Config{Store: s}, []jobs.Job{good}},
		{"a lease below a second", jobs.Config{Store: s, Node: "a", Lease: time.Millisecond}, nil},
		{"a job without name", jobs.Config{Store: s, Node: "a"}, []jobs.Job{{Every: 1, Run: good.Run}}},
		{"a job without function", jobs.Config{Store: s, Node: "a"}, []jobs.Job{{Name: "x", Every: 1}}},
		{"a job without interval", jobs.Config{Store: s, Node: "a"}, []jobs.Job{{Name: "x", Run: good.Run}}},
		{"a name twice", jobs.Config{Store: s, Node: "a"}, []jobs.Job{good, good}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := jobs.Start(t.Context(), tc.c, tc.list...); err == nil {
				t.Error("started")
			}
		})
	}
}

// TestWhatDecidesByTheTimeWaitsForAClockThatIsTrusted: a clock that ran ahead
// would end what has days left.
func TestWhatDecidesByTheTimeWaitsForAClockThatIsTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var untrusted atomic.Bool
		var timed, clockless, everywhere atomic.Int32
		untrusted.Store(true)
		s := openStore(t)
		stop := node(t, jobs.Config{Store: s, Node: "a", Clock: func() error {
			if untrusted.Load() {
				return errors.New("stepped")
			}
			return nil
		}},
			jobs.Job{Name: "timed", Every: time.Minute, Run: count(&timed)},
			jobs.Job{Name: "clockless", Every: time.Minute, Run: count(&clockless), Clockless: true},
			jobs.Job{Name: "everywhere", Every: time.Minute, Run: count(&everywhere), Everywhere: true})
		defer stop()
		time.Sleep(10 * time.Minute)
		if timed.Load() != 0 || clockless.Load() < 10 || everywhere.Load() < 10 {
			t.Errorf("on a clock that is not trusted: %d timed runs, %d clockless, %d everywhere", timed.Load(), clockless.Load(), everywhere.Load())
		}
		untrusted.Store(false)
		time.Sleep(10 * time.Second)
		if timed.Load() != 1 {
			t.Errorf("%d runs once it is trusted", timed.Load())
		}
	})
}

// TestALeaseOfAClockThatRanAheadIsTaken once nobody extends it: else a job would
// rest for as long as that clock ran ahead.
func TestALeaseOfAClockThatRanAheadIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		s := openStore(t)
		giveLease(t, s, "job", "b", 24*time.Hour)
		stop := node(t, jobs.Config{Store: s, Node: "a"}, jobs.Job{Name: "job", Every: time.Minute, Run: count(&runs)})
		defer stop()
		if time.Sleep(14 * time.Second); runs.Load() != 0 {
			t.Error("run under another node's lease")
		}
		if time.Sleep(7 * time.Second); runs.Load() != 1 {
			t.Errorf("%d runs", runs.Load())
		}
	})
}

// TestAClockThatIsOffTakesNoLease that is extended, however far it is off; it
// takes one that ends.
func TestAClockThatIsOffTakesNoLease(t *testing.T) {
	for _, off := range []time.Duration{-365 * 24 * time.Hour, -time.Minute, time.Minute, 365 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var running, most, right, wrong atomic.Int32
			slow := func(n *atomic.Int32) func(context.Context) error {
				return func(context.Context) error {
					n.Add(1)
					most.Store(max(most.Load(), running.Add(1)))
					defer running.Add(-1)
					time.Sleep(3 * time.Second)
					return nil
				}
			}
			s := openStore(t)
			bad := jobs.Config{Store: s, Node: "b", Now: func() time.Time { return time.Now().Add(off) }, Clock: func() error { return errors.New("it is off") }}
			stopA := node(t, jobs.Config{Store: s, Node: "a"}, jobs.Job{Name: "j", Every: time.Second, Run: slow(&right), Clockless: true})
			synctest.Wait()
			stopB := node(t, bad, jobs.Job{Name: "j", Every: time.Second, Run: slow(&wrong), Clockless: true})
			if time.Sleep(time.Minute); most.Load() != 1 || wrong.Load() != 0 || right.Load() < 10 {
				t.Errorf("off by %s: %d at once, %d runs by it and %d by the other", off, most.Load(), wrong.Load(), right.Load())
			}
			stopA()
			if time.Sleep(time.Minute); wrong.Load() < 10 {
				t.Errorf("off by %s: %d runs once it is alone", off, wrong.Load())
			}
			stopB()
		})
	}
}
