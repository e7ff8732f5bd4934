package ca

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Lookup is the record that an operator looked a person up. The public log
// has a leaf with the operator's opaque id and the hash of this record, salted.
type Lookup struct {
	By     string    `json:"by"` // an actor
	Holder HolderID  `json:"holder"`
	At     time.Time `json:"at"`
	Salt   string    `json:"salt"`
}

// FindHolder returns the opaque id and the issued certificates of the person
// with the national code, for the operator o. That it was asked is recorded
// first; the code is neither kept nor logged. Certificates of a person nobody
// knows are none.
func (a *Authority) FindHolder(ctx context.Context, o OperatorRecord, nationalCode string) (HolderID, []Certificate, error) {
	code, err := evidence.ParseNationalCode(nationalCode)
	if err != nil {
		return "", nil, err
	}
	l := Lookup{By: o.Actor(), Holder: a.Holder(code), At: a.now(), Salt: rand.Text()}
	b, err := json.Marshal(l)
	if err != nil {
		return "", nil, err
	}
	sum := sha256.Sum256(b)
	e := ledger.Event{Kind: "holder.looked_up", Subject: a.operatorID(o.Name), At: l.At, Hash: hexOf(sum[:])}
	err = a.Store.Update(ctx, func(tx store.Tx) error {
		if err := store.Save(tx, lookupBucket, l.Key(), l); err != nil {
			return err
		}
		return ledger.Append(tx, e)
	})
	if err != nil {
		return "", nil, fmt.Errorf("record look-up: %w", err)
	}
	list, err := a.OfHolder(ctx, l.Holder)
	return l.Holder, list, err
}

// Key names the look-up's place in the list of all.
func (l Lookup) Key() string { return fmt.Sprintf("%016x/%s", l.At.Unix(), l.Salt) }

// Lookups returns up to limit look-ups, oldest first, after the key after.
func (a *Authority) Lookups(ctx context.Context, after string, limit int) ([]Lookup, error) {
	return page[Lookup](ctx, a.Store, lookupBucket, after, limit)
}
