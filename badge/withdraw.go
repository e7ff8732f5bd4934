package badge

import (
	"cmp"
	"context"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// whyWithdrawn is why a badge or request ended that the business gave up itself.
const whyWithdrawn Why = "withdrawn"

// withdraw ends the badge, or the open request, that the business has for the
// domain. It asks nobody: giving a badge back harms no one else.
func (d *Desk) withdraw(ctx context.Context, in incoming) (Badge, error) {
	target, err := d.toWithdraw(ctx, in)
	if err != nil {
		return Badge{}, err
	}
	next := Revoked
	if target.State.Open() {
		next = Refused
	}
	proof, err := d.prove(ctx, in, target.ID, event(target.ID, next, whyWithdrawn, in.sum(), in.at))
	if err != nil {
		return Badge{}, err
	}
	var b Badge
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		var had bool
		var err error
		if b, had, err = in.target(tx, target.ID); err != nil || had {
			return err
		}
		if own, err := in.owns(tx, b); err != nil || !own {
			return cmp.Or(err, errNoneToWithdraw())
		}
		if err := in.use(tx, proof); err != nil {
			return err
		}
		if b.State.Open() != target.State.Open() || !b.State.mayBecome(next) {
			return fault.New(fault.Conflict, "badge_changed", "the badge was decided in this very moment; send the withdrawal again")
		}
		if err := b.move(tx, next, whyWithdrawn, in.sum(), in.at, in.at); err != nil {
			return err
		}
		b.WaitingFor = nil
		b.Due = time.Time{}
		return b.save(tx)
	})
	if err != nil {
		return Badge{}, err
	}
	d.Log.Info("badge withdrawn", "badge", b.ID)
	return b, nil
}

// toWithdraw returns the badge or open request that the signer may end for
// the domain: one of the business it acts for, or one it asked for itself.
func (d *Desk) toWithdraw(ctx context.Context, in incoming) (found Badge, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		return eachOfDomain(tx, in.domain.ASCII, in.at, func(b Badge) error {
			own, err := in.owns(tx, b)
			if err != nil {
				return err
			}
			if b.Business == in.business && own && (b.State.Open() || b.State == Active || b.State == Suspended) {
				found = b
				if !b.State.Open() {
					return store.Stop
				}
			}
			return nil
		})
	})
	if err == nil && found.ID == "" {
		err = errNoneToWithdraw()
	}
	return found, err
}

func errNoneToWithdraw() error {
	return fault.New(fault.NotFound, "badge_none_to_withdraw", "this business has no badge and no open request for this domain; check the domain")
}
