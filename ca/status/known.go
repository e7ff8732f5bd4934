package status

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// known is what this node has heard of the shards. It decides nothing while the
// store can be asked; when it cannot, no answer is given out that is known, or
// may be, to be out of date.
type known struct {
	mu     sync.Mutex // guards shards
	shards map[place]*heard
}

// place is a shard of an issuing CA.
type place struct {
	issuer ca.IssuerID
	shard  int
}

// recent is how many changes of a shard a node remembers one by one.
const recent = 64

// heard is what a node knows of one shard.
type heard struct {
	revision int            // the latest
	last     [recent]change // at its revision modulo recent
}

// change says which certificate's status made a revision; each is made by one.
type change struct {
	revision int
	serial   string
}

// note remembers that the shard has come to the revision, by a change of the
// certificate with the serial; "" if that is not known.
func (k *known) note(p place, revision int, serial string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h, ok := k.shards[p]
	if !ok {
		if revision == 0 {
			return
		}
		h = &heard{}
		if k.shards == nil {
			k.shards = map[place]*heard{}
		}
		k.shards[p] = h
	}
	h.revision = max(h.revision, revision)
	if at := &h.last[revision%recent]; serial != "" && at.revision < revision {
		*at = change{revision, serial}
	}
}

// of returns the latest revision heard of, 0 of a shard that never changed.
func (k *known) of(p place) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h, ok := k.shards[p]; ok {
		return h.revision
	}
	return 0
}

// revisionSince reads the shard's revision; heard is what was heard of before the
// transaction began, and a store that does not have that yet is Unavailable.
func revisionSince(tx store.Tx, at place, heard int) (int, error) {
	revision, err := ca.ShardRevision(tx, at.issuer, at.shard)
	if err == nil && revision < heard {
		err = errBehind()
	}
	return revision, err
}

// stands reports whether the status of a certificate is what it was at the
// revision: what has changed in its shard since is known one by one, and it
// was always another.
func (k *known) stands(p place, revision int, serial string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	h, ok := k.shards[p]
	if !ok {
		return true
	}
	if h.revision-revision > recent {
		return false
	}
	for n := revision + 1; n <= h.revision; n++ {
		if c := h.last[n%recent]; c.revision != n || c.serial == serial {
			return false
		}
	}
	return true
}

// Follow is a job of every node: it hears at once of every status that another
// node changes. It returns when ctx ends, or when it hears nothing any more;
// each call begins with a look at all shards, so that a caller who comes back
// twice a second is never further behind than that, whatever breaks.
func (r *Responder) Follow(ctx context.Context) error {
	f, ok := r.Store.(store.Follower)
	if !ok { // this process is the only one, and hears itself
		<-ctx.Done()
		return ctx.Err()
	}
	var failed error
	err := f.Follow(ctx, ca.ShardTopic, func(text string) {
		if c, ok := ca.ParseShardChange(text); ok {
			r.known.note(place{c.Issuer, c.Shard}, c.Revision, c.Serial)
			return
		}
		failed = r.lookThrough(ctx)
	})
	return errors.Join(err, failed)
}

// lookThrough notes the revisions of all shards.
func (r *Responder) lookThrough(ctx context.Context) error {
	err := r.Store.View(ctx, func(tx store.Tx) error {
		for id := range r.issuers {
			err := ca.EachRevision(tx, id, func(shard, revision int) error {
				r.known.note(place{id, shard}, revision, "")
				return nil
			})
			if err != nil {
				return err
			}
			revision, err := ca.ShardRevision(tx, id, ca.NoShard)
			if err != nil {
				return err
			}
			r.known.note(place{id, ca.NoShard}, revision, "")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for changed statuses: %w", err)
	}
	return nil
}

const (
	// storeWait is how long a reader waits for a store that other nodes use,
	// too: one that was cut off may leave a question unanswered for ever.
	storeWait = time.Second
	// storeRest is how long a store that did not answer is left alone.
	storeRest = 250 * time.Millisecond
)

// reach is whether the store can be asked.
type reach struct {
	again atomic.Int64 // when it may be asked again, in nanoseconds since began; 0: it answered last
}

// began is where reach counts from, by the clock that nobody sets.
var began = time.Now()

// errAway is for questions to a store that did not answer a moment ago.
var errAway = errors.New("the store did not answer")

// ask is View for readers who are many. away says that the store could not be
// asked, and this is no fault of theirs: what the node knows is all there is.
func (r *Responder) ask(ctx context.Context, fn func(store.Tx) error) (away bool, err error) {
	if _, shared := r.Store.(store.Follower); !shared {
		return false, r.Store.View(ctx, fn)
	}
	again := r.reach.again.Load()
	if again != 0 && int64(time.Since(began)) < again {
		return true, errAway
	}
	wait, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	err = r.Store.View(wait, fn)
	away = ctx.Err() == nil && (errors.Is(err, fault.Unavailable) || errors.Is(err, context.DeadlineExceeded))
	switch {
	case away:
		if r.reach.again.Swap(int64(time.Since(began)+storeRest)) == 0 {
			r.Log.Warn("the store does not answer; what was signed serves on", "error", err)
		}
	case again != 0 && ctx.Err() == nil:
		r.reach.again.Store(0)
		r.Log.Info("the store answers again")
	}
	return away, err
}
