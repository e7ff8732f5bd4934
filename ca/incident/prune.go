package incident

import (
	"context"
	"fmt"
	"time"

	"mohr/ca/approval"
	"mohr/internal/store"
)

// draftLife is how long the gathering of a plan's targets may take.
const draftLife = 24 * time.Hour

// Prune is a job: it deletes drafts that nobody finishes any more and plans
// whose time is over, that nobody approved and that were never begun. What was
// approved or carried out stays. It returns how many it deleted.
func (d *Desk) Prune(ctx context.Context) (int, error) {
	now := d.now()
	var dead []string
	err := d.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, planBucket, "", "", func(id string, p Plan) error {
			given, err := approval.In(tx, id)
			if err == nil && p.dead(len(given), now) {
				dead = append(dead, id)
			}
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("prune plans: %w", err)
	}
	for n, id := range dead {
		if err := d.remove(ctx, id); err != nil {
			return n, fmt.Errorf("prune %s: %w", id, err)
		}
	}
	return len(dead), nil
}

// dead reports whether a plan will never be carried out and proves nothing.
func (p Plan) dead(approvals int, now time.Time) bool {
	switch p.State {
	case Draft:
		return now.Sub(p.Document.At) > draftLife
	case Proposed:
		return approvals == 0 && now.After(p.Document.Until)
	}
	return false
}

// remove deletes a plan after its targets, in short transactions.
func (d *Desk) remove(ctx context.Context, id string) error {
	for more := true; more; {
		err := d.Store.Update(ctx, func(tx store.Tx) error {
			list, err := targetsAfter(tx, id, "", page)
			if err != nil {
				return err
			}
			for _, t := range list {
				if err := tx.Delete(targetBucket, id+"/"+t); err != nil {
					return err
				}
			}
			if more = len(list) == page; more {
				return nil
			}
			return tx.Delete(planBucket, id)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
