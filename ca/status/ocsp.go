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

// maxAge is how long a response may be kept by others; what changes in the
// meantime is not seen by those who keep it.
const maxAge = time.Minute

// Answer is an OCSPResponse (DER).
type Answer struct {
	DER []byte
	// Reusable reports whether it answers the same question by others too:
	// it speaks of one known certificate and carries no nonce.
	Reusable   bool
	ThisUpdate time.Time
	NextUpdate time.Time
	kept       kept
}

func (a *Answer) life() life { return life{a.ThisUpdate, a.NextUpdate} }

// OCSP answers an OCSPRequest (DER) for certificates of the issuing CA. What
// it cannot answer is answered in the protocol's own words; the error is
// NotFound for an unknown issuer and nil else.
func (r *Responder) OCSP(ctx context.Context, id ca.IssuerID, der []byte) (Answer, error) {
	i, err := r.issuerOf(id)
	if err != nil {
		return Answer{}, err
	}
	if a, ok := r.hit(ctx, i, der); ok {
		return a, nil
	}
	q, err := parseRequest(der)
	if err != nil {
		return Answer{DER: malformedRequest.der()}, nil
	}
	for _, c := range q.certs {
		if i.retired || !i.names.issued(c) {
			return Answer{DER: unauthorized.der()}, nil
		}
	}
	a, err := r.answer(ctx, i, q)
	if err == nil {
		return a, nil
	}
	if !errors.Is(err, errAway) { // of that ask has told, once
		r.Log.Error("ocsp not answered", "issuer", id, "error", err)
	}
	return Answer{DER: tryLater.der()}, nil
}

// hit answers the most asked kind of request from the cache: what is there is
// given out while no status in its shard has changed since. Where the store
// cannot be asked, what this node has heard counts, to the answer's nextUpdate.
func (r *Responder) hit(ctx context.Context, i *issuer, der []byte) (Answer, bool) {
	raw, ok := bareCertID(der)
	if !ok {
		return Answer{}, false
	}
	now := r.now()
	e := r.cache.get(raw, now)
	if e == nil || e.issuer != i {
		return Answer{}, false
	}
	at := place{i.ID, e.shard}
	var revision int
	heard := r.known.of(at)
	away, err := r.ask(ctx, func(tx store.Tx) (err error) {
		revision, err = revisionSince(tx, at, heard)
		return err
	})
	switch {
	case away && r.known.stands(at, e.revision, e.id.serial):
	case err != nil || !r.enough(e, now):
		return Answer{}, false
	case revision != e.revision:
		r.known.note(at, revision, "")
		return Answer{}, false
	}
	e.asked.Add(1)
	return e.answer, true
}

// enough reports whether a reader can do with the entry, if it still holds.
func (r *Responder) enough(e *cached, now time.Time) bool {
	return !e.answer.life().late(now) || e.issuer.answers.resting(now)
}

// answer gives out what was signed earlier while the record is the one it
// speaks of, and signs else. Where nothing can be signed, the earlier answer
// serves on to its nextUpdate, but never past a change of the record.
func (r *Responder) answer(ctx context.Context, i *issuer, q request) (Answer, error) {
	rows, err := r.look(ctx, i, q.certs)
	if err != nil {
		return Answer{}, err
	}
	now := r.now()
	if len(q.certs) != 1 || q.nonce != nil || !rows[0].known {
		return r.sign(i, q, rows, now)
	}
	id, row := q.certs[0], rows[0]
	before := r.cache.get(id.raw, now)
	same := before != nil && before.standing == row.standing
	if same && r.enough(before, now) {
		again := *before // another certificate of the shard may have changed
		again.revision = row.revision
		r.cache.put(&again)
		return before.answer, nil
	}
	a, err := r.sign(i, q, rows, now)
	switch {
	case err == nil:
		return r.remember(i, id, row, a), nil
	case same:
		r.Log.Warn("ocsp answer not renewed", "issuer", i.ID, "error", err)
		return before.answer, nil
	}
	return Answer{}, err
}

// remember puts the answer into the cache, and returns it as one for others too.
func (r *Responder) remember(i *issuer, id certID, row row, a Answer) Answer {
	a.Reusable, a.kept = true, keptOf(a.DER, a.ThisUpdate)
	r.cache.put(&cached{
		answer: a, issuer: i, id: id.clone(), standing: row.standing, shard: row.shard, revision: row.revision, asked: new(atomic.Int64),
	})
	return a
}

// row is what the store says to one CertID.
type row struct {
	standing
	shard    int
	revision int
}

// look reads the records, all in one transaction. What is older than what this
// node has heard of before is not used: a standby may be behind.
func (r *Responder) look(ctx context.Context, i *issuer, ids []certID) ([]row, error) {
	rows, err := r.rows(ctx, i, ids)
	if err != nil {
		return nil, err
	}
	heard := make([]int, len(rows))
	for n, row := range rows {
		heard[n] = r.known.of(place{i.ID, row.shard})
	}
	if !older(rows, heard) {
		return rows, nil
	}
	// It may have been heard of since they were read: then it is there now.
	if rows, err = r.rows(ctx, i, ids); err == nil && older(rows, heard) {
		err = errBehind()
	}
	return rows, err
}

// older reports whether a row is from before the revision that was heard of.
func older(rows []row, heard []int) bool {
	for n, row := range rows {
		if row.known && row.revision < heard[n] {
			return true
		}
	}
	return false
}

// errBehind is for a store that does not have yet what this node has heard of.
func errBehind() error {
	return fault.New(fault.Unavailable, "store_behind", "the records here are older than what is known already; ask again in a moment")
}

func (r *Responder) rows(ctx context.Context, i *issuer, ids []certID) ([]row, error) {
	rows := make([]row, len(ids))
	away, err := r.ask(ctx, func(tx store.Tx) error {
		for n, id := range ids {
			c, err := ca.LoadStatus(tx, id.serial)
			if errors.Is(err, store.ErrNotFound) || err == nil && c.Issuer != i.ID {
				continue
			}
			if err != nil {
				return err
			}
			revision, err := ca.ShardRevision(tx, c.Issuer, c.Shard)
			if err != nil {
				return err
			}
			rows[n] = row{standingOf(c), c.Shard, revision}
			r.known.note(place{c.Issuer, c.Shard}, revision, "")
		}
		return nil
	})
	if away {
		err = fmt.Errorf("%w: %w", errAway, err)
	}
	return rows, err
}

// standingOf is the one place that says good. A pending certificate is
// unknown: it was not issued yet and perhaps never will be. A void one may
// have been signed and is revoked.
func standingOf(c ca.Status) standing {
	s := standing{version: c.Version}
	switch {
	case c.Revoked != nil:
		s.known, s.revokedAt = true, c.Revoked.At.Unix()
		s.reason, _ = c.Revoked.Reason.Code()
	case c.State == ca.Issued:
		s.known = true
	}
	return s
}

// sign makes the response. Whether it could is remembered.
func (r *Responder) sign(i *issuer, q request, rows []row, now time.Time) (a Answer, err error) {
	defer func() { i.answers.note(now, err) }()
	if err := r.Clock(); err != nil {
		return Answer{}, err
	}
	d, err := r.responder(i, now)
	if err != nil {
		return Answer{}, err
	}
	next := now.Add(r.Life)
	if end := d.Certificate.NotAfter; end.Before(next) {
		next = end // nobody would believe it any longer
	}
	res := response{nonce: q.nonce, now: now, next: next, archiveCutoff: r.since(i, now)}
	for n, id := range q.certs {
		res.singles = append(res.singles, single{id, rows[n].standing})
	}
	der, err := res.sign(d)
	return Answer{DER: der, ThisUpdate: now, NextUpdate: next}, err
}

// presignMost bounds one run of Presign.
const presignMost = 5000

// Presign is a job of every node: it signs anew what was asked for and has
// come to half of its life, the most asked first, so that readers find it
// made. The first signature that fails ends the run.
func (r *Responder) Presign(ctx context.Context) error {
	now := r.now()
	for _, e := range r.cache.due(now, presignMost) {
		rows, err := r.look(ctx, e.issuer, []certID{e.id})
		if err != nil {
			return err
		}
		if !rows[0].known {
			continue
		}
		a, err := r.sign(e.issuer, request{certs: []certID{e.id}}, rows, now)
		if err != nil {
			return err
		}
		r.remember(e.issuer, e.id, rows[0], a)
	}
	return nil
}
