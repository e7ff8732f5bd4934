package web

import (
	"context"
	"net/netip"
	"sync"

	"golang.org/x/time/rate"

	"mohr/internal/door"
	"mohr/internal/fault"
)

// maxPrefixes bounds how many networks a Gate tells apart; then it begins anew.
const maxPrefixes = 4096

// Gate lets so many requests a second through from one network, an IPv4 /24
// or an IPv6 /48, so that who floods a door does not close it for others. It
// counts in memory, each node for itself, and is safe for concurrent use.
type Gate struct {
	each  rate.Limit
	burst int

	mu   sync.Mutex
	seen map[netip.Prefix]*rate.Limiter // guarded by mu
}

// NewGate returns a Gate for so many requests a second, and so many at once.
func NewGate(perSecond float64, burst int) *Gate {
	return &Gate{each: rate.Limit(perSecond), burst: burst, seen: map[netip.Prefix]*rate.Limiter{}}
}

// Pass counts the request whose context ctx is, and refuses one too many as
// Limited. It fits Operation.Before.
func (g *Gate) Pass(ctx context.Context) error {
	network := door.Network(of(ctx).addr)
	g.mu.Lock()
	if len(g.seen) >= maxPrefixes {
		clear(g.seen)
	}
	l := g.seen[network]
	if l == nil {
		l = rate.NewLimiter(g.each, g.burst)
		g.seen[network] = l
	}
	g.mu.Unlock()
	if !l.Allow() {
		return fault.New(fault.Limited, "too_many_requests", "too many requests come from this network; wait a moment")
	}
	return nil
}
