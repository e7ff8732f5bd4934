package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mohr/internal/store"
)

// bucket holds the leases, by the jobs' names.
const bucket = "job_lease"

// lease says which node runs a job, and until when that counts.
type lease struct {
	Node  string    `json:"node"`
	Until time.Time `json:"until"`
}

// seen is another node's lease, since this node has seen it as it is.
type seen struct {
	lease
	since time.Time // has the monotonic clock
}

// acquire takes or extends the lease of a job: compare and swap, in one
// transaction. It writes only when a third of the time is used up, so that
// frequent jobs cost no commit a run. false: another node holds it.
func (r *Runner) acquire(ctx context.Context, name string) (held bool, err error) {
	now := r.Now().UTC().Truncate(time.Second)
	fresh := func(l lease, found bool) bool {
		return found && l.Node == r.Node && l.Until.After(now.Add(r.Lease*2/3)) && !l.Until.After(now.Add(2*r.Lease))
	}
	err = r.Store.View(ctx, func(tx store.Tx) error {
		l, found, err := load(tx, name)
		held = fresh(l, found)
		return err
	})
	if err != nil || held {
		return held, err
	}
	err = r.Store.Update(ctx, func(tx store.Tx) error {
		l, found, err := load(tx, name)
		if err != nil {
			return err
		}
		held = !found || l.Node == r.Node || r.over(name, l, now)
		if !held {
			return nil
		}
		return store.Save(tx, bucket, name, lease{Node: r.Node, Until: now.Add(r.Lease)})
	})
	if err != nil {
		return false, fmt.Errorf("lease %s: %w", name, err)
	}
	return held, nil
}

// over reports whether another node's lease has ended: by a clock that is
// trusted, or because nobody has extended it for as long as a lease lasts, which
// no clock that was set can make longer or shorter.
func (r *Runner) over(name string, l lease, now time.Time) bool {
	r.mu.Lock()
	s, ok := r.seen[name]
	if !ok || s.Node != l.Node || !s.Until.Equal(l.Until) {
		s = seen{l, time.Now()}
		r.seen[name] = s
	}
	r.mu.Unlock()
	return time.Since(s.since) >= r.Lease || r.Clock() == nil && !l.Until.After(now)
}

// giveBack ends this node's lease, so that another one need not wait for it.
func (r *Runner) giveBack(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := r.Store.Update(ctx, func(tx store.Tx) error {
		l, found, err := load(tx, name)
		if err != nil || !found || l.Node != r.Node {
			return err
		}
		return tx.Delete(bucket, name)
	})
	if err != nil {
		r.Log.Warn("lease not given back", "job", name, "error", err)
	}
}

func load(tx store.Tx, name string) (l lease, found bool, err error) {
	l, err = store.Load[lease](tx, bucket, name)
	if errors.Is(err, store.ErrNotFound) {
		return lease{}, false, nil
	}
	return l, err == nil, err
}
