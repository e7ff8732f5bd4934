package complaints

import (
	"context"
	"errors"
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

// notice waits until the business was told.
type notice struct {
	Complaint string        `json:"complaint"`
	Business  ca.BusinessID `json:"business"`
	Deadline  time.Time     `json:"deadline"`
}

// tell tells the business of one complaint, by the matter's key. What fails is
// left to NotifyServed: that we could not reach a business is never its fault,
// and never ours to take out on the consumer; the clock runs from the serving,
// and the business sees its complaints here at any time.
func (d *Desk) tell(ctx context.Context, key string) {
	if d.Notifier == nil {
		return
	}
	if err := d.tellOne(ctx, key); err != nil {
		d.Log.Warn("tell business of complaint", "complaint", complaintOf(key), "error", err)
	}
}

func (d *Desk) tellOne(ctx context.Context, key string) error {
	var n notice
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		n, err = store.Load[notice](tx, outboxBucket, key)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil // told before
	}
	if err != nil {
		return err
	}
	if err := d.Notifier.Served(ctx, n.Business, n.Complaint, n.Deadline); err != nil {
		return err
	}
	return d.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(outboxBucket, key) })
}

// NotifyServed tells businesses what they could not be told before. It is a
// job: safe to repeat, and one that fails does not hold up the others.
func (d *Desk) NotifyServed(ctx context.Context) error {
	if d.Notifier == nil {
		return nil
	}
	var keys []string
	err := d.Store.View(ctx, func(tx store.Tx) error {
		return tx.Scan(outboxBucket, "", "", func(key string, _ []byte) error {
			keys = append(keys, key)
			return nil
		})
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, key := range keys {
		errs = append(errs, d.tellOne(ctx, key))
	}
	return errors.Join(errs...)
}
