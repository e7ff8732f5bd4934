package ca

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// DisownedBy is who suspends or ends a certificate that the person whom it
// names says to be another's.
const DisownedBy = "holder:disowned"

// MaxHold is how long a certificate may stay suspended. Then a job ends it
// for good: a list of revocations is no place to keep a question open.
const MaxHold = 30 * day

// Suspended reports whether the certificate rests (certificateHold).
func (c Certificate) Suspended() bool { return c.Revoked != nil && c.Revoked.Reason == CertificateHold }

// Ended reports whether the certificate is revoked for good.
func (c Certificate) Ended() bool { return c.Revoked != nil && !c.Suspended() }

// Suspend lets a certificate rest: it signs nothing here and counts nowhere
// until Resume. Suspending a suspended one changes nothing and is no error;
// one that has ended is a Conflict.
func (a *Authority) Suspend(ctx context.Context, serial, by string) error {
	now := a.now()
	err := a.Store.Update(ctx, func(tx store.Tx) error { return SuspendIn(tx, serial, by, now) })
	if err != nil {
		return fmt.Errorf("suspend %s: %w", serial, err)
	}
	a.Log.Info("certificate suspended", "serial", serial)
	return nil
}

// SuspendIn is Suspend inside a transaction, at now.
func SuspendIn(tx store.Tx, serial, by string, now time.Time) error {
	c, err := loadSettled(tx, serial)
	switch {
	case err != nil:
		return err
	case c.Ended():
		return errEnded(c)
	case c.Suspended():
		return nil
	}
	if err := store.Save(tx, holdBucket, dueKey(now.Add(MaxHold), serial), serial); err != nil {
		return err
	}
	r := &Revoked{Serial: c.Serial, At: now, Reason: CertificateHold, By: by, NotAfter: c.NotAfter}
	e, err := holdEvent("certificate.suspended", c, by, now)
	if err != nil {
		return err
	}
	return setStatus(tx, c, r, e)
}

// Resume lifts a suspension, and nothing else: a certificate that has ended
// is a Conflict. One that is not suspended stays as it is.
func (a *Authority) Resume(ctx context.Context, serial, by string) error {
	now := a.now()
	err := a.Store.Update(ctx, func(tx store.Tx) error { return ResumeIn(tx, serial, by, now) })
	if err != nil {
		return fmt.Errorf("resume %s: %w", serial, err)
	}
	a.Log.Info("certificate resumed", "serial", serial)
	return nil
}

// ResumeIn is Resume inside a transaction, at now.
func ResumeIn(tx store.Tx, serial, by string, now time.Time) error {
	c, err := loadSettled(tx, serial)
	switch {
	case err != nil:
		return err
	case c.Ended():
		return errEnded(c)
	case !c.Suspended():
		return nil
	}
	e, err := holdEvent("certificate.resumed", c, by, now)
	if err != nil {
		return err
	}
	return setStatus(tx, c, nil, e)
}

func errEnded(c Certificate) error {
	return fault.New(fault.Conflict, "certificate_ended", "this certificate is revoked for good (%s): it can be neither suspended nor resumed; the holder applies for a new one", c.Revoked.Reason)
}

func errSuspended() error {
	return fault.New(fault.Denied, "certificate_suspended", "this certificate is suspended; ask an operator to lift the suspension, or apply for a new one with a new key")
}

// holdEvent is the leaf of a change that can be undone. The record's version
// is in its hash: two suspensions within one second are two leaves.
func holdEvent(kind string, c Certificate, by string, now time.Time) (ledger.Event, error) {
	b, err := json.Marshal(struct {
		Serial  string    `json:"serial"`
		Version int       `json:"version"`
		At      time.Time `json:"at"`
		By      string    `json:"by"`
	}{c.Serial, c.Version + 1, now, by})
	sum := sha256.Sum256(b)
	return ledger.Event{Kind: kind, Subject: c.Serial, At: now, Note: string(CertificateHold), Hash: hexOf(sum[:])}, err
}

// EndHolds is a job: it ends certificates that were suspended MaxHold ago.
func (a *Authority) EndHolds(ctx context.Context) error {
	now := a.now()
	return a.whenDue(ctx, holdBucket, now, func(tx store.Tx, serial string) error {
		c, err := LoadCertificate(tx, serial)
		// It may have been resumed, and suspended again, since.
		if err != nil || !c.Suspended() || c.Revoked.At.Add(MaxHold).After(now) {
			return err
		}
		reason := CessationOfOperation
		if c.Revoked.By == DisownedBy {
			reason = KeyCompromise // the key never was the person's
		}
		if err := RevokeIn(tx, serial, reason, "job:end-holds", now); err != nil {
			return fmt.Errorf("end hold of %s: %w", serial, err)
		}
		return nil
	})
}
