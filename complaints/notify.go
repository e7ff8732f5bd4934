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
	Tries     int           `json:"tries,omitempty"` // that failed
	Next      time.Time     `json:"next,omitzero"`   // not before that
}

// wait is how long to wait after so many failures: a minute, then twice as
// long each time, at most six hours.
func wait(tries int) time.Duration {
	return min(time.Minute<<min(tries-1, 9), 6*time.Hour)
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
	now := d.now()
	if errors.Is(err, store.ErrNotFound) || now.Before(n.Next) {
		return nil // told before, or not yet again
	}
	if err != nil {
		return err
	}
	owed, err := d.owed(ctx, n)
	if err != nil {
		return err
	}
	if !owed { // it answered without being told, or the consumer withdrew
		return d.told(ctx, key)
	}
	if err := d.Notifier.Served(ctx, n.Business, n.Complaint, n.Deadline); err != nil {
		n.Tries++
		n.Next = now.Add(wait(n.Tries))
		return errors.Join(err, d.Store.Update(ctx, func(tx store.Tx) error { return store.Save(tx, outboxBucket, key, n) }))
	}
	return d.told(ctx, key)
}

func (d *Desk) told(ctx context.Context, key string) error {
	return d.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(outboxBucket, key) })
}

// owed reports whether the business still owes the answer that n is about.
func (d *Desk) owed(ctx context.Context, n notice) (owed bool, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		_, events, err := loadMatter(tx, n.Complaint, n.Business)
		if err != nil {
			return err
		}
		owed = Derive(events, notBefore(events, now)).Owed
		return nil
	})
	return owed, err
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
