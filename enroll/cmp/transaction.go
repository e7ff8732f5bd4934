package cmp

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

const (
	transactionBucket = "cmp_transactions" // asker/hex transactionID -> transaction
	dueBucket         = "cmp_due"          // time/key of the transaction -> that key: not confirmed by then
)

// state is how far a transaction has come.
type state string

const (
	waiting  state = "waiting"  // for the approval
	ordered  state = "ordered"  // the certificate is to be confirmed
	accepted state = "accepted" // by the client
	ended    state = "ended"    // rejected, or confirmed too late: revoked
)

// transaction is what is kept of an enrollment or a renewal between messages.
type transaction struct {
	Key        string           `json:"key"`
	Kind       kind             `json:"kind"` // of the first message
	Profile    string           `json:"profile"`
	RequestID  int64            `json:"request_id"`
	SPKISHA256 string           `json:"spki_sha256"`
	State      state            `json:"state"`
	Nonce      []byte           `json:"nonce"` // our senderNonce of the last answer
	Form       ca.RequestFormat `json:"form,omitempty"`
	Request    seal.Sealed      `json:"request,omitzero"`    // while it waits
	Order      string           `json:"order,omitempty"`     // what the certificate rests on
	ConfirmBy  time.Time        `json:"confirm_by,omitzero"` // zero: had before, by another way
	Expires    time.Time        `json:"expires"`
}

// transactionKey names the transaction. The asker is in it: nobody takes
// another's transactionID away.
func (r request) transactionKey() string {
	return r.name + "/" + hex.EncodeToString(r.header.transactionID)
}

func dueKey(t transaction) string { return fmt.Sprintf("%012d/%s", t.ConfirmBy.Unix(), t.Key) }

// load returns the transaction of a message; NotFound if there is none.
func (d *Desk) load(ctx context.Context, r request) (t transaction, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		t, err = store.Load[transaction](tx, transactionBucket, r.transactionKey())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return t, fault.New(fault.NotFound, "cmp_transaction_unknown", "there is no such transaction; begin with ir, cr, p10cr or kur")
	}
	return t, err
}

// ongoing is load for a message that goes on with a transaction: it must
// answer what we said last.
func (d *Desk) ongoing(ctx context.Context, r request, id int64) (transaction, error) {
	t, err := d.load(ctx, r)
	switch {
	case err != nil:
		return t, err
	case string(t.Nonce) != string(r.header.recipNonce):
		return t, fault.New(fault.Denied, "cmp_recipient_nonce", "the recipNonce is not the senderNonce of our last answer")
	case t.RequestID != id || t.Profile != r.profile:
		return t, fault.New(fault.Invalid, "cmp_certificate_other", "this is not the request, or not the address, that the transaction began with")
	}
	return t, nil
}

// ask puts the order of t into the transaction of its intent: from there on a
// certificate that nobody confirms is revoked.
func (t transaction) ask(tx store.Tx, order string) error {
	t.State, t.Order, t.Request = ordered, order, seal.Sealed{}
	if err := store.Save(tx, dueBucket, dueKey(t), t.Key); err != nil {
		return err
	}
	return store.Save(tx, transactionBucket, t.Key, t)
}

// answered records what the answer says: our nonce, and for a certificate that
// was had before in another way that there is nothing to confirm.
func (d *Desk) answered(ctx context.Context, t transaction, order string) (now transaction, err error) {
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		now, err = store.Load[transaction](tx, transactionBucket, t.Key)
		if errors.Is(err, store.ErrNotFound) || err == nil && now.State == waiting && order != "" {
			now, err = t, nil
			now.State, now.Order, now.Request, now.ConfirmBy = ordered, order, seal.Sealed{}, time.Time{}
		}
		if err != nil {
			return err
		}
		now.Nonce = t.Nonce
		return store.Save(tx, transactionBucket, t.Key, now)
	})
	return now, err
}

// wait keeps a request that waits for the approval.
func (d *Desk) wait(ctx context.Context, t transaction, request []byte) (err error) {
	t.State, t.ConfirmBy = waiting, time.Time{}
	if t.Request, err = d.Seal.Seal(transactionBucket, t.Key, "request", request); err != nil {
		return err
	}
	return d.Store.Update(ctx, func(tx store.Tx) error { return store.Save(tx, transactionBucket, t.Key, t) })
}

// settle ends the waiting for a confirmation: for good or, where it is
// refused, with the certificate revoked. It is safe to repeat.
func settle(tx store.Tx, t transaction, serial string, good bool, by string, now time.Time) error {
	again, err := store.Load[transaction](tx, transactionBucket, t.Key)
	if err != nil {
		return err
	}
	switch {
	case again.State == accepted && good, again.State == ended && !good:
		return nil
	case again.State != ordered:
		return errLapsed()
	}
	again.State = accepted
	if !good {
		again.State = ended
		if err := ca.TakeBackIn(tx, serial, by, now); err != nil {
			return err
		}
	}
	if !again.ConfirmBy.IsZero() {
		if err := tx.Delete(dueBucket, dueKey(again)); err != nil {
			return err
		}
	}
	return store.Save(tx, transactionBucket, again.Key, again)
}

func errLapsed() error {
	return fault.New(fault.Conflict, "cmp_certificate_lapsed", "the certificate was rejected, or not confirmed in time, and is revoked; begin anew")
}

// batch bounds what one run of a job takes on.
const batch = 500

// Lapse is a job: it revokes certificates that were not confirmed in time. One
// that is still being issued stays for the next run.
func (d *Desk) Lapse(ctx context.Context) error {
	now := d.now()
	rows, err := d.due(ctx, now)
	errs := []error{err}
	for row, key := range rows {
		errs = append(errs, d.lapse(ctx, row, key, now))
	}
	return errors.Join(errs...)
}

func (d *Desk) due(ctx context.Context, now time.Time) (rows map[string]string, err error) {
	rows = map[string]string{}
	err = d.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, dueBucket, "", "", func(row, key string) error {
			at, _, _ := strings.Cut(row, "/")
			if at > fmt.Sprintf("%012d", now.Unix()) || len(rows) == batch {
				return store.Stop
			}
			rows[row] = key
			return nil
		})
	})
	return rows, err
}

// lapse ends one transaction whose time is over.
func (d *Desk) lapse(ctx context.Context, row, key string, now time.Time) error {
	var t transaction
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		t, err = store.Load[transaction](tx, transactionBucket, key)
		return err
	})
	if err != nil {
		return fmt.Errorf("transaction %s: %w", key, err)
	}
	c, err := d.CA.ByRequest(ctx, t.Order)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return err
	}
	if err == nil && c.State == ca.Pending {
		return nil
	}
	if errors.Is(err, fault.NotFound) || c.State == ca.Void {
		return d.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(dueBucket, row) })
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		err := settle(tx, t, c.Serial, false, "job:cmp-unconfirmed", now)
		if fault.Code(err) == "cmp_certificate_lapsed" { // confirmed this moment
			return tx.Delete(dueBucket, row)
		}
		return err
	})
	if err == nil {
		d.Log.InfoContext(ctx, "certificate was not confirmed", "serial", c.Serial)
	}
	return err
}

// Prune is a job: it deletes transactions whose time is over.
func (d *Desk) Prune(ctx context.Context) error {
	now := d.now()
	return d.Store.Update(ctx, func(tx store.Tx) error {
		var old []string
		err := store.Each(tx, transactionBucket, "", "", func(key string, t transaction) error {
			if now.After(t.Expires) {
				old = append(old, key)
			}
			if len(old) == batch {
				return store.Stop
			}
			return nil
		})
		for _, key := range old {
			if err == nil {
				err = tx.Delete(transactionBucket, key)
			}
		}
		return err
	})
}
