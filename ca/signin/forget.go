package signin

import (
	"encoding/base64"
	"errors"
	"time"

	"mohr/ca"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Forget deletes what signing in keeps of a person, inside tx: passkeys, for
// whomever they act with them, the handles of their authenticators, sessions,
// and what else they left. Again it changes nothing.
func (d *Desk) Forget(tx store.Tx, h ca.HolderID, at time.Time) error {
	if h == "" {
		return nil
	}
	var passkeys []Passkey
	handles := map[string]string{} // the key of its owner -> handle
	err := errors.Join(
		store.Each(tx, passkeyBucket, string(h)+"/", "", func(_ string, k Passkey) error {
			passkeys = append(passkeys, k)
			return nil
		}),
		store.Each(tx, ownerBucket, string(h)+"/", "", func(key string, handle []byte) error {
			handles[key] = base64.RawURLEncoding.EncodeToString(handle)
			return nil
		}),
	)
	if err != nil {
		return err
	}
	for _, k := range passkeys {
		err := errors.Join(tx.Delete(passkeyBucket, passkeyKey(h, k.ID)), ledger.Append(tx, ledger.Event{Kind: "passkey.removed", At: at, Hash: k.mark()}))
		if err != nil {
			return err
		}
	}
	for owner, handle := range handles {
		if err := errors.Join(tx.Delete(handleBucket, handle), tx.Delete(ownerBucket, owner)); err != nil {
			return err
		}
	}
	return d.signOutEverywhere(tx, signed{Holder: h})
}
