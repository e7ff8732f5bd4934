package ca

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"mohr/internal/store"
)

// NoShard is the Shard of a certificate that names no CRL: short-lived ones
// and OCSP responders. A revocation of it is seen in OCSP alone.
const NoShard = -1

// defaultShardSize keeps a full CRL at some 400 kB, if all of a shard is
// revoked, and at 20 kB with one in twenty.
const defaultShardSize = 10_000

// slotBlock is how many slots a node takes at once; what it has not used when
// it ends stays empty.
const slotBlock = 256

// uncounted is how many records begin looks at.
const uncounted = 1000

// shardBucket: issuer -> filling.
const shardBucket = "ca_shards"

// filling is how far an issuer's shards are given to nodes.
type filling struct {
	Shard int `json:"shard"` // the one that takes certificates now; those below are full
	Used  int `json:"used"`  // slots of it that are given out
}

// Shards returns how many CRL shards the issuer has so far, numbered from 0;
// the last one may still be empty. There is at least one.
func Shards(tx store.Tx, issuer IssuerID) (int, error) {
	f, err := store.Load[filling](tx, shardBucket, string(issuer))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	return f.Shard + 1, nil
}

// slots holds what this node has taken of each issuer's shards.
type slots struct {
	mu    sync.Mutex // guards taken
	taken map[IssuerID]chan block
}

// block is slots of one shard. The channel that carries it has room for one:
// who has received the block has it alone until he sends it back.
type block struct{ shard, left int }

func (s *slots) of(id IssuerID) chan block {
	s.mu.Lock()
	defer s.mu.Unlock()
	hold, ok := s.taken[id]
	if !ok {
		hold = make(chan block, 1)
		hold <- block{}
		if s.taken == nil {
			s.taken = map[IssuerID]chan block{}
		}
		s.taken[id] = hold
	}
	return hold
}

// slot gives a new certificate its place in a shard of the issuer, for life.
// A place that is given and not used stays empty: a shard never has more
// certificates than slots.
func (a *Authority) slot(ctx context.Context, id IssuerID) (shard int, err error) {
	hold := a.slots.of(id)
	var b block
	select {
	case b = <-hold:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { hold <- b }()
	if b.left == 0 {
		if b, err = a.takeBlock(ctx, id); err != nil {
			return 0, fmt.Errorf("take slots of %s: %w", id, err)
		}
	}
	b.left--
	return b.shard, nil
}

// takeBlock takes the next slots of the issuer for this node alone.
func (a *Authority) takeBlock(ctx context.Context, id IssuerID) (b block, err error) {
	size := a.ShardSize
	if size <= 0 {
		size = defaultShardSize
	}
	err = a.Store.Update(ctx, func(tx store.Tx) error {
		f, err := store.Load[filling](tx, shardBucket, string(id))
		if errors.Is(err, store.ErrNotFound) {
			f, err = begin(tx, id)
		}
		if err != nil {
			return err
		}
		if f.Used >= size {
			f = filling{Shard: f.Shard + 1}
		}
		b = block{shard: f.Shard, left: min(slotBlock, max(1, size/16), size-f.Used)}
		f.Used += b.left
		return store.Save(tx, shardBucket, string(id), f)
	})
	if err != nil {
		return block{}, err
	}
	return b, nil
}

// begin returns where an issuer begins that has no record of its shards yet.
// A store may be older than that record, with all certificates in shard 0:
// few are counted, many are left there by themselves.
func begin(tx store.Tx, id IssuerID) (f filling, err error) {
	seen := 0
	err = store.Each(tx, certBucket, "", "", func(_ string, c Certificate) error {
		if seen++; seen > uncounted {
			f = filling{Shard: 1}
			return store.Stop
		}
		if c.Issuer == id && c.Shard == 0 {
			f.Used++
		}
		return nil
	})
	return f, err
}

// EachRevision calls fn with every CRL shard of the issuer that has changed
// since it was empty, and its revision.
func EachRevision(tx store.Tx, issuer IssuerID, fn func(shard, revision int) error) error {
	return store.Each(tx, revisionBucket, string(issuer)+"/", "", func(key string, revision int) error {
		shard, err := strconv.Atoi(strings.TrimPrefix(key, string(issuer)+"/"))
		if err != nil {
			return fmt.Errorf("revision of shard %q: %w", key, err)
		}
		if shard < 0 {
			return nil // NoShard
		}
		return fn(shard, revision)
	})
}

// ShardTopic is what a node follows (store.Follower) to hear at once of every
// change of a status: each is announced there as a ShardChange.
const ShardTopic = "ca_shards"

// ShardChange says which certificate's status made which revision of a shard.
type ShardChange struct {
	Issuer   IssuerID
	Shard    int
	Revision int
	Serial   string
}

func (c ShardChange) announce(tx store.Tx) {
	store.Announce(tx, ShardTopic, fmt.Sprintf("%s %d %d %s", c.Issuer, c.Shard, c.Revision, c.Serial))
}

// ParseShardChange reads what is announced on ShardTopic; ok is false for a
// text that says nothing of the kind.
func ParseShardChange(text string) (c ShardChange, ok bool) {
	f := strings.Split(text, " ")
	if len(f) != 4 || f[0] == "" || f[3] == "" {
		return c, false
	}
	shard, err1 := strconv.Atoi(f[1])
	revision, err2 := strconv.Atoi(f[2])
	return ShardChange{IssuerID(f[0]), shard, revision, f[3]}, err1 == nil && err2 == nil && shard >= NoShard && revision > 0
}

// Status is the part of a Certificate that says whether it counts.
type Status struct {
	Issuer  IssuerID `json:"issuer"`
	State   State    `json:"state"`
	Shard   int      `json:"shard"`
	Revoked *Revoked `json:"revoked"`
	Version int      `json:"version"`
}

// LoadStatus reads that part alone, in half of LoadCertificate's time;
// store.ErrNotFound if there is no such certificate.
func LoadStatus(tx store.Tx, serial string) (Status, error) {
	return store.Load[Status](tx, certBucket, serial)
}
