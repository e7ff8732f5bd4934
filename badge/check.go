package badge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mohr/internal/store"
)

// Check gathers the facts of a badge, judges them and records what follows.
// Checking one that has ended changes nothing. Where two checks race, the
// first to record counts.
func (d *Desk) Check(ctx context.Context, id ID) (Badge, error) {
	b, err := d.load(ctx, id)
	if err != nil || b.State == Refused || b.State == Revoked || b.State == Expired {
		return b, err
	}
	if b.Renewal.open() {
		if err := d.checkRenewal(ctx, b); err != nil {
			return b, err
		}
		if b, err = d.load(ctx, id); err != nil {
			return b, err
		}
	}
	g, err := d.gather(ctx, b)
	if err != nil {
		return b, fmt.Errorf("gather facts of badge %s: %w", id, err)
	}
	var after Badge
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		now, err := LoadBadge(tx, id)
		if err != nil {
			return err
		}
		if now.Version == b.Version {
			if err := now.decide(tx, g, d.Rules); err != nil {
				return err
			}
		}
		after, err = now.live(tx, g.facts.At)
		return err
	})
	if err != nil {
		return b, fmt.Errorf("record check of badge %s: %w", id, err)
	}
	if after.State != b.State {
		d.Log.Info("badge decided", "badge", id, "state", after.State, "why", after.Why)
	}
	return after, nil
}

func (d *Desk) load(ctx context.Context, id ID) (b Badge, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		b, err = LoadBadge(tx, id)
		return err
	})
	return b, err
}

// decide judges what was gathered and records the decision. The certificates
// are looked up again, in this transaction: a revocation that came while we
// asked around counts.
func (b *Badge) decide(tx store.Tx, g gathered, r Rules) error {
	f := g.facts
	line, _, err := lineOf(tx, b.Certificate, f.At)
	if err != nil {
		return err
	}
	f.Signer = line
	findings := r.Judge(f)
	v := r.Decide(findings, b.least(), b.had())
	before := *b
	t := Trace{
		Badge: b.ID, Number: b.Traces, Request: b.Request, Rules: r, Facts: f, Findings: findings,
		Outcome: v.Outcome, Least: b.least(), Had: b.had(), Level: v.Level,
	}
	if err := b.tellFound(tx, findings, f.At); err != nil {
		return err
	}
	next, why, since := b.next(f, r, v)
	hash, err := canonicalSHA256(t)
	if err != nil {
		return err
	}
	if next != b.State || !slices.Equal(findings, b.Findings) {
		if err := b.keep(tx, t, g.answers); err != nil {
			return err
		}
	}
	b.wait(f.At)
	b.Findings, b.Rules, b.CheckedAt, b.WaitingFor = findings, r.Version, f.At, nil
	b.SiteEnds = f.siteEnds()
	if next == Waiting {
		b.WaitingFor = v.WaitingFor
	}
	if next != before.State || next == Waiting && why != before.Why {
		if err := b.move(tx, next, why, hash, since, f.At); err != nil {
			return err
		}
	}
	if err := b.follow(tx, before, f, r, v, hash); err != nil {
		return err
	}
	b.remind(before, f.At)
	b.Due = b.nextCheck(f.At)
	return b.save(tx)
}

// follow does what comes with the move just made.
func (b *Badge) follow(tx store.Tx, before Badge, f Facts, r Rules, v Verdict, hash string) error {
	switch {
	case b.State == Active && before.State.Open():
		b.grant(f, r, v.Level)
		if err := b.place(tx); err != nil {
			return err
		}
		if err := b.takeOver(tx, hash, f.At); err != nil {
			return err
		}
		return b.decided(tx)
	case before.State.Open() && !b.State.Open():
		return b.decided(tx)
	case b.State == Active && before.State == Active && v.Outcome == Grant:
		b.learn(f)
		if err := b.place(tx); err != nil {
			return err
		}
		return b.relevel(tx, r, v.Level, hash, f.At)
	}
	return nil
}

// next is the state that a verdict leads to, why, and since when, where that
// is not now.
func (b *Badge) next(f Facts, r Rules, v Verdict) (next State, because Why, since time.Time) {
	if b.State.Open() {
		switch v.Outcome {
		case Grant:
			return Active, v.Why, since
		case Refuse:
			return Refused, v.Why, since
		}
		return Waiting, v.Why, since
	}
	switch {
	case f.Signer.Life == lifeRevoked:
		return Revoked, "certificate_revoked", f.Signer.Ended
	case !f.At.Before(b.ValidTo):
		return Expired, "badge_expired", b.ValidTo
	case b.overdue(r, f.At) && (b.Hold != nil || b.Why == takenOver || v.Outcome == Refuse):
		return Revoked, "suspended_too_long", since
	case b.Hold != nil:
		return b.State, b.Why, since // an operator suspended it, and an operator lifts it
	case v.Outcome == Refuse && (v.Why == "certificate_expired" || v.Why == certificateHeld):
		return Suspended, v.Why, f.Signer.Ended
	case v.Outcome == Refuse:
		return Suspended, v.Why, since
	case v.Outcome == Grant && b.Why != takenOver:
		return Active, v.Why, since
	}
	return b.State, b.Why, since // unknown never takes anything away
}

// overdue reports whether a suspension has lasted as long as its notice said.
// It does not run while an appeal is open.
func (b *Badge) overdue(r Rules, now time.Time) bool {
	ends := b.revokesAt(r)
	return !ends.IsZero() && !now.Before(ends) && !b.Appeal.open()
}

// revokesAt is when a suspension that nothing lifts ends the badge; zero if
// it does not.
func (b *Badge) revokesAt(r Rules) time.Time {
	if b.State != Suspended || b.SuspendedAt.IsZero() || r.RevokeAfter == 0 {
		return time.Time{}
	}
	return b.SuspendedAt.Add(r.RevokeAfter)
}

// How often the job checks: a badge once a day, an open request after half a
// minute at first and ever less often, but at least every hour.
const (
	recheckActive = 24 * time.Hour
	firstWait     = 30 * time.Second
	longestWait   = time.Hour
)

// nextCheck says when the job looks again; zero when there is nothing to look at.
func (b *Badge) nextCheck(now time.Time) time.Time {
	switch b.State {
	case Checking, Waiting:
		wait := min(max(now.Sub(b.ReceivedAt)/10, firstWait), longestWait)
		return now.Add(wait).Truncate(time.Second)
	case Active, Suspended:
		next := now.Add(recheckActive)
		if b.Renewal.open() {
			next = now.Add(min(max(now.Sub(b.Renewal.ReceivedAt)/10, firstWait), longestWait))
		}
		if b.ValidTo.Before(next) {
			next = b.ValidTo
		}
		return next.Truncate(time.Second)
	}
	return time.Time{}
}
