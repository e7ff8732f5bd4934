package status

import (
	"sync"
	"sync/atomic"

	"mohr/ca"
)

// listsMost bounds the CRLs a node keeps in memory, in octets. What is not
// there is read from the store.
const listsMost = 64 << 20

// lists are the CRLs a node gives out, by shard.
type lists struct {
	mu     sync.Mutex // guards the rest
	shards map[string]*shard
	octets int
}

// shard is one CRL of an issuing CA on this node.
type shard struct {
	current atomic.Pointer[list]
	turn    chan struct{} // held by who signs: one signature a shard, none waits for another shard's
}

// list is a CRL as it is given out. It is never changed.
type list struct {
	CRL
	kept kept
}

func newList(c *CRL) *list { return &list{CRL: *c, kept: keptOf(c.DER, c.ThisUpdate)} }

// of returns the shard's place.
func (l *lists) of(id ca.IssuerID, n int) *shard {
	key := shardKey(id, n)
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.shards[key]
	if !ok {
		s = &shard{turn: make(chan struct{}, 1)}
		if l.shards == nil {
			l.shards = map[string]*shard{}
		}
		l.shards[key] = s
	}
	return s
}

// have returns the shard's current CRL if it is in memory, or nil.
func (l *lists) have(id ca.IssuerID, n int) *list {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, ok := l.shards[shardKey(id, n)]; ok {
		return s.current.Load()
	}
	return nil
}

// keep makes c the current CRL of s. Where all are too much, others go.
func (l *lists) keep(s *shard, c *CRL) *list {
	kept := newList(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(s)
	for _, other := range l.shards {
		if l.octets+len(c.DER) <= listsMost {
			break
		}
		l.drop(other)
	}
	s.current.Store(kept)
	l.octets += len(c.DER)
	return kept
}

// drop empties the shard's place; mu is held.
func (l *lists) drop(s *shard) {
	if old := s.current.Swap(nil); old != nil {
		l.octets -= len(old.DER)
	}
}
