package ca

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mohr/internal/store"
)

// Bounds of the sweep.
const (
	sweepAfter  = time.Minute    // an intent younger than this may still have its caller
	sweepGiveUp = 24 * time.Hour // an intent older than this is void
)

// Swept says what a sweep did; Reconciled lists all of it.
type Swept struct {
	Finished []string // serials signed and recorded now
	Voided   []string // serials given up: revoked, since a signature may exist
}

// Sweep is a job: it finishes the intents that a crash or an unreachable key
// left behind, and voids those it cannot finish within a day. What it could
// not do now stays for the next run and is an error.
func (a *Authority) Sweep(ctx context.Context) (Swept, error) {
	var left []intent
	now := a.now()
	err := a.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, pendingBucket, "", "", func(_ string, in intent) error {
			if now.Sub(in.At) >= sweepAfter {
				left = append(left, in)
			}
			return nil
		})
	})
	if err != nil {
		return Swept{}, fmt.Errorf("sweep: %w", err)
	}
	var done Swept
	var errs []error
	for _, in := range left {
		serial := in.Certificate.Serial
		if err := a.takeUp(ctx, in, now); err != nil {
			errs = append(errs, fmt.Errorf("take up %s: %w", serial, err))
			continue
		}
		if now.Sub(in.At) >= sweepGiveUp || now.After(in.Certificate.NotAfter) {
			if err := a.void(ctx, in, now); err != nil {
				errs = append(errs, fmt.Errorf("void %s: %w", serial, err))
				continue
			}
			done.Voided = append(done.Voided, serial)
			continue
		}
		switch _, err := a.resume(ctx, in, Order{}); {
		case errors.Is(err, errGivenUp):
			done.Voided = append(done.Voided, serial)
		case err != nil:
			errs = append(errs, err)
		default:
			done.Finished = append(done.Finished, serial)
		}
	}
	if len(done.Finished)+len(done.Voided) > 0 {
		a.Log.Warn("sweep settled intents", "finished", done.Finished, "voided", done.Voided)
	}
	return done, errors.Join(errs...)
}

// WaitingSince returns when the oldest of the intents that are neither
// finished nor void was recorded; the zero time if there is none.
func (a *Authority) WaitingSince(ctx context.Context) (oldest time.Time, err error) {
	err = a.Store.View(ctx, func(tx store.Tx) error {
		oldest = time.Time{}
		return store.Each(tx, pendingBucket, "", "", func(_ string, in intent) error {
			if oldest.IsZero() || in.At.Before(oldest) {
				oldest = in.At
			}
			return nil
		})
	})
	return oldest, err
}

// void gives an intent up, unless its caller was faster.
func (a *Authority) void(ctx context.Context, in intent, now time.Time) error {
	return a.Store.Update(ctx, func(tx store.Tx) error {
		c, err := LoadCertificate(tx, in.Certificate.Serial)
		if err != nil || c.State != Pending {
			return err
		}
		return voidPending(tx, c, now)
	})
}

// voidPending makes the pending c void. Its bytes may have been signed, so the
// serial goes on the CRL; what it was to replace is free to be renewed again.
func voidPending(tx store.Tx, c Certificate, now time.Time) error {
	if err := noteVoid(tx, c, now); err != nil {
		return err
	}
	if err := tx.Delete(pendingBucket, c.Serial); err != nil {
		return err
	}
	if err := unlinkReplaced(tx, c); err != nil {
		return err
	}
	c.State = Void
	return endCertificate(tx, c, CessationOfOperation, "sweep", now)
}
