package incident

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// burst is how many transactions one call of Execute makes at most.
const burst = 20

// Execute begins to carry a plan out, or goes on, for the operator with the
// certificate leaf, and returns it as far as it has come: ask again until it
// is done. The job Continue goes on if nobody asks. Several may call at once.
func (d *Desk) Execute(ctx context.Context, id string, leaf *x509.Certificate) (Plan, error) {
	p, err := d.begin(ctx, id, leaf)
	if err != nil {
		return p, fmt.Errorf("execute %s: %w", id, err)
	}
	for n := 0; n < burst && p.State == Running; n++ {
		if p, err = d.step(ctx, id); err != nil {
			return p, fmt.Errorf("execute %s: %w", id, err)
		}
	}
	return p, nil
}

// begin sets a plan running once all that it needs is there.
func (d *Desk) begin(ctx context.Context, id string, leaf *x509.Certificate) (p Plan, err error) {
	now := d.now()
	// The targets of a proposed plan never change; they are summed up before
	// the transaction, which a long list must not hold up.
	_, sum, _, err := d.sumTargets(ctx, id)
	if err != nil {
		return p, err
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if p, err = loadPlan(tx, id); err != nil {
			return err
		}
		o, err := ca.MayIn(tx, leaf, p.Document.right(), now)
		if err != nil || p.State != Proposed {
			return err
		}
		if err := p.mayBegin(tx, o, sum, now); err != nil {
			return err
		}
		if p.Document.Needs == 0 {
			if err := ca.CountAloneIn(tx, o, p.Document.Certificates, now); err != nil {
				return err
			}
		}
		p.State, p.By, p.BegunAt = Running, o.Actor(), now
		if err := store.Save(tx, runningBucket, id, true); err != nil {
			return err
		}
		return savePlan(tx, p)
	})
	return p, err
}

// mayBegin says what stands against carrying the proposed plan out now.
func (p Plan) mayBegin(tx store.Tx, o ca.OperatorRecord, targets string, now time.Time) error {
	doc := p.Document
	m, err := p.matter()
	switch {
	case err != nil:
		return err
	case doc.Kind != Roles && targets != doc.TargetsSHA256:
		return errChanged()
	case now.After(doc.Until):
		return errExpired()
	case slices.Contains(doc.Subjects, o.Name):
		return fault.New(fault.Denied, "plan_own_matter", "this plan concerns you: another operator must carry it out")
	}
	good, err := approval.Counting(tx, m, now)
	if err == nil && len(good) < doc.Needs {
		err = fault.New(fault.Denied, "plan_unapproved", "this plan concerns many and needs the signed approval of %[1]d persons; %[2]d count so far: have it approved with mohr approve %[3]s", doc.Needs, len(good), doc.ID)
	}
	return err
}

func errExpired() error {
	return fault.New(fault.Conflict, "plan_expired", "the time of this plan is over; make a new one")
}

// step deals with the next batch of targets, and with its place among them,
// in one transaction: whoever else is at work, each target comes once.
func (d *Desk) step(ctx context.Context, id string) (p Plan, err error) {
	now := d.now()
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if p, err = loadPlan(tx, id); err != nil || p.State != Running {
			return err
		}
		batch, err := targetsAfter(tx, id, p.Cursor, d.Batch)
		if err != nil {
			return err
		}
		for _, target := range batch {
			changed, err := p.deal(tx, target, now)
			if err != nil {
				return fmt.Errorf("target %s: %w", target, err)
			}
			p.Changed += changed
			p.Dealt++
			p.Cursor = target
		}
		if len(batch) < d.Batch {
			return d.end(tx, &p, now)
		}
		return savePlan(tx, p)
	})
	if err == nil && p.State == Done {
		d.Log.Info("plan carried out", "plan", id, "dealt", p.Dealt, "changed", p.Changed)
	}
	return p, err
}

// targetsAfter returns up to limit targets after the one given.
func targetsAfter(tx store.Tx, id, after string, limit int) (list []string, err error) {
	prefix := id + "/"
	from := ""
	if after != "" {
		from = prefix + after
	}
	err = tx.Scan(targetBucket, prefix, from, func(key string, _ []byte) error {
		list = append(list, key[len(prefix):])
		if len(list) == limit {
			return store.Stop
		}
		return nil
	})
	return list, err
}

// deal does the plan's deed to one target and counts the certificates changed.
func (p Plan) deal(tx store.Tx, target string, now time.Time) (int, error) {
	doc := p.Document
	switch doc.Kind {
	case Block:
		return ca.BlockKeyIn(tx, target, doc.actor(), now)
	case RenewNow, RenewLater:
		changed, err := ca.MarkRenewNowIn(tx, target, doc.ID, doc.Kind == RenewNow, now)
		return count(changed), err
	}
	c, err := ca.LoadCertificate(tx, target)
	if err != nil {
		return 0, err
	}
	if doc.Reason == ca.KeyCompromise {
		return ca.BlockKeyIn(tx, c.SPKISHA256, doc.actor(), now)
	}
	return count(!c.Ended()), ca.RevokeIn(tx, target, doc.Reason, doc.actor(), now)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// end closes a plan whose targets have all been dealt with.
func (d *Desk) end(tx store.Tx, p *Plan, now time.Time) error {
	doc := p.Document
	if doc.Kind == Roles {
		if err := d.CA.GrantRolesIn(tx, doc.Operator, doc.Roles, now); err != nil {
			return err
		}
		p.Changed = 1
	}
	p.State, p.EndedAt = Done, now
	if err := tx.Delete(runningBucket, doc.ID); err != nil {
		return err
	}
	if err := savePlan(tx, *p); err != nil {
		return err
	}
	return ledger.Append(tx, ledger.Event{Kind: "plan.executed", Subject: doc.ID, At: now, Hash: p.SHA256, Note: string(doc.Kind)})
}

// Continue is a job: it carries on what was begun and left, by a crash or by
// an operator who has gone.
func (d *Desk) Continue(ctx context.Context) error {
	var running []string
	err := d.Store.View(ctx, func(tx store.Tx) error {
		return tx.Scan(runningBucket, "", "", func(id string, _ []byte) error {
			running = append(running, id)
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("continue plans: %w", err)
	}
	var errs []error
	for _, id := range running {
		p := Plan{State: Running}
		for err = nil; err == nil && p.State == Running; {
			if p, err = d.step(ctx, id); err != nil {
				errs = append(errs, fmt.Errorf("continue %s: %w", id, err))
			}
		}
	}
	return errors.Join(errs...)
}
