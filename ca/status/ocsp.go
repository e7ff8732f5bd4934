package status

import (
	"context"
	"errors"
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
}

// OCSP answers an OCSPRequest (DER) for certificates of the issuing CA. What
// it cannot answer is answered in the protocol's own words; the error is
// NotFound for an unknown issuer and nil else.
func (r *Responder) OCSP(ctx context.Context, id ca.IssuerID, der []byte) (Answer, error) {
	i, err := r.issuerOf(id)
	if err != nil {
		return Answer{}, err
	}
	q, err := parseRequest(der)
	if err != nil {
		return Answer{DER: malformedRequest.der()}, nil
	}
	for _, c := range q.certs {
		if !i.names.issued(c) {
			return Answer{DER: unauthorized.der()}, nil
		}
	}
	a, err := r.answer(ctx, i, q)
	if err == nil {
		return a, nil
	}
	r.Log.Error("ocsp not answered", "issuer", id, "error", err)
	if errors.Is(err, errStore) {
		return Answer{DER: tryLater.der()}, nil
	}
	return Answer{DER: internalError.der()}, nil
}

// errStore marks that records could not be read.
var errStore = errors.New("read status")

func (r *Responder) answer(ctx context.Context, i *issuer, q request) (Answer, error) {
	now := r.now()
	key := ""
	var before *cached
	if len(q.certs) == 1 && q.nonce == nil {
		key = string(i.ID) + "\x00" + string(q.certs[0].raw)
		before = r.cache.get(key, now)
	}
	if before != nil {
		if hit, err := r.holds(ctx, i, before); err != nil || hit {
			return before.answer, err
		}
	}
	rows, err := r.look(ctx, i, q.certs)
	if err != nil {
		return Answer{}, err
	}
	if before != nil && before.standing == rows[0].standing {
		again := *before
		again.revision = rows[0].revision
		r.cache.put(key, &again)
		return before.answer, nil
	}
	a, until, err := r.sign(i, q, rows, now)
	if err == nil && key != "" && rows[0].known {
		a.Reusable = true
		r.cache.put(key, &cached{answer: a, standing: rows[0].standing, shard: rows[0].shard, revision: rows[0].revision, until: until})
	}
	return a, err
}

// holds reports whether no status in the entry's shard has changed since.
func (r *Responder) holds(ctx context.Context, i *issuer, e *cached) (bool, error) {
	var revision int
	err := r.Store.View(ctx, func(tx store.Tx) (err error) {
		revision, err = ca.ShardRevision(tx, i.ID, e.shard)
		return err
	})
	if err != nil {
		return false, errors.Join(errStore, err)
	}
	return revision == e.revision, nil
}

// row is what the store says to one CertID.
type row struct {
	standing
	shard    int
	revision int
}

// look reads the records, all in one transaction.
func (r *Responder) look(ctx context.Context, i *issuer, ids []certID) ([]row, error) {
	rows := make([]row, len(ids))
	err := r.Store.View(ctx, func(tx store.Tx) error {
		for n, id := range ids {
			c, err := ca.LoadCertificate(tx, id.serial)
			if errors.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			revision, err := ca.ShardRevision(tx, c.Issuer, c.Shard)
			if err != nil {
				return err
			}
			if c.Issuer == i.ID {
				rows[n] = row{standingOf(c), c.Shard, revision}
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(errStore, err)
	}
	return rows, nil
}

// standingOf is the one place that says good. A pending certificate is
// unknown: it was not issued yet and perhaps never will be. A void one may
// have been signed and is revoked.
func standingOf(c ca.Certificate) standing {
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

// sign makes the response, and says until when it may be handed out again.
func (r *Responder) sign(i *issuer, q request, rows []row, now time.Time) (Answer, time.Time, error) {
	d, err := r.responder(i, now)
	if err != nil {
		return Answer{}, now, err
	}
	next := now.Add(r.Life)
	if end := d.Certificate.NotAfter; end.Before(next) {
		next = end // nobody would believe it any longer
	}
	res := response{nonce: q.nonce, now: now, next: next, archiveCutoff: i.Certificate.NotBefore}
	for n, id := range q.certs {
		res.singles = append(res.singles, single{id, rows[n].standing})
	}
	der, err := res.sign(d)
	return Answer{DER: der, ThisUpdate: now, NextUpdate: next}, now.Add(next.Sub(now) / 2), err
}
