package ca

import (
	"errors"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// lockBucket: HolderID -> Lock.
const lockBucket = "ca_holder_locks"

// Lock is a person's word that no certificate be made in their name, new or
// renewed. The zero value locks nothing.
type Lock struct {
	Since time.Time `json:"since"`
	Lifts time.Time `json:"lifts,omitzero"` // it holds until then; zero: until it is lifted
}

// Holds reports whether the lock keeps certificates away at now.
func (l Lock) Holds(now time.Time) bool {
	return !l.Since.IsZero() && (l.Lifts.IsZero() || now.Before(l.Lifts))
}

// LockOf returns the person's lock, the zero one if there is none.
func LockOf(tx store.Tx, h HolderID) (Lock, error) {
	l, err := store.Load[Lock](tx, lockBucket, string(h))
	if errors.Is(err, store.ErrNotFound) {
		return Lock{}, nil
	}
	return l, err
}

// LockHolder locks from now on, also where the lock was about to end.
func LockHolder(tx store.Tx, h HolderID, now time.Time) (Lock, error) {
	l, err := LockOf(tx, h)
	if err != nil {
		return l, err
	}
	if !l.Holds(now) {
		l.Since = now
	}
	l.Lifts = time.Time{}
	return l, store.Save(tx, lockBucket, string(h), l)
}

// LiftLock lets the lock end at a time; one that ends before stays as it is.
// Without a lock that holds at now it changes nothing.
func LiftLock(tx store.Tx, h HolderID, now, at time.Time) (Lock, error) {
	l, err := LockOf(tx, h)
	if err != nil || !l.Holds(now) || !l.Lifts.IsZero() {
		return l, err
	}
	l.Lifts = at
	return l, store.Save(tx, lockBucket, string(h), l)
}

// unlocked refuses a certificate in the name of who wants none. It runs in
// the transaction that records the intent.
func unlocked(tx store.Tx, h HolderID, now time.Time) error {
	if h == "" {
		return nil
	}
	l, err := LockOf(tx, h)
	if err == nil && l.Holds(now) {
		err = fault.New(fault.Denied, "holder_locked", "this person has locked certificates in their name; the lock is lifted with a code to the phone that the register holds, and ends a day later")
	}
	return err
}
