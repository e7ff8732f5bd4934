package status

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Buckets of this room.
const (
	crlBucket    = "status_crls"        // issuer/shard -> CRL
	numberBucket = "status_crl_numbers" // issuer/shard -> assigned
)

// CRL is a signed CRL of one shard.
type CRL struct {
	Number     int64     `json:"number"`   // CRLNumber
	Revision   int       `json:"revision"` // of the shard, that it covers
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	DER        []byte    `json:"der"`
}

// assigned is the last number given out, with the revision it was given for.
// A higher number never covers a lower revision.
type assigned struct {
	Number   int64 `json:"number"`
	Revision int   `json:"revision"`
}

// shard is one CRL of an issuing CA on this node.
type shard struct {
	issuer  ca.IssuerID
	n       int
	current atomic.Pointer[CRL]
	turn    chan struct{} // held by who signs: one signature a shard, none waits for another shard's
}

func newShard(issuer ca.IssuerID, n int) *shard {
	return &shard{issuer: issuer, n: n, turn: make(chan struct{}, 1)}
}

func (s *shard) key() string { return fmt.Sprintf("%s/%04d", s.issuer, s.n) }

// serves reports whether c may answer for the shard at the revision: it
// covers it, and less than half of its life is over.
func (c *CRL) serves(revision int, now time.Time) bool {
	return c != nil && c.Revision >= revision && now.Before(c.ThisUpdate.Add(c.NextUpdate.Sub(c.ThisUpdate)/2))
}

// CRL returns the current CRL of a shard. A shard that changed since the last
// one, or whose CRL is at half of its life, gets a new one first. NotFound for
// an issuer or a shard that is not there.
func (r *Responder) CRL(ctx context.Context, id ca.IssuerID, n int) (CRL, error) {
	i, err := r.issuerOf(id)
	if err != nil {
		return CRL{}, err
	}
	if n < 0 || n >= len(i.shards) {
		return CRL{}, errNoCRL()
	}
	s := i.shards[n]
	c, err := r.currentCRL(ctx, i, s)
	if err != nil {
		return CRL{}, fmt.Errorf("crl %s: %w", s.key(), err)
	}
	return *c, nil
}

func errNoCRL() error {
	return fault.New(fault.NotFound, "crl_unknown", "there is no such revocation list here; take the address from the certificate")
}

func (r *Responder) currentCRL(ctx context.Context, i *issuer, s *shard) (*CRL, error) {
	revision, err := r.revision(ctx, s)
	if err != nil {
		return nil, err
	}
	if c := s.current.Load(); c.serves(revision, r.now()) {
		return c, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// Whoever had the turn before may have made what we came for.
	if c := s.current.Load(); c.serves(revision, r.now()) {
		return c, nil
	}
	for {
		c, err := r.renewCRL(ctx, i, s)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err() // who asked has gone, or the service stops: no key is to blame
		}
		if err != nil {
			return r.lastCRL(ctx, s, revision, err)
		}
		if c != nil {
			s.current.Store(c)
			return c, nil
		}
	}
}

// lastCRL is for when no new CRL can be signed: one that has all revocations
// and is before its nextUpdate serves on. One that lacks a revocation does
// not: Unavailable makes readers ask OCSP, which has it.
func (r *Responder) lastCRL(ctx context.Context, s *shard, revision int, why error) (*CRL, error) {
	r.Log.Error("crl not renewed", "issuer", s.issuer, "shard", s.n, "error", why)
	var c CRL
	err := r.Store.View(ctx, func(tx store.Tx) (err error) {
		c, err = store.Load[CRL](tx, crlBucket, s.key())
		return err
	})
	if err == nil && c.Revision >= revision && r.now().Before(c.NextUpdate) {
		return &c, nil
	}
	return nil, fmt.Errorf("%w: %w", why, fault.New(fault.Unavailable, "crl_unavailable", "the revocation list cannot be signed at the moment; ask OCSP, or try again in a minute"))
}

func (r *Responder) revision(ctx context.Context, s *shard) (n int, err error) {
	err = r.Store.View(ctx, func(tx store.Tx) error {
		n, err = ca.ShardRevision(tx, s.issuer, s.n)
		return err
	})
	return n, err
}

// renewCRL returns the stored CRL if another node made it, else a new one; nil
// if another node has a number for a later revision, which is to be looked for again.
func (r *Responder) renewCRL(ctx context.Context, i *issuer, s *shard) (*CRL, error) {
	now := r.now()
	stored, revision, entries, err := r.readShard(ctx, s, now)
	if err != nil || stored != nil {
		return stored, err
	}
	number, err := r.assign(ctx, s, revision)
	if err != nil || number == 0 {
		return nil, err
	}
	c := &CRL{Number: number, Revision: revision, ThisUpdate: now, NextUpdate: now.Add(r.CRLLife)}
	url := r.Authority.Publish + ca.CRLPath(i.ID, s.n)
	if c.DER, err = signCRL(i.Issuer, *c, url, entries); err != nil {
		return nil, err
	}
	err = r.Store.Update(ctx, func(tx store.Tx) error {
		last, err := store.Load[CRL](tx, crlBucket, s.key())
		if err != nil && !errors.Is(err, store.ErrNotFound) || last.Number > c.Number {
			return err
		}
		return store.Save(tx, crlBucket, s.key(), *c)
	})
	if err != nil {
		return nil, err
	}
	r.Log.Info("crl signed", "issuer", s.issuer, "shard", s.n, "number", c.Number, "entries", len(entries))
	return c, nil
}

// readShard returns the stored CRL if it serves, else revision and entries,
// as of one moment.
func (r *Responder) readShard(ctx context.Context, s *shard, now time.Time) (stored *CRL, revision int, entries []ca.Revoked, err error) {
	err = r.Store.View(ctx, func(tx store.Tx) error {
		if revision, err = ca.ShardRevision(tx, s.issuer, s.n); err != nil {
			return err
		}
		c, err := store.Load[CRL](tx, crlBucket, s.key())
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil && c.serves(revision, now) {
			stored = &c
			return nil
		}
		return ca.EachRevoked(tx, s.issuer, s.n, func(e ca.Revoked) error {
			entries = append(entries, e)
			return nil
		})
	})
	return stored, revision, entries, err
}

// assign gives out the next number for a CRL over the revision; 0 if a number
// was given out for a later one.
func (r *Responder) assign(ctx context.Context, s *shard, revision int) (number int64, err error) {
	err = r.Store.Update(ctx, func(tx store.Tx) error {
		last, err := store.Load[assigned](tx, numberBucket, s.key())
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if last.Revision > revision {
			number = 0
			return nil
		}
		number = last.Number + 1
		return store.Save(tx, numberBucket, s.key(), assigned{Number: number, Revision: revision})
	})
	return number, err
}
