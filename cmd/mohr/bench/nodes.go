package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"mohr/cmd/mohr/bench/load"
)

// Shared is the issuance by so many processes on one database.
type Shared struct {
	Processes int          `json:"processes"`
	Issue     load.Measure `json:"issue"`       // the median of the runs; processor time is that of all processes
	Used      []float64    `json:"cpu_seconds"` // processor time of each process in the last run
	Again     float64      `json:"again"`       // of 100 updates so many ran once more, in all runs
}

// Nodes measures the issuance by 1 and more processes on the database of c,
// which is empty or has the records of the service in dir. The clients are as
// many each time, shared out evenly.
func Nodes(ctx context.Context, c Config, dir string, sizes []int) ([]Shared, error) {
	if c.Store == "" || len(sizes) == 0 {
		return nil, errors.New("this needs a database and numbers of processes")
	}
	slices.Sort(sizes)
	total := c.Count * c.Runs * len(sizes)
	w, err := Open(ctx, c, dir, PeopleFor(total))
	if err != nil {
		return nil, err
	}
	defer w.Close()
	var out []Shared
	for _, n := range sizes {
		for len(w.nodes) < n {
			if _, err := w.startNode(ctx, ""); err != nil {
				return nil, err
			}
		}
		s, err := w.shared(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("%d processes: %w", n, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func (w *World) shared(ctx context.Context, n int) (Shared, error) {
	s := Shared{Processes: n}
	list, _, err := w.Approve(ctx, w.Count*w.Runs)
	if err != nil {
		return s, err
	}
	if err := w.Settle(ctx); err != nil {
		return s, err
	}
	var r Result
	var all load.Usage
	for part := range slices.Chunk(list, w.Count) {
		l := load.Load{Door: w.nodes[0].portal, Next: load.Each(part, w.submission)}
		for _, other := range w.nodes[1:n] {
			l.More = append(l.More, other.portal)
		}
		m, used, err := w.together(ctx, l, n)
		if err != nil {
			return s, err
		}
		w.say("  %d processes: %.0f/s, p50 %.1f ms, p99 %.1f ms, processor %.3f ms, %d errors %s", n, m.Rate, m.P50, m.P99, m.CPU, m.Errors, m.Wrong)
		s.Used = nil
		for _, u := range used {
			s.Used = append(s.Used, u.CPU.Seconds())
			all.Updates, all.Again = all.Updates+u.Updates, all.Again+u.Again
		}
		r.Runs = append(r.Runs, Pair{Service: m})
		if err := w.Settle(ctx); err != nil {
			return s, err
		}
	}
	r.sum()
	s.Issue, s.Again = r.Median, 100*all.Again/max(1, all.Updates)
	return s, nil
}

// together runs a load on n nodes, and says what each of them used; m is
// charged with the processor time of all.
func (w *World) together(ctx context.Context, l load.Load, n int) (m load.Measure, used []load.Usage, err error) {
	before := make([]load.Usage, n)
	for i, node := range w.nodes[:n] {
		if before[i], err = load.UsageOf(ctx, node.ops); err != nil {
			return m, nil, err
		}
	}
	if m, err = l.Run(ctx, w.Clients, w.Duration); err != nil {
		return m, nil, err
	}
	var all time.Duration
	for i, node := range w.nodes[:n] {
		u, err := load.UsageOf(ctx, node.ops)
		if err != nil {
			return m, nil, err
		}
		u.CPU, u.Updates, u.Again = u.CPU-before[i].CPU, u.Updates-before[i].Updates, u.Again-before[i].Again
		all, used = all+u.CPU, append(used, u)
	}
	m.CPU = load.Milliseconds(all) / float64(max(1, m.Operations))
	return m, used, nil
}

// PrintShared shows what Nodes found.
func PrintShared(out io.Writer, list []Shared) {
	fmt.Fprintf(out, "%10s %10s %10s %10s %14s %11s %8s   %s\n", "processes", "issue /s", "p50 ms", "p99 ms", "processor ms", "run again %", "errors", "processor seconds of each, last run")
	for _, s := range list {
		fmt.Fprintf(out, "%10d %10.0f %10.1f %10.1f %14.3f %11.1f %8d   %.2f\n", s.Processes, s.Issue.Rate, s.Issue.P50, s.Issue.P99, s.Issue.CPU, s.Again, s.Issue.Errors, s.Used)
	}
}
