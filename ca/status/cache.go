package status

import (
	"sync"
	"time"
)

// cache keeps signed responses to questions for one certificate without a
// nonce. It decides nothing: whether an entry still holds is for the record.
type cache struct {
	limit   int
	mu      sync.RWMutex // guards entries
	entries map[string]*cached
}

// cached is a response with what it rests on. It is never changed.
type cached struct {
	answer   Answer
	standing standing
	shard    int
	revision int       // of the shard: as long as it stays, no status in it changed
	until    time.Time // to be signed anew from here on
}

func newCache(limit int) *cache {
	return &cache{limit: limit, entries: map[string]*cached{}}
}

// get returns the entry of key that is good for the time, or nil.
func (c *cache) get(key string, now time.Time) *cached {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.entries[key]
	if e == nil || !now.Before(e.until) {
		return nil
	}
	return e
}

// put keeps an entry. A full cache first drops an eighth of what it holds, as
// it comes: a map has no order that a client could play with.
func (c *cache) put(key string, e *cached) {
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
	c.entries[key] = e
}
