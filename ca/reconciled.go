package ca

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// Reconciled is an intent whose caller had gone, or that had to be given up:
// what became of it is in its certificate's state.
type Reconciled struct {
	Serial  string    `json:"serial"`
	Request string    `json:"request"`
	Profile string    `json:"profile"`
	Planned time.Time `json:"planned"` // when the intent was recorded
	TakenUp time.Time `json:"taken_up"`
	Why     string    `json:"why,omitempty"` // code of the fault for which it was made void
	State   State     `json:"-"`             // of the certificate now: issued, void, or pending and tried again
}

// Key names the intent's place in the list of all.
func (r Reconciled) Key() string { return reconciledKey(r.Planned, r.Serial) }

func reconciledKey(planned time.Time, serial string) string {
	return fmt.Sprintf("%016x/%s", planned.Unix(), serial)
}

// takeUp records that the sweep works on an intent, before it does.
func (a *Authority) takeUp(ctx context.Context, in intent, now time.Time) error {
	known := false
	err := a.Store.View(ctx, func(tx store.Tx) (err error) {
		known, err = store.Has(tx, foundBucket, reconciledKey(in.At, in.Certificate.Serial))
		return err
	})
	if err != nil || known {
		return err
	}
	return a.Store.Update(ctx, func(tx store.Tx) error {
		if waits, err := store.Has(tx, pendingBucket, in.Certificate.Serial); err != nil || !waits {
			return err // its caller was faster
		}
		return saveReconciled(tx, in, "", now)
	})
}

func saveReconciled(tx store.Tx, in intent, why string, now time.Time) error {
	c := in.Certificate
	key := reconciledKey(in.At, c.Serial)
	r, err := store.Load[Reconciled](tx, foundBucket, key)
	if errors.Is(err, store.ErrNotFound) {
		r, err = Reconciled{Serial: c.Serial, Request: c.Request, Profile: c.Profile, Planned: in.At, TakenUp: now}, nil
	}
	if err != nil {
		return err
	}
	r.Why = why
	return store.Save(tx, foundBucket, key, r)
}

// whyTooOld is why an intent is void that nothing speaks against but its age.
const whyTooOld = "intent_too_old"

// noteVoid records why the pending c is made void now, whoever does it.
func noteVoid(tx store.Tx, c Certificate, now time.Time) error {
	in, err := store.Load[intent](tx, pendingBucket, c.Serial)
	if err != nil {
		return err
	}
	reason, err := lapsed(tx, c, now)
	if err != nil {
		return err
	}
	why := whyTooOld
	if reason != nil {
		why = fault.Code(reason)
	}
	return saveReconciled(tx, in, why, now)
}

// ReconciledIntents returns up to limit intents that the reconciler took up or
// that were given up, oldest first, after the key after ("" for the first).
func (a *Authority) ReconciledIntents(ctx context.Context, after string, limit int) ([]Reconciled, error) {
	list, err := page[Reconciled](ctx, a.Store, foundBucket, after, limit)
	if err != nil {
		return nil, err
	}
	err = a.Store.View(ctx, func(tx store.Tx) error {
		for i, r := range list {
			c, err := LoadCertificate(tx, r.Serial)
			if err != nil {
				return err
			}
			list[i].State = c.State
		}
		return nil
	})
	return list, err
}
