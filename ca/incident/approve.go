package incident

import (
	"context"
	"fmt"
	"time"

	"mohr/ca/approval"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Shown is a plan with what speaks for it.
type Shown struct {
	Plan      Plan                `json:"plan"`
	Approvals []approval.Approval `json:"approvals" doc:"with the signed bytes"`
	Counting  int                 `json:"counting" doc:"persons whose approval counts now"`
}

// Show returns a plan; NotFound if there is none.
func (d *Desk) Show(ctx context.Context, id string) (s Shown, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		s, err = showIn(tx, id, now)
		return err
	})
	return s, err
}

// showIn is Show inside a transaction, at now.
func showIn(tx store.Tx, id string, now time.Time) (s Shown, err error) {
	if s.Plan, err = loadPlan(tx, id); err != nil {
		return s, err
	}
	if s.Approvals, err = approval.In(tx, id); err != nil {
		return s, err
	}
	m, err := s.Plan.matter()
	if err != nil {
		return s, err
	}
	good, err := approval.Counting(tx, m, now)
	s.Counting = len(good)
	return s, err
}

// Plans returns up to limit plans, oldest first, after the id after.
func (d *Desk) Plans(ctx context.Context, after string, limit int) ([]Plan, error) {
	list := []Plan{}
	err := d.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, planBucket, "", after, func(_ string, p Plan) error {
			if p.State == Draft {
				return nil
			}
			if list = append(list, p); len(list) >= bounded(limit) {
				return store.Stop
			}
			return nil
		})
	})
	return list, err
}

// Targets returns up to limit targets of a plan in their order, after the one
// given; NotFound if there is no such plan.
func (d *Desk) Targets(ctx context.Context, id, after string, limit int) (list []string, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		if _, err := loadPlan(tx, id); err != nil {
			return err
		}
		list, err = targetsAfter(tx, id, after, bounded(limit))
		return err
	})
	return list, err
}

// bounded is a limit of a page.
func bounded(limit int) int {
	if limit <= 0 || limit > maxPage {
		return maxPage
	}
	return limit
}

const maxPage = 5000

// Challenge returns what the next approval has to say beside the plan.
func (d *Desk) Challenge() approval.Challenge { return d.approvals.Challenge() }

// Approve takes the signed approval of a plan in. The same statement again
// changes nothing and is no error.
func (d *Desk) Approve(ctx context.Context, id string, s approval.Signed) (Shown, error) {
	before, err := d.Show(ctx, id)
	if err != nil {
		return Shown{}, err
	}
	m, err := before.Plan.matter()
	if err != nil {
		return Shown{}, err
	}
	now := d.now()
	a, err := d.approvals.Give(ctx, m, s, func(tx store.Tx) error {
		p, err := loadPlan(tx, id)
		switch {
		case err != nil:
			return err
		case p.SHA256 != m.SHA256:
			return errChanged()
		case p.State != Proposed:
			return fault.New(fault.Conflict, "plan_begun", "this plan is being carried out already, or was; there is nothing left to approve")
		case p.Document.Needs == 0:
			return fault.New(fault.Conflict, "plan_needs_none", "this plan needs no approval; carry it out")
		case now.After(p.Document.Until):
			return errExpired()
		}
		return nil
	})
	if err != nil {
		return Shown{}, fmt.Errorf("approve %s: %w", id, err)
	}
	d.Log.Info("plan approved", "plan", id, "operator", a.Operator)
	return d.Show(ctx, id)
}
