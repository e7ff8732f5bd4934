package ca

import (
	"errors"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// MaxAlone is how many certificates one operator may change in an hour without
// a second person: many small deeds are a large one.
const MaxAlone = 60

// aloneBucket: operator -> alone.
const aloneBucket = "ca_operator_deeds"

// alone is how many certificates an operator has changed within an hour.
type alone struct {
	Hour int64 `json:"hour"` // since 1970
	N    int   `json:"n"`
}

// CountAloneIn counts n certificates that o is about to change without a
// second person; Limited beyond MaxAlone an hour.
func CountAloneIn(tx store.Tx, o OperatorRecord, n int, now time.Time) error {
	d, err := store.Load[alone](tx, aloneBucket, o.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if hour := now.Unix() / 3600; d.Hour != hour {
		d = alone{Hour: hour}
	}
	if d.N += n; d.N > MaxAlone {
		return fault.New(fault.Limited, "operator_limit", "you have changed %[1]d certificates alone within this hour; make a plan for the others and have it approved, or go on in the next hour", MaxAlone)
	}
	return store.Save(tx, aloneBucket, o.Name, d)
}
