package held

import (
	"context"
	"time"

	"mohr/ca"
	"mohr/ca/signin"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// endedBy is the actor of the records.
const endedBy = "holder:portal"

// RevokePurpose is what a proof must be for to revoke the key.
func RevokePurpose(id string) signin.Purpose { return signin.Purpose("key_revoke/" + id) }

// DestroyPurpose is what a proof must be for to destroy the key.
func DestroyPurpose(id string) signin.Purpose { return signin.Purpose("key_destroy/" + id) }

// Revoke ends a key of who's, with its certificates, by a fresh proof for
// RevokePurpose. Again it changes nothing.
func (d *Desk) Revoke(ctx context.Context, who signin.Who, id string) error {
	return d.end(ctx, who, id, RevokePurpose(id), revoke)
}

// end does what ends a key of who's, by a fresh proof for the purpose.
func (d *Desk) end(ctx context.Context, who signin.Who, id string, p signin.Purpose, do func(store.Tx, Key, time.Time) error) error {
	proof, err := d.SignIn.Confirmed(ctx, who, p)
	if err != nil {
		return err
	}
	now := d.now()
	return d.Store.Update(ctx, func(tx store.Tx) error {
		if err := proof.Use(tx); err != nil {
			return err
		}
		k, err := load(tx, who, id)
		if err != nil {
			return err
		}
		return do(tx, k, now)
	})
}

// revoke ends the key's certificates, and its use.
func revoke(tx store.Tx, k Key, now time.Time) error {
	if k.State != Live {
		return nil
	}
	if err := endCertificates(tx, k, now); err != nil {
		return err
	}
	k.State, k.Ended = Revoked, now
	if err := save(tx, k); err != nil {
		return err
	}
	return ledger.Append(tx, k.leaf("held.revoked", now))
}

func endCertificates(tx store.Tx, k Key, now time.Time) error {
	var serials []string
	err := ca.EachOfKey(tx, k.ID, func(c ca.Certificate) error {
		if c.State == ca.Issued && !c.Ended() && now.Before(c.NotAfter) {
			serials = append(serials, c.Serial)
		}
		return nil
	})
	for _, serial := range serials {
		if err == nil {
			err = ca.RevokeIn(tx, serial, ca.CessationOfOperation, endedBy, now)
		}
	}
	return err
}

// Destroy erases a key of who's for good, by a fresh proof for DestroyPurpose.
// Its certificates stay: what it signed holds on. Again it changes nothing.
func (d *Desk) Destroy(ctx context.Context, who signin.Who, id string) error {
	return d.end(ctx, who, id, DestroyPurpose(id), destroy)
}

// destroy erases what wraps the key, and what is wrapped.
func destroy(tx store.Tx, k Key, now time.Time) error {
	if k.State == Destroyed {
		return nil
	}
	k.Private.Erase()
	k.Private.Data, k.Salt, k.State = nil, nil, Destroyed
	if k.Ended.IsZero() {
		k.Ended = now
	}
	if err := save(tx, k); err != nil {
		return err
	}
	return ledger.Append(tx, k.leaf("held.destroyed", now))
}

// Forget destroys every key of a person, for whomever they act with it, inside
// tx. Again it changes nothing.
func Forget(tx store.Tx, h ca.HolderID, at time.Time) error {
	var keys []Key
	err := store.Each(tx, holderBucket, string(h)+"/", "", func(_, id string) error {
		k, err := store.Load[Key](tx, keyBucket, id)
		keys = append(keys, k)
		return err
	})
	for _, k := range keys {
		if err == nil {
			err = destroy(tx, k, at)
		}
	}
	return err
}
