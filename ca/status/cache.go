package status

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// cache keeps signed responses to questions for one certificate without a
// nonce. It decides nothing: whether an entry still holds is for the record.
type cache struct {
	limit   int
	mu      sync.RWMutex       // guards entries
	entries map[string]*cached // by CertID, which names its issuer
}

// cached is a response with what it rests on. Only asked is ever changed.
type cached struct {
	answer   Answer
	issuer   *issuer
	id       certID
	standing standing
	shard    int
	revision int           // of the shard: as long as it stays, no status in it changed
	asked    *atomic.Int64 // readers since it was signed
}

func newCache(limit int) *cache {
	return &cache{limit: limit, entries: map[string]*cached{}}
}

// get returns the entry of a CertID (DER) that may still be given out, or nil.
func (c *cache) get(raw []byte, now time.Time) *cached {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.entries[string(raw)]
	if e == nil || !e.answer.life().holds(now) {
		return nil
	}
	return e
}

// put keeps an entry. A full cache first drops an eighth of what it holds, as
// it comes: a map has no order that a client could play with.
func (c *cache) put(e *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= c.limit {
		drop := c.limit/8 + 1
		for k := range c.entries {
			delete(c.entries, k)
			if drop--; drop == 0 {
				break
			}
		}
	}
	c.entries[string(e.id.raw)] = e
}

// due returns up to most entries that are to be signed anew and had readers,
// the most asked first.
func (c *cache) due(now time.Time, most int) []*cached {
	type hot struct {
		*cached
		asked int64 // as of one moment: sorting needs it to stand still
	}
	var list []hot
	c.mu.RLock()
	for _, e := range c.entries {
		if n := e.asked.Load(); n > 0 && e.answer.life().due(now) {
			list = append(list, hot{e, n})
		}
	}
	c.mu.RUnlock()
	slices.SortFunc(list, func(a, b hot) int { return cmp.Compare(b.asked, a.asked) })
	entries := make([]*cached, 0, min(len(list), most))
	for _, h := range list[:min(len(list), most)] {
		entries = append(entries, h.cached)
	}
	return entries
}
