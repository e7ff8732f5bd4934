package pool

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// drain is how long a reset waits for calls under way before it goes on
// without them.
const drain = 2 * time.Second

// maxAbandoned bounds the rounds that still have calls under way after their
// end. Each holds at most the turns of its pools in hung goroutines.
const maxAbandoned = 2

// Group is a set of pools whose connections are closed together. The zero
// value is not usable: call NewGroup.
type Group struct {
	life context.Context // ends with Close
	stop context.CancelFunc

	mu        sync.Mutex // guards what is below and the state of all members
	round     *round
	members   []member
	abandoned int
}

// member is a pool of any type.
type member interface {
	// detach forgets the connection and returns how to close it, nil if there
	// is none. The caller holds Group.mu.
	detach() func()
}

// round is the time between two resets.
type round struct {
	calls   int           // under way; guarded by Group.mu
	over    chan struct{} // closed by the reset that ends the round
	drained chan struct{} // closed when it is over and no call is under way
	next    chan struct{} // closed when another round has begun
}

func newRound() *round {
	return &round{over: make(chan struct{}), drained: make(chan struct{}), next: make(chan struct{})}
}

func (r *round) isOver() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// NewGroup returns a group without members. Close it.
func NewGroup() *Group {
	g := &Group{round: newRound()}
	g.life, g.stop = context.WithCancel(context.Background())
	return g
}

// begin counts a call in r and reports false if r is over.
func (g *Group) begin(r *round) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.isOver() {
		return false
	}
	r.calls++
	return true
}

// end ends a call in r.
func (g *Group) end(r *round) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r.calls--
	if r.calls == 0 && r.isOver() {
		close(r.drained)
	}
}

// enter waits for a round and begins a call in it; false after Close.
func (g *Group) enter() (*round, bool) {
	for {
		g.mu.Lock()
		r := g.round
		g.mu.Unlock()
		if g.life.Err() != nil {
			return nil, false
		}
		if g.begin(r) {
			return r, true
		}
		select {
		case <-r.next:
		case <-g.life.Done():
			return nil, false
		}
	}
}

// reset ends r and closes all connections, in a goroutine; false if another
// caller that saw the same loss was first.
func (g *Group) reset(r *round) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.isOver() {
		return false
	}
	close(r.over)
	if r.calls == 0 {
		close(r.drained)
	}
	var closers []func()
	for _, m := range g.members {
		if c := m.detach(); c != nil {
			closers = append(closers, c)
		}
	}
	go g.finish(r, closers)
	return true
}

// finish closes the connections of r once no call is under way, because a
// PKCS#11 library must not be finalized under a call's feet (v2.40, section
// 5.4, C_Finalize), and begins the next round. Calls that do not end are left
// behind: their connections are closed when they do.
func (g *Group) finish(r *round, closers []func()) {
	closeAll := func() {
		for _, c := range closers {
			c()
		}
	}
	late := time.NewTimer(drain)
	defer late.Stop()
	select {
	case <-r.drained:
	case <-late.C:
		if g.abandon() {
			g.renew(r)
			<-r.drained
			closeAll()
			g.mu.Lock()
			g.abandoned--
			g.mu.Unlock()
			return
		}
		<-r.drained
	}
	closeAll()
	g.renew(r)
}

// abandon reports whether one more round may be left behind.
func (g *Group) abandon() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.life.Err() != nil || g.abandoned == maxAbandoned {
		return false
	}
	g.abandoned++
	return true
}

// renew begins the round after r.
func (g *Group) renew(r *round) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.round = newRound()
	close(r.next)
}

// Close ends all pools of the group for good. It waits, until ctx ends, for
// calls under way and for the connections to be closed.
func (g *Group) Close(ctx context.Context) error {
	g.stop()
	g.mu.Lock()
	r := g.round
	g.mu.Unlock()
	g.reset(r)
	select {
	case <-r.next:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close pool: a call does not end: %w", ctx.Err())
	}
}
