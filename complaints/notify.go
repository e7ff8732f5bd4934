package complaints

import (
	"context"
	"errors"

	"mohr/internal/store"
)

// tell tells the business of one complaint. What fails is left to NotifyServed.
func (d *Desk) tell(ctx context.Context, id string) {
	if d.Notifier == nil {
		return
	}
	if err := d.tellOne(ctx, id); err != nil {
		d.Log.Warn("tell business of complaint", "complaint", id, "error", err)
	}
}

func (d *Desk) tellOne(ctx context.Context, id string) error {
	var n notice
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		n, err = store.Load[notice](tx, outboxBucket, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil // told before
	}
	if err != nil {
		return err
	}
	if err := d.Notifier.Served(ctx, n.Business, id, n.Deadline); err != nil {
		return err
	}
	return d.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(outboxBucket, id) })
}

// NotifyServed tells businesses what they could not be told before. It is a
// job: safe to repeat, and one that fails does not hold up the others.
func (d *Desk) NotifyServed(ctx context.Context) error {
	if d.Notifier == nil {
		return nil
	}
	var ids []string
	err := d.Store.View(ctx, func(tx store.Tx) error {
		return tx.Scan(outboxBucket, "", "", func(id string, _ []byte) error {
			ids = append(ids, id)
			return nil
		})
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, d.tellOne(ctx, id))
	}
	return errors.Join(errs...)
}
