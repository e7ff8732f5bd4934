package enroll

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

// How long an ended application is kept before it is erased: one without a
// certificate, and one with, from the end of the last certificate that rests
// on it (ETSI EN 319 411-2, OVR-6.4.6; R16).
const (
	keepEnded  = 90 * 24 * time.Hour
	keepIssued = 7 // years
)

// retained notes when an application that has ended is to be erased; one that
// is open again is not.
func (a *Application) retained(now time.Time) {
	switch {
	case a.Stage.Open() || a.Stage == Erased:
		a.KeepUntil = time.Time{}
	case a.KeepUntil.IsZero():
		a.KeepUntil = now.Add(keepEnded)
	}
}

// moveRetention keeps the index of ends in step with the application.
func moveRetention(tx store.Tx, old mark, a Application) error {
	if old.keepUntil.Equal(a.KeepUntil) {
		return nil
	}
	if !old.keepUntil.IsZero() {
		if err := tx.Delete(retentionBucket, deadlineKey(old.keepUntil, a.ID)); err != nil {
			return err
		}
	}
	if a.KeepUntil.IsZero() {
		return nil
	}
	return store.Save(tx, retentionBucket, deadlineKey(a.KeepUntil, a.ID), a.ID)
}

// Retain is a job: it erases what applications hold of persons once their
// time is over, their pictures sooner, and forgets asks for a lock that came to
// nothing and old calls of vendors. Hashes, events and bundles stay; nothing in
// them is personal.
func (d *Desk) Retain(ctx context.Context) error {
	ids, err := d.due(ctx, retentionBucket)
	if err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	var errs []error
	for _, id := range ids {
		if err := d.retire(ctx, id); err != nil {
			errs = append(errs, fmt.Errorf("retention of %s: %w", id, err))
		}
	}
	return errors.Join(append(errs, d.pruneLocks(ctx), d.pruneInbox(ctx), d.prunePictures(ctx))...)
}

// retire erases an application whose time is over, or finds that a renewed
// certificate rests on it and keeps it longer.
func (d *Desk) retire(ctx context.Context, id string) error {
	a, err := d.load(ctx, id)
	if err != nil {
		return err
	}
	until := a.KeepUntil
	if a.Stage == Issued {
		last, err := d.lastOf(ctx, a.Serial)
		if err != nil {
			return err
		}
		until = last.NotAfter.AddDate(keepIssued, 0, 0)
	}
	_, err = d.changeFrom(ctx, a, func(s *step) error {
		switch {
		case s.Stage == Erased || s.Stage.Open():
			return errUnchanged
		case until.After(s.now):
			s.KeepUntil = until
			s.note("kept", "")
			return nil
		}
		return d.erase(s, "retention")
	})
	if err == nil {
		d.Log.Info("application erased", "application", id, "why", "retention")
	}
	return err
}

// lastOf returns the last of the certificates that renewed the serial.
func (d *Desk) lastOf(ctx context.Context, serial string) (ca.Certificate, error) {
	for {
		c, err := d.CA.Certificate(ctx, serial)
		if err != nil || c.ReplacedBy == "" {
			return c, err
		}
		serial = c.ReplacedBy
	}
}
