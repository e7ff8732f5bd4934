package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mohr/cmd/mohr/bench/load"
)

// Result is what a load came to, in several runs that alternated with those
// of a bare handler.
type Result struct {
	Name        string       `json:"name"`
	Counted     string       `json:"counted"` // what one operation is
	Concurrency int          `json:"concurrency"`
	Runs        []Pair       `json:"runs"`
	Median      load.Measure `json:"median"` // of each figure by itself
	Bare        load.Measure `json:"bare"`   // the same of the bare handler
	Ratio       float64      `json:"ratio"`  // median of the runs' rate / bare rate; 0: not compared
}

// Pair is one run of the service and one of the bare handler.
type Pair struct {
	Service load.Measure `json:"service"`
	Bare    load.Measure `json:"bare"`
}

// Suffix tells results of the usual client from those of the lean one.
func (w *World) Suffix() string {
	if w.Usual {
		return "-usual"
	}
	return ""
}

// bareTime is how long a run of the bare handler takes, at most.
const bareTime = 3 * time.Second

// trial is a load to be measured: one a run, as loads use things up.
type trial struct {
	name, counted string
	clients       int
	runs          []load.Load
}

// compare measures a trial. The first call of the first run is made
// beforehand: the bare handler answers what the service answered to it.
func (w *World) compare(ctx context.Context, t trial) (Result, error) {
	r := Result{Name: t.name + w.Suffix(), Counted: t.counted, Concurrency: t.clients}
	first, ok := t.runs[0].Next()
	if !ok {
		return r, fmt.Errorf("%s: there is nothing to do", t.name)
	}
	kind, body, err := t.runs[0].Probe(ctx, first)
	if err != nil {
		return r, fmt.Errorf("%s: first call: %w", t.name, err)
	}
	b, err := load.StartBare(ctx, w.Self, w.dir, t.runs[0].Door, kind, body)
	if err != nil {
		return r, err
	}
	defer b.Stop()
	again := load.Load{Door: b.Door, Next: load.Round([][]byte{first.Request})}
	w.say("%s: %d clients, %d runs", r.Name, t.clients, len(t.runs))
	for i, l := range t.runs {
		var p Pair
		finish := func() error { return nil }
		if i == len(t.runs)-1 && w.Profile != "" {
			finish = w.profile(ctx, r.Name, r.expected(w.Duration))
		}
		p.Service, err = l.Charged(ctx, w.ops, t.clients, w.Duration)
		if err = errors.Join(err, finish()); err != nil {
			return r, fmt.Errorf("%s, run %d: %w", t.name, i+1, err)
		}
		if p.Bare, err = again.Charged(ctx, b.Addresses["ops"], t.clients, min(w.Duration, bareTime)); err != nil {
			return r, fmt.Errorf("%s, bare run %d: %w", t.name, i+1, err)
		}
		w.say("  run %d: %s", i+1, p)
		r.Runs = append(r.Runs, p)
	}
	r.sum()
	return r, nil
}

// String is a line of progress.
func (p Pair) String() string {
	s := fmt.Sprintf("%.0f/s, p50 %.2f ms, p99 %.2f ms, processor %.3f ms; bare %.0f/s, ratio %.2f", p.Service.Rate, p.Service.P50, p.Service.P99, p.Service.CPU, p.Bare.Rate, p.Service.Rate/p.Bare.Rate)
	if p.Service.Errors > 0 {
		s += fmt.Sprintf("; %d ERRORS, the first: %s", p.Service.Errors, p.Service.Wrong)
	}
	return s
}

// expected is how long the next run will take: as long as the last one.
func (r *Result) expected(limit time.Duration) time.Duration {
	if len(r.Runs) == 0 {
		return limit
	}
	return time.Duration(r.Runs[len(r.Runs)-1].Service.Seconds * float64(time.Second))
}

// profile takes a profile of the service's processor time while a load runs;
// the returned function waits for it.
func (w *World) profile(ctx context.Context, name string, limit time.Duration) func() error {
	done := make(chan error, 1)
	go func() {
		b, err := load.Fetch(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", w.ops, max(1, int(limit.Seconds()))))
		if err == nil {
			err = os.MkdirAll(w.Profile, 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(w.Profile, name+".pprof"), b, 0o644)
		}
		done <- err
	}()
	return func() error {
		if err := <-done; err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		return nil
	}
}

// sum fills in the medians.
func (r *Result) sum() {
	of := func(figure func(Pair) float64) float64 {
		var all []float64
		for _, p := range r.Runs {
			all = append(all, figure(p))
		}
		return median(all)
	}
	measures := func(m func(Pair) load.Measure) load.Measure {
		return load.Measure{
			Operations: int(of(func(p Pair) float64 { return float64(m(p).Operations) })), Seconds: of(func(p Pair) float64 { return m(p).Seconds }),
			Rate: of(func(p Pair) float64 { return m(p).Rate }), P50: of(func(p Pair) float64 { return m(p).P50 }), P99: of(func(p Pair) float64 { return m(p).P99 }),
			CPU: of(func(p Pair) float64 { return m(p).CPU }), Memory: of(func(p Pair) float64 { return m(p).Memory }),
		}
	}
	r.Median = measures(func(p Pair) load.Measure { return p.Service })
	r.Bare = measures(func(p Pair) load.Measure { return p.Bare })
	r.Ratio = of(func(p Pair) float64 { return p.Service.Rate / p.Bare.Rate })
	for _, p := range r.Runs { // errors are never averaged away
		r.Median.Errors += p.Service.Errors
		r.Bare.Errors += p.Bare.Errors
		if r.Median.Wrong == "" {
			r.Median.Wrong = p.Service.Wrong
		}
	}
}

// median is the middle of the figures, of two the mean; 0 of none.
func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}
