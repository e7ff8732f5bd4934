package status

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/ca/lint"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Buckets of this room. What a job goes through is apart from the long bodies.
const (
	crlBucket    = "status_crls"        // issuer/shard -> CRL
	stateBucket  = "status_crl_states"  // issuer/shard -> state of that CRL
	numberBucket = "status_crl_numbers" // issuer/shard -> assigned
)

// CRL is a signed CRL of one shard.
type CRL struct {
	state
	DER []byte `json:"der"`
}

// state is a CRL without its bytes.
type state struct {
	Number     int64     `json:"number"`   // CRLNumber
	Revision   int       `json:"revision"` // of the shard, that it covers
	Key        string    `json:"key"`      // hex SubjectKeyIdentifier of the key that signed it
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
}

// assigned is the last number given out, with the revision it was given for.
// A higher number never covers a lower revision.
type assigned struct {
	Number   int64 `json:"number"`
	Revision int   `json:"revision"`
}

func (s state) life() life { return life{s.ThisUpdate, s.NextUpdate} }

// covers reports whether the CRL has all changes up to the revision, under
// the issuer's present key.
func (s state) covers(i *issuer, revision int) bool {
	return s.Revision >= revision && s.Key == keyOf(i)
}

func keyOf(i *issuer) string { return hex.EncodeToString(i.Certificate.SubjectKeyId) }

// CRL returns the current CRL of a shard. A shard that changed since the last
// one, or whose CRL is near its end, gets a new one first. NotFound for an
// issuer or a shard that is not there.
func (r *Responder) CRL(ctx context.Context, id ca.IssuerID, n int) (CRL, error) {
	l, err := r.list(ctx, id, n)
	if err != nil {
		return CRL{}, err
	}
	return l.CRL, nil
}

func (r *Responder) list(ctx context.Context, id ca.IssuerID, n int) (*list, error) {
	i, err := r.issuerOf(id)
	if err != nil {
		return nil, err
	}
	revision, away, err := r.revision(ctx, i, n)
	if away {
		if l := r.atHand(i, n); l != nil {
			return l, nil
		}
		err = fmt.Errorf("%w: %w", err, errUnavailable())
	}
	if err != nil {
		return nil, fmt.Errorf("crl %s: %w", shardKey(id, n), err)
	}
	switch {
	case i.retired:
		return r.lastList(ctx, i, n)
	case r.Authority.Keyless:
		return r.signedElsewhere(ctx, i, n)
	}
	l, err := r.current(ctx, i, n, revision, life.late)
	if err != nil {
		return nil, fmt.Errorf("crl %s: %w", shardKey(id, n), err)
	}
	return l, nil
}

func shardKey(id ca.IssuerID, n int) string { return fmt.Sprintf("%s/%04d", id, n) }

func errNoCRL() error {
	return fault.New(fault.NotFound, "crl_unknown", "there is no such revocation list here; take the address from the certificate")
}

// revision returns the shard's; NotFound for a shard that is not there yet.
// away says that the store cannot be asked.
func (r *Responder) revision(ctx context.Context, i *issuer, n int) (revision int, away bool, err error) {
	at := place{i.ID, n}
	heard := r.known.of(at)
	away, err = r.ask(ctx, func(tx store.Tx) error {
		count, err := ca.Shards(tx, i.ID)
		if err != nil {
			return err
		}
		if n < 0 || n >= count {
			return errNoCRL()
		}
		revision, err = revisionSince(tx, at, heard)
		return err
	})
	if err == nil {
		r.known.note(at, revision, "")
	}
	return revision, away, err
}

// atHand is for when the store cannot be asked: the CRL in memory serves on to
// its nextUpdate if it has every change that this node has heard of. nil: there
// is none.
func (r *Responder) atHand(i *issuer, n int) *list {
	l := r.lists.have(i.ID, n)
	if l == nil || !l.life().holds(r.now()) || !l.covers(i, r.known.of(place{i.ID, n})) {
		return nil
	}
	return l
}

// current returns a CRL that covers the revision and whose life is not old
// yet, from memory, from the store, or signed now. One caller a shard signs.
func (r *Responder) current(ctx context.Context, i *issuer, n, revision int, old func(life, time.Time) bool) (*list, error) {
	s := r.lists.of(i.ID, n)
	serves := func(c state) bool { return c.covers(i, revision) && !old(c.life(), r.now()) }
	if l := s.current.Load(); l != nil && serves(l.state) {
		return l, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// Whoever had the turn before may have made what we came for.
	if l := s.current.Load(); l != nil && serves(l.state) {
		return l, nil
	}
	if i.lists.resting(r.now()) {
		if l, ok := r.servesOn(ctx, i, n, revision); ok {
			return l, nil
		}
	}
	for {
		c, err := r.renew(ctx, i, n, serves)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err() // who asked has gone, or the service stops: no key is to blame
		}
		if err != nil {
			r.Log.Error("crl not renewed", "issuer", i.ID, "shard", n, "error", err)
			if l, ok := r.servesOn(ctx, i, n, revision); ok {
				return l, nil
			}
			return nil, fmt.Errorf("%w: %w", err, errUnavailable())
		}
		if c != nil {
			return r.lists.keep(s, c), nil
		}
	}
}

func errUnavailable() error {
	return fault.New(fault.Unavailable, "crl_unavailable", "the revocation list cannot be signed at the moment; ask OCSP, or try again in a minute")
}

// servesOn is for when no new CRL can be signed: one that has all revocations
// and is before its nextUpdate serves on. One that lacks a revocation does
// not: readers have to ask OCSP, which has it.
func (r *Responder) servesOn(ctx context.Context, i *issuer, n, revision int) (*list, bool) {
	c, err := r.load(ctx, i.ID, n)
	if err != nil || c.Revision < revision || !c.life().holds(r.now()) {
		return nil, false
	}
	return newList(&c), true
}

// signedElsewhere is the newest CRL that a node with the issuer's key has signed. It
// may lack what was revoked since that node's job ran, a minute ago at most:
// so may every copy that a reader was allowed to keep.
func (r *Responder) signedElsewhere(ctx context.Context, i *issuer, n int) (*list, error) {
	s, key := r.lists.of(i.ID, n), shardKey(i.ID, n)
	had := s.current.Load()
	var newer *CRL
	err := r.Store.View(ctx, func(tx store.Tx) error {
		newer = nil
		last, err := store.Load[state](tx, stateBucket, key)
		if err != nil || had != nil && had.Number == last.Number {
			return err
		}
		c, err := store.Load[CRL](tx, crlBucket, key)
		newer = &c
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("crl %s: %w", key, errUnavailable())
	case err != nil:
		return nil, fmt.Errorf("crl %s: %w", key, err)
	case newer != nil:
		return r.lists.keep(s, newer), nil
	}
	return had, nil
}

// lastList is all there is of an issuing CA whose life is over.
func (r *Responder) lastList(ctx context.Context, i *issuer, n int) (*list, error) {
	c, err := r.load(ctx, i.ID, n)
	if errors.Is(err, store.ErrNotFound) {
		err = errNoCRL()
	}
	if err != nil {
		return nil, fmt.Errorf("crl %s: %w", shardKey(i.ID, n), err)
	}
	return newList(&c), nil
}

func (r *Responder) load(ctx context.Context, id ca.IssuerID, n int) (c CRL, err error) {
	err = r.Store.View(ctx, func(tx store.Tx) error {
		c, err = store.Load[CRL](tx, crlBucket, shardKey(id, n))
		return err
	})
	return c, err
}

// renew returns the stored CRL if it serves, since another node made it, else
// a new one; nil if another node has a number for a later revision, which is
// to be looked for again.
func (r *Responder) renew(ctx context.Context, i *issuer, n int, serves func(state) bool) (*CRL, error) {
	stored, revision, entries, err := r.readShard(ctx, i, n, serves)
	if err != nil || stored != nil {
		return stored, err
	}
	if err := r.Clock(); err != nil {
		return nil, err
	}
	now := r.now()
	number, err := r.assign(ctx, i.ID, n, revision, now)
	if err != nil || number == 0 {
		return nil, err
	}
	c := &CRL{state: state{Number: number, Revision: revision, Key: keyOf(i), ThisUpdate: now, NextUpdate: now.Add(r.CRLLife)}}
	c.DER, err = signCRL(i.Issuer, c.state, r.Authority.Publish+ca.CRLPath(i.ID, n), r.since(i, now), entries)
	if err == nil {
		err = lint.CRL(c.DER) // as with certificates: what a verifier might choke on does not go out
	}
	i.lists.note(now, err)
	if err != nil {
		return nil, err
	}
	if err := r.save(ctx, shardKey(i.ID, n), *c); err != nil {
		return nil, err
	}
	r.Log.Info("crl signed", "issuer", i.ID, "shard", n, "number", c.Number, "entries", len(entries))
	return c, nil
}

// save keeps c unless a later one is there.
func (r *Responder) save(ctx context.Context, key string, c CRL) error {
	return r.Store.Update(ctx, func(tx store.Tx) error {
		last, err := store.Load[state](tx, stateBucket, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) || last.Number > c.Number {
			return err
		}
		return errors.Join(store.Save(tx, crlBucket, key, c), store.Save(tx, stateBucket, key, c.state))
	})
}

// readShard returns the stored CRL if it serves, else revision and entries,
// as of one moment.
func (r *Responder) readShard(ctx context.Context, i *issuer, n int, serves func(state) bool) (stored *CRL, revision int, entries []ca.Revoked, err error) {
	key := shardKey(i.ID, n)
	err = r.Store.View(ctx, func(tx store.Tx) error {
		stored, entries = nil, nil
		if revision, err = ca.ShardRevision(tx, i.ID, n); err != nil {
			return err
		}
		last, err := store.Load[state](tx, stateBucket, key)
		if err == nil && last.covers(i, revision) && serves(last) {
			c, err := store.Load[CRL](tx, crlBucket, key)
			stored = &c
			return err
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return ca.EachRevoked(tx, i.ID, n, func(e ca.Revoked) error {
			entries = append(entries, e)
			return nil
		})
	})
	if err != nil {
		return nil, 0, nil, err
	}
	return stored, revision, entries, nil
}

// assign gives out the next number for a CRL over the revision; 0 if a number
// was given out for a later one. No number is below the time of day, so that
// a store that is restored from an older copy goes on above what it forgot.
func (r *Responder) assign(ctx context.Context, id ca.IssuerID, n, revision int, now time.Time) (number int64, err error) {
	key := shardKey(id, n)
	err = r.Store.Update(ctx, func(tx store.Tx) error {
		number = 0
		last, err := store.Load[assigned](tx, numberBucket, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if last.Revision > revision {
			return nil
		}
		number = max(last.Number+1, now.Unix())
		return store.Save(tx, numberBucket, key, assigned{Number: number, Revision: revision})
	})
	return number, err
}
