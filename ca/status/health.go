package status

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// ShardState says how a CRL stands.
type ShardState string

// The states, from good to bad.
const (
	ShardCurrent ShardState = "current"
	ShardBehind  ShardState = "behind"  // its shard changed since; the next reader or the job makes a new one
	ShardMissing ShardState = "missing" // none was made yet; as behind, but for a root, which needs a ceremony
	ShardLate    ShardState = "late"    // in the last quarter of its life: whoever renews it does not do the work
	ShardOverdue ShardState = "overdue" // past nextUpdate: whoever keeps it has none
)

// ShardHealth is the age and state of one CRL.
type ShardHealth struct {
	Shard      int
	State      ShardState
	Number     int64
	ThisUpdate time.Time // zero if there is none yet
	NextUpdate time.Time
}

// IssuerHealth is how answering for an issuing CA, or a root, stands.
type IssuerHealth struct {
	Issuer  ca.IssuerID
	Root    bool
	Revoked bool          // by its root: nobody asks its responder any more
	Shards  []ShardHealth // by number; one of a root
	Signing bool          // false for a minute after a CRL could not be signed on this node

	// Of OCSP; zero for a root.
	ResponderNotBefore time.Time
	ResponderNotAfter  time.Time
	Answering          bool // false for a minute after an answer could not be signed on this node
}

// Oldest returns the shard whose CRL ends first.
func (h IssuerHealth) Oldest() ShardHealth {
	return slices.MinFunc(h.Shards, func(a, b ShardHealth) int { return a.NextUpdate.Compare(b.NextUpdate) })
}

// DaysLeft returns for how many days the responder's certificate is valid,
// rounded down; negative once it has expired.
func (h IssuerHealth) DaysLeft(now time.Time) int {
	left := h.ResponderNotAfter.Sub(now)
	days := int(left / (24 * time.Hour))
	if left < 0 {
		days--
	}
	return days
}

// responds reports whether there has to be a responder.
func (h IssuerHealth) responds() bool { return !h.Root && !h.Revoked }

// Health tells how CRLs and responders stand, living issuing CAs in the order
// of their names, then the roots. It reads a few octets a shard.
func (r *Responder) Health(ctx context.Context) ([]IssuerHealth, error) {
	now := r.now()
	var list []IssuerHealth
	for _, id := range slices.Sorted(maps.Keys(r.issuers)) {
		i := r.issuers[id]
		if i.retired || !i.Within(now) {
			continue
		}
		rows, err := r.shards(ctx, i)
		if err != nil {
			return nil, fmt.Errorf("health of %s: %w", id, err)
		}
		h := IssuerHealth{Issuer: id, Revoked: i.Revoked != nil, Signing: !i.lists.failing(now), Answering: !i.answers.failing(now)}
		for n, row := range rows {
			h.Shards = append(h.Shards, ShardHealth{n, row.health(i, now), row.Number, row.ThisUpdate, row.NextUpdate})
		}
		if key, ok := r.Config.Responder(id); ok && key.Certificate != nil {
			h.ResponderNotBefore, h.ResponderNotAfter = key.Certificate.NotBefore, key.Certificate.NotAfter
		}
		list = append(list, h)
	}
	roots, err := r.roots(ctx)
	if err != nil {
		return nil, fmt.Errorf("health of the roots: %w", err)
	}
	for _, name := range roots {
		h := IssuerHealth{Issuer: ca.IssuerID(name), Root: true, Signing: true, Answering: true}
		s, err := r.rootState(ctx, name)
		if err != nil {
			return nil, err
		}
		h.Shards = []ShardHealth{{0, s.health(now), s.Number, s.ThisUpdate, s.NextUpdate}}
		list = append(list, h)
	}
	return list, nil
}

// rootState is that of the root's CRL of the moment, up to the end of the last
// one that is signed ahead.
func (r *Responder) rootState(ctx context.Context, root string) (state, error) {
	c, err := r.RootCRL(ctx, root)
	if errors.Is(err, fault.NotFound) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	err = r.Store.View(ctx, func(tx store.Tx) error {
		der, err := ca.LastRootCRL(tx, root)
		if err != nil {
			return err
		}
		last, err := x509.ParseRevocationList(der)
		if err == nil && last.NextUpdate.After(c.NextUpdate) {
			c.NextUpdate = last.NextUpdate
		}
		return err
	})
	return c.state, err
}

func (s state) health(now time.Time) ShardState {
	switch l := s.life(); {
	case s.NextUpdate.IsZero():
		return ShardMissing
	case !l.holds(now):
		return ShardOverdue
	case l.late(now):
		return ShardLate
	}
	return ShardCurrent
}

func (s shardRow) health(i *issuer, now time.Time) ShardState {
	h := s.state.health(now)
	if h == ShardCurrent && !s.covers(i, s.revision) {
		return ShardBehind
	}
	return h
}

// Ready is nil while everyone who asks gets a current answer: no CRL is past
// its nextUpdate, no responder's certificate has ended, no key failed in the
// last minute, the time is trusted. All that is wrong is in the error.
func (r *Responder) Ready(ctx context.Context) error {
	list, err := r.Health(ctx)
	if err != nil {
		return err
	}
	now := r.now()
	errs := []error{r.Clock()}
	say := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, h := range list {
		for _, s := range h.Shards {
			if s.State == ShardOverdue || h.Root && s.State == ShardMissing {
				say("crl %s/%d is %s", h.Issuer, s.Shard, s.State)
			}
		}
		if !h.Signing {
			say("crl of %s: the last one could not be signed", h.Issuer)
		}
		if h.responds() && !h.Answering {
			say("ocsp of %s: the last answer could not be signed", h.Issuer)
		}
		if h.responds() && !now.Before(h.ResponderNotAfter) {
			say("ocsp of %s: there is no responder with a valid certificate", h.Issuer)
		}
	}
	return errors.Join(errs...)
}

// Ageing is nil while what renews itself does so in time: no CRL, nor a
// responder's certificate, is in the last quarter of its life. It is for an
// alarm, before readers notice anything. All that ages is in the error.
func (r *Responder) Ageing(ctx context.Context) error {
	list, err := r.Health(ctx)
	if err != nil {
		return err
	}
	now := r.now()
	var errs []error
	for _, h := range list {
		for _, s := range h.Shards {
			if s.State == ShardLate {
				errs = append(errs, fmt.Errorf("crl %s/%d is late: its next update is due at %s", h.Issuer, s.Shard, s.NextUpdate.UTC().Format(time.RFC3339)))
			}
		}
		if h.responds() && (life{h.ResponderNotBefore, h.ResponderNotAfter}).late(now) {
			errs = append(errs, fmt.Errorf("ocsp of %s: the responder's certificate has %d days left", h.Issuer, h.DaysLeft(now)))
		}
	}
	return errors.Join(errs...)
}
