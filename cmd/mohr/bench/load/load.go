package load

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Call is one request of a load.
type Call struct {
	Request []byte
	// Done looks at the answer; body is good until it returns. nil: every
	// answer of status 200 is right.
	Done func(status int, body []byte) error
}

// Load is work for a service: who wants to work asks Next for a call, until
// there is none. Next is safe for concurrent use.
type Load struct {
	Door
	Next func() (Call, bool)
	More []Door // others of the same service: clients are shared out among all
}

// door is the one that the i-th client goes to.
func (l Load) door(i int) Door {
	if n := i % (1 + len(l.More)); n > 0 {
		return l.More[n-1]
	}
	return l.Door
}

// Measure is what one run of a load came to. Times are in milliseconds.
type Measure struct {
	Operations int     `json:"operations"`
	Errors     int     `json:"errors"`
	Seconds    float64 `json:"seconds"`
	Rate       float64 `json:"rate"` // operations a second, without the wrong ones
	P50        float64 `json:"p50_ms"`
	P99        float64 `json:"p99_ms"`
	CPU        float64 `json:"cpu_ms"`     // of the serving process, an operation
	Memory     float64 `json:"memory_mib"` // of it, resident, after the run
	Wrong      string  `json:"wrong,omitempty"`
}

// Worker is one client's part of a run.
type Worker struct {
	Took   []time.Duration
	errors int
	wrong  error // the first
}

// Run lets so many clients work on l, each over a connection of its own that
// is opened before the clock starts, until the time is over or no work is
// left. Answers that were under way then are counted.
func (l Load) Run(ctx context.Context, clients int, limit time.Duration) (Measure, error) {
	conns := make([]*Conn, clients)
	for i := range conns {
		c, err := l.door(i).Dial(ctx)
		if err != nil {
			return Measure{}, err
		}
		defer func() { conns[i].Close() }()
		conns[i] = c
	}
	workers := make([]Worker, clients)
	var over atomic.Bool
	timer := time.AfterFunc(limit, func() { over.Store(true) })
	defer timer.Stop()
	var all sync.WaitGroup
	begun := time.Now()
	for i := range workers {
		all.Go(func() {
			for !over.Load() && ctx.Err() == nil {
				c, ok := l.Next()
				if !ok {
					return
				}
				conns[i] = workers[i].one(ctx, l.door(i), conns[i], c)
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return Measure{}, ctx.Err()
	}
	return Sum(workers, time.Since(begun))
}

// one does a call and returns the connection to go on with: a new one where
// the old one broke.
func (w *Worker) one(ctx context.Context, d Door, c *Conn, job Call) *Conn {
	begun := time.Now()
	status, body, err := c.Do(job.Request)
	took := time.Since(begun)
	broken := err != nil
	if err == nil && status != http.StatusOK && (job.Done == nil || status >= http.StatusBadRequest) {
		err = fmt.Errorf("status %d: %.300s", status, body)
	} else if err == nil && job.Done != nil {
		err = job.Done(status, body)
	}
	if err == nil {
		w.Took = append(w.Took, took)
		return c
	}
	w.errors++
	if w.wrong == nil {
		w.wrong = err
	}
	if broken {
		c.Close()
		if again, err := d.Dial(ctx); err == nil {
			return again
		}
	}
	return c
}

// Sum joins what the clients saw. A run without one right answer is an error.
func Sum(workers []Worker, took time.Duration) (Measure, error) {
	m := Measure{Seconds: took.Seconds()}
	var all []time.Duration
	for _, w := range workers {
		all = append(all, w.Took...)
		m.Errors += w.errors
		if w.wrong != nil && m.Wrong == "" {
			m.Wrong = w.wrong.Error()
		}
	}
	if len(all) == 0 {
		return m, fmt.Errorf("no operation succeeded, %d failed: %s", m.Errors, m.Wrong)
	}
	slices.Sort(all)
	m.Operations = len(all)
	m.Rate = float64(len(all)) / m.Seconds
	m.P50, m.P99 = Milliseconds(Quantile(all, 50)), Milliseconds(Quantile(all, 99))
	return m, nil
}

// Quantile is the nearest rank of sorted, percent of it at least.
func Quantile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Each makes a load of things that are used up one by one.
func Each[T any](list []T, of func(T) Call) func() (Call, bool) {
	var next atomic.Int64
	return func() (Call, bool) {
		i := next.Add(1) - 1
		if i >= int64(len(list)) {
			return Call{}, false
		}
		return of(list[i]), true
	}
}

// Round makes an endless load of requests, one after the other and again.
func Round(requests [][]byte) func() (Call, bool) {
	var next atomic.Int64
	return func() (Call, bool) {
		i := next.Add(1) - 1
		return Call{Request: requests[i%int64(len(requests))]}, true
	}
}

// Charge adds to m what the process used between the two.
func (m *Measure) Charge(before, after Usage) {
	m.CPU = Milliseconds(after.CPU-before.CPU) / float64(max(1, m.Operations))
	m.Memory = after.Memory / (1 << 20)
}

// Charged is Run with what it cost the process whose figures are at ops.
func (l Load) Charged(ctx context.Context, ops string, clients int, limit time.Duration) (Measure, error) {
	before, err := UsageOf(ctx, ops)
	if err != nil {
		return Measure{}, err
	}
	m, err := l.Run(ctx, clients, limit)
	if err != nil {
		return m, err
	}
	after, err := UsageOf(ctx, ops)
	m.Charge(before, after)
	return m, err
}

// Probe makes one call and returns the answer's media type and body.
func (l Load) Probe(ctx context.Context, c Call) (kind string, body []byte, err error) {
	k, err := l.Dial(ctx)
	if err != nil {
		return "", nil, err
	}
	defer k.Close()
	status, body, err := k.Do(c.Request)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %.300s", status, body)
	}
	if err == nil && c.Done != nil {
		err = c.Done(status, body)
	}
	return k.Kind, body, err
}
