package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"mohr/internal/fault"
)

// Config is what a pool needs.
type Config[C any] struct {
	Name  string // of the store, for the log
	Log   *slog.Logger
	Turns int // calls under way at a time

	// Open opens a connection. ctx ends with the group.
	Open func(ctx context.Context) (C, error)
	// Close closes one. No call is under way on it.
	Close func(C)
	// Lost reports whether another connection may cure err.
	Lost func(error) bool
}

// Pool is one store. Only New makes one.
type Pool[C any] struct {
	Config[C]
	group *Group

	// Guarded by group.mu.
	current *connection[C] // nil: not open
	opening *opening       // nil: nobody opens
	opened  bool           // it was open once
	hung    bool           // it was lost because it did not answer
}

// connection is an open connection with its turns. Hung calls keep their
// turns; another connection has fresh ones.
type connection[C any] struct {
	c     C
	round *round
	turns chan struct{}
}

// New adds a pool to g. It is opened by its first use.
func New[C any](g *Group, c Config[C]) *Pool[C] {
	p := &Pool[C]{Config: c, group: g}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members = append(g.members, p)
	return p
}

func (p *Pool[C]) detach() func() {
	if p.current == nil {
		return nil
	}
	c := p.current.c
	p.current = nil
	return func() { p.Close(c) }
}

// errHung is the cause when a call has used up the time that was meant for it.
var errHung = errors.New("no answer from the driver")

// Do runs op on the connection, at most so long, waiting included. If op's
// error says that the connection was lost, op runs once more on another one.
//
// A driver's call cannot be broken off: one that hangs goes on in its
// goroutine while its caller gets Unavailable, and if it had half of its time
// to itself, the connection counts as lost. op's ctx has the deadline, but does not end with the caller's.
func Do[C, T any](ctx context.Context, p *Pool[C], most time.Duration, op func(context.Context, C) (T, error)) (v T, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, most, errHung)
	defer cancel()
	for range 2 {
		c, err := p.enter(ctx)
		if err != nil {
			return v, err
		}
		if v, err = run(ctx, p, c, most, op); err == nil || !p.Lost(err) {
			return v, err
		}
		p.lost(c.round, err)
	}
	return v, err
}

// enter takes a turn on the connection and begins a call; give both back by
// leave.
func (p *Pool[C]) enter(ctx context.Context) (*connection[C], error) {
	for {
		c, err := p.connect(ctx)
		if err != nil {
			return nil, err
		}
		select {
		case c.turns <- struct{}{}:
			if p.group.begin(c.round) {
				return c, nil
			}
			<-c.turns
		case <-c.round.over: // its turns may be held by hung calls
		case <-ctx.Done():
			return nil, timeout(ctx)
		}
	}
}

func (p *Pool[C]) leave(c *connection[C]) {
	p.group.end(c.round)
	<-c.turns
}

type result[T any] struct {
	v   T
	err error
}

// run runs op in a goroutine and waits for it until ctx ends.
func run[C, T any](ctx context.Context, p *Pool[C], c *connection[C], most time.Duration, op func(context.Context, C) (T, error)) (v T, err error) {
	done, began := make(chan result[T], 1), time.Now()
	go func() {
		defer p.leave(c)
		deadline, _ := ctx.Deadline()
		own, cancel := context.WithDeadline(context.Background(), deadline)
		defer cancel()
		v, err := guarded(func() (T, error) { return op(own, c.c) })
		done <- result[T]{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
	}
	err = timeout(ctx)
	// A call that spent its time waiting for its turn tells of many callers,
	// and nothing of the store.
	if errors.Is(err, errHung) && time.Since(began) >= most/2 {
		p.group.mu.Lock()
		p.hung = p.hung || p.current == c
		p.group.mu.Unlock()
		p.lost(c.round, err)
	}
	return v, err
}

// lost ends the round, unless that was done.
func (p *Pool[C]) lost(r *round, why error) {
	if p.group.reset(r) {
		p.Log.Warn("key store connection lost", "store", p.Name, "error", why.Error())
	}
}

// guarded turns a panic in a driver into an error: it must not end the service.
func guarded[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in the driver: %v", r)
		}
	}()
	return f()
}

func timeout(ctx context.Context) error {
	return fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "key_timeout", "the key store does not answer in time; try again in a minute"), context.Cause(ctx))
}

func errClosed() error {
	return fault.New(fault.Unavailable, "keyring_closed", "the service is shutting down; try again in a minute")
}
