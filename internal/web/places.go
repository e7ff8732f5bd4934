package web

import (
	"context"
	"time"

	"mohr/internal/fault"
)

// Places bounds how much heavy work is done at once: so many at it, so many who
// wait, and nobody longer than so long. It counts in memory, each node for
// itself, and is safe for concurrent use. The nil *Places has room for all.
type Places struct {
	free, waiting chan struct{}
	longest       time.Duration
}

// NewPlaces returns that many places, with room for so many who wait.
func NewPlaces(places, waiting int, longest time.Duration) *Places {
	return &Places{free: make(chan struct{}, places), waiting: make(chan struct{}, waiting), longest: longest}
}

// Take returns how to give back the place that it took, or Unavailable at once
// where too many wait, and after the longest wait.
func (p *Places) Take(ctx context.Context) (give func(), err error) {
	if p == nil {
		return func() {}, nil
	}
	give = func() { <-p.free }
	select {
	case p.free <- struct{}{}:
		return give, nil
	default:
	}
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return nil, errNoPlace()
	}
	over := time.NewTimer(p.longest)
	defer over.Stop()
	select {
	case p.free <- struct{}{}:
		return give, nil
	case <-over.C:
		return nil, errNoPlace()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func errNoPlace() error {
	return fault.New(fault.Unavailable, "no_place_free", "too many documents are looked at here at the moment; send it again in a few seconds")
}
