package acme

import (
	"crypto/sha256"
	"sync"
	"time"

	"mohr/internal/fault"
	"mohr/internal/nonce"
)

const (
	noncePurpose nonce.Purpose = "acme"
	// nonceLife is how long a nonce is good. Clients that are slower get a
	// badNonce with a new one and try again (RFC 8555 section 6.5).
	nonceLife = time.Minute
	// keepSpent is above the life of any nonce, that of a node whose clock is
	// some seconds ahead included.
	keepSpent = nonceLife + 10*time.Second
	// maxSpent bounds what is remembered in one life of nonces: about 8,700
	// requests a second, and 40 MiB in both generations.
	maxSpent = 1 << 19
)

// nonces gives nonces out and takes each one once. What was taken is in
// memory: a node forgets it when it starts anew, and the package's
// documentation says why that harms nobody.
type nonces struct {
	source *nonce.Source
	now    func() time.Time
	limit  int
	spent  *generations
}

// generations are the nonces taken in this life and in the one before it.
type generations struct {
	mu         sync.Mutex // guards all below
	young, old map[spentNonce]struct{}
	since      time.Time // of young
}

type spentNonce [16]byte

func newNonces(s *nonce.Source, now func() time.Time) nonces {
	return nonces{
		source: &nonce.Source{Key: s.Key, TTL: nonceLife, Now: now}, now: now, limit: maxSpent,
		spent: &generations{young: map[spentNonce]struct{}{}, since: now()},
	}
}

func (n nonces) give() string { return n.source.New(noncePurpose) }

// take refuses a nonce that is not ours, is out of its time or was taken
// before. Where no more can be remembered, none is taken.
func (n nonces) take(text string) error {
	if err := n.source.Check(noncePurpose, text); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(text))
	key := spentNonce(sum[:])
	g := n.spent
	g.mu.Lock()
	defer g.mu.Unlock()
	switch now := n.now(); {
	case now.Sub(g.since) > 2*keepSpent:
		g.young, g.old, g.since = map[spentNonce]struct{}{}, nil, now
	case now.Sub(g.since) > keepSpent:
		g.young, g.old, g.since = map[spentNonce]struct{}{}, g.young, now
	}
	_, young := g.young[key]
	_, old := g.old[key]
	if young || old {
		return fault.New(fault.Denied, "acme_nonce_used", "this nonce was used before; take the new one")
	}
	if len(g.young) >= n.limit {
		return fault.New(fault.Unavailable, "acme_busy", "too many requests came in the last minute; try again in a minute")
	}
	g.young[key] = struct{}{}
	return nil
}
