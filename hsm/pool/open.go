package pool

import (
	"context"
	"math/rand/v2"
	"time"

	"mohr/internal/fault"
)

const (
	// patience is how long callers wait for a store that was open before to be
	// opened again; not at all after it hung. The first opening they wait for
	// as long as they can.
	patience = time.Second

	// Pauses between two openings that fail: each about twice the one before.
	minPause = 100 * time.Millisecond
	maxPause = 3 * time.Second
)

// errSlow is what callers get while an opening takes longer than patience.
func errSlow() error {
	return fault.New(fault.Unavailable, "key_unavailable", "the key store does not do its work now; try again in a minute")
}

// opening is the work of opening a pool until it is open.
type opening struct {
	tried chan struct{} // closed when callers need not wait any longer
	err   error         // why it is not open; guarded by group.mu
}

// told ends the callers' waiting; the caller holds group.mu.
func (o *opening) told(err error) {
	o.err = err
	select {
	case <-o.tried:
	default:
		close(o.tried)
	}
}

// connect returns the open connection, waiting for one if nobody has tried yet.
func (p *Pool[C]) connect(ctx context.Context) (*connection[C], error) {
	g := p.group
	for {
		if g.life.Err() != nil {
			return nil, errClosed()
		}
		g.mu.Lock()
		c, o := p.current, p.opening
		if c == nil && o == nil {
			o = p.begin()
		}
		g.mu.Unlock()
		if c != nil {
			return c, nil
		}
		select {
		case <-o.tried:
		case <-ctx.Done():
			return nil, timeout(ctx)
		}
		g.mu.Lock()
		err := o.err
		g.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
}

// begin starts to open; the caller holds group.mu.
func (p *Pool[C]) begin() *opening {
	o := &opening{tried: make(chan struct{})}
	p.opening = o
	switch {
	case p.hung:
		o.told(errSlow())
	case p.opened:
		time.AfterFunc(patience, func() {
			p.group.mu.Lock()
			defer p.group.mu.Unlock()
			if p.opening == o && o.err == nil {
				o.told(errSlow())
			}
		})
	}
	go p.open(o)
	return o
}

// open opens until that works or the group is closed.
func (p *Pool[C]) open(o *opening) {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		err := p.try(o)
		if err == nil {
			if pause > minPause {
				p.Log.Info("key store open again", "store", p.Name)
			}
			return
		}
		if pause == minPause && p.group.life.Err() == nil {
			p.Log.Warn("key store cannot be opened", "store", p.Name, "error", err.Error()) // not err: some print a stack
		}
		select {
		// Between a half and the whole, so that nodes do not knock together.
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-p.group.life.Done():
			return
		}
	}
}

// try opens once. It is a call in its round: a reset waits for it.
func (p *Pool[C]) try(o *opening) error {
	g := p.group
	r, ok := g.enter()
	if !ok {
		return p.failed(o, errClosed())
	}
	defer g.end(r)
	c, err := guarded(func() (C, error) { return p.Open(g.life) })
	if err != nil {
		if p.Lost(err) {
			g.reset(r)
		}
		return p.failed(o, err)
	}
	if !p.adopt(o, r, c) {
		p.Close(c)
		return p.failed(o, errSlow())
	}
	return nil
}

// adopt makes c the connection, unless another pool of the group has ended r.
func (p *Pool[C]) adopt(o *opening, r *round, c C) bool {
	p.group.mu.Lock()
	defer p.group.mu.Unlock()
	if r.isOver() {
		return false
	}
	p.current = &connection[C]{c: c, round: r, turns: make(chan struct{}, p.Turns)}
	p.opening, p.opened, p.hung = nil, true, false
	o.told(nil)
	return true
}

func (p *Pool[C]) failed(o *opening, err error) error {
	p.group.mu.Lock()
	defer p.group.mu.Unlock()
	o.told(err)
	return err
}
