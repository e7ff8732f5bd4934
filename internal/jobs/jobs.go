// Package jobs runs periodic work on one node at a time.
//
// A node takes a job's lease in the store before it runs the job, keeps it
// while it lives and gives it back when it stops; another node takes over when
// the lease ends. A job must be safe to repeat: a node that was cut off may
// still be at work for a moment when the next one begins.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"mohr/internal/store"
)

// Job is one periodic task.
type Job struct {
	Name  string                      // of its lease: lower case, unique
	Every time.Duration               // from the end of one run to the beginning of the next, at most; minus up to a tenth of jitter
	Run   func(context.Context) error // ctx ends when the service stops or the lease is lost
	// Clockless says that the job decides nothing by the time: it runs on a
	// clock that is not trusted, too.
	Clockless bool
	// Everywhere says that every node runs it, without a lease: work on what
	// the node has in memory.
	Everywhere bool
}

// Config is what the runner needs.
type Config struct {
	Store store.Store
	Log   *slog.Logger     // nil: discard
	Now   func() time.Time // nil: time.Now
	Clock func() error     // says why Now is not to be trusted: then what decides by it waits; nil: it always is
	Node  string           // unique among the nodes; a node that starts again takes its old leases at once
	Lease time.Duration    // how long a lost node's lease lasts; zero means 15 s
}

// Runner is a set of jobs at work.
type Runner struct {
	Config
	wg sync.WaitGroup

	mu   sync.Mutex
	runs map[string]*Runs  // by job; guarded by mu
	said map[string]string // by job: the failure that was logged last; guarded by mu
	seen map[string]seen   // by job; guarded by mu
}

// Start runs every job once, now, and then every Every, until ctx ends; jobs
// do not wait for each other. It returns what is wrong with c or jobs.
func Start(ctx context.Context, c Config, jobs ...Job) (*Runner, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Clock == nil {
		c.Clock = func() error { return nil }
	}
	if c.Lease == 0 {
		c.Lease = 15 * time.Second
	}
	if err := validate(c, jobs); err != nil {
		return nil, err
	}
	r := &Runner{Config: c, runs: map[string]*Runs{}, said: map[string]string{}, seen: map[string]seen{}}
	for _, j := range jobs {
		r.runs[j.Name] = &Runs{Every: j.Every}
	}
	for _, j := range jobs {
		r.wg.Go(func() { r.keep(ctx, j) })
	}
	return r, nil
}

// Wait returns when ctx of Start has ended, all runs have ended and the
// leases are given back.
func (r *Runner) Wait() { r.wg.Wait() }

// validate reports all faults at once.
func validate(c Config, jobs []Job) error {
	var errs []error
	if c.Store == nil {
		errs = append(errs, errors.New("jobs: no store"))
	}
	if c.Node == "" {
		errs = append(errs, errors.New("jobs: the node has no name"))
	}
	if c.Lease < time.Second {
		errs = append(errs, errors.New("jobs: the lease is shorter than a second"))
	}
	seen := map[string]bool{}
	for _, j := range jobs {
		if j.Name == "" || j.Run == nil || j.Every <= 0 {
			errs = append(errs, fmt.Errorf("jobs: %q needs a name, a function and an interval", j.Name))
		}
		if seen[j.Name] {
			errs = append(errs, fmt.Errorf("jobs: %q is there twice", j.Name))
		}
		seen[j.Name] = true
	}
	return errors.Join(errs...)
}

// keep runs one job for as long as ctx lasts, whenever this node has the
// lease or needs none.
func (r *Runner) keep(ctx context.Context, j Job) {
	if j.Everywhere {
		for ctx.Err() == nil {
			r.once(ctx, j)
			sleep(ctx, jittered(j.Every))
		}
		return
	}
	defer r.giveBack(j.Name)
	for ctx.Err() == nil {
		wait := jittered(j.Every)
		if !j.Clockless && r.Clock() != nil { // whoever watches the clock says so
			sleep(ctx, min(wait, r.Lease/3))
			continue
		}
		switch held, err := r.acquire(ctx, j.Name); {
		case err != nil && ctx.Err() == nil:
			r.Log.ErrorContext(ctx, "lease not taken", "job", j.Name, "error", err)
		case held:
			r.runHeld(ctx, j)
		case err == nil:
			// Somebody else's: look again before its end could be missed.
			wait = jittered(min(j.Every, r.Lease/3))
			r.say(j.Name, "")
		}
		sleep(ctx, wait)
	}
}

// runHeld runs the job and extends the lease meanwhile; if that fails for as
// long as the lease lasts, the job's context ends.
func (r *Runner) runHeld(ctx context.Context, j Job) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.once(ctx, j)
	}()
	until := time.Now().Add(r.Lease * 2 / 3) // what acquire left at least
	for {
		select {
		case <-done:
			return
		case <-time.After(r.Lease / 3):
		}
		// Extended even while the service stops: the run has not ended yet.
		extend, stop := context.WithTimeout(context.WithoutCancel(ctx), r.Lease/3)
		held, err := r.acquire(extend, j.Name)
		stop()
		switch {
		case held:
			until = time.Now().Add(r.Lease)
		case err == nil || time.Now().After(until):
			r.Log.WarnContext(ctx, "lease lost during a run", "job", j.Name, "error", err)
			cancel(errors.New("jobs: lease lost"))
		}
	}
}

// once runs the job and logs what came of it: a failure once, until another one
// or a run that goes well follows it. How often it failed, Runs counts.
func (r *Runner) once(ctx context.Context, j Job) {
	started := r.Now()
	err := run(ctx, j)
	r.count(j.Name, err, ctx.Err() != nil)
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		r.Log.DebugContext(ctx, "job stopped", "job", j.Name)
	case err != nil:
		level := slog.LevelDebug
		if before := r.say(j.Name, err.Error()); before != err.Error() {
			level = slog.LevelError
		}
		r.Log.Log(ctx, level, "job failed", "job", j.Name, "error", err)
	case r.say(j.Name, "") != "":
		r.Log.InfoContext(ctx, "job goes well again", "job", j.Name)
	default:
		r.Log.DebugContext(ctx, "job done", "job", j.Name, "took", r.Now().Sub(started))
	}
}

// say notes what is to be said of the job, and returns what was said before.
func (r *Runner) say(job, text string) (before string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, r.said[job] = r.said[job], text
	return before
}

// run calls the job; a panic in it is an error.
func run(ctx context.Context, j Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return j.Run(ctx)
}

// jittered is d less up to a tenth, so that nodes and jobs spread.
func jittered(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/10+1))
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
