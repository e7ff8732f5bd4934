package held

import (
	"bytes"
	"context"
	"crypto/sha256"

	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

// making binds nonces to the making of a key by who.
func making(who signin.Who) nonce.Purpose {
	return nonce.Purpose("held-make/" + sum([]byte(string(who.Holder)+"\n"+string(who.Business))))
}

// makeChallenge is what a passkey signs to have a key made.
func (d *Desk) makeChallenge(n string) [sha256.Size]byte {
	return sha256.Sum256([]byte("mohr-held-make/1\n" + d.Audience + "\n" + n + "\n"))
}

// saltOf is the new key's salt for the passkey's secret: a nonce is random.
func saltOf(n string) []byte {
	salt := sha256.Sum256([]byte("mohr held salt\x00" + n))
	return salt[:]
}

// BeginMake begins the ceremony in which who has a key made. The passkey that
// answers is the one that will authorise its use, and no other ever does.
func (d *Desk) BeginMake(ctx context.Context, who signin.Who) (Challenge, error) {
	n := d.Nonces.New(making(who))
	o, err := d.SignIn.AssertionOptions(ctx, who, "", d.makeChallenge(n), saltOf(n))
	return Challenge{n, o}, err
}

// Make makes a key for who. If the proof has the passkey's secret, the key
// will open with it only.
func (d *Desk) Make(ctx context.Context, who signin.Who, p Proof) (Key, error) {
	once, err := d.Nonces.Redeemable(making(who), p.Nonce)
	if err != nil {
		return Key{}, err
	}
	a, err := d.SignIn.Assertion(ctx, who, d.makeChallenge(p.Nonce), p.Assertion)
	if err != nil {
		return Key{}, err
	}
	// Before the HSM works, what is known already; again in the transaction.
	if err := d.Store.View(ctx, func(tx store.Tx) error { return d.room(tx, who) }); err != nil {
		return Key{}, err
	}
	wrapped, err := d.Ring.Wrap(ctx, d.Home)
	if err != nil {
		return Key{}, err
	}
	k := Key{
		ID: sum(wrapped.Public), Holder: who.Holder, Business: who.Business, Passkey: a.Passkey(), Public: bytes.Clone(wrapped.Public), State: Live, Made: d.now(),
	}
	if len(p.PRF) > 0 {
		k.Salt = saltOf(p.Nonce)
	}
	if err := d.close(&k, wrapped.Private, p.PRF); err != nil {
		return Key{}, err
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		for _, step := range []func(store.Tx) error{once.Use, a.Use, func(tx store.Tx) error { return d.room(tx, who) }} {
			if err := step(tx); err != nil {
				return err
			}
		}
		if err := save(tx, k); err != nil {
			return err
		}
		return ledger.Append(tx, k.leaf("held.made", k.Made))
	})
	if err != nil {
		return Key{}, err
	}
	d.Log.InfoContext(ctx, "held key made", "key", k.ID, "holder", k.Holder, "bound", k.Bound())
	return k, nil
}

// room is a Conflict if who has as many live keys as anyone may.
func (d *Desk) room(tx store.Tx, who signin.Who) error {
	list, err := keysOf(tx, who.Holder, who.Business)
	live := 0
	for _, k := range list {
		if k.State == Live {
			live++
		}
	}
	if err == nil && live >= d.Limits.Keys {
		return fault.New(fault.Conflict, "held_keys_full", "you have %[1]d keys here; destroy one that you do not need any more", d.Limits.Keys)
	}
	return err
}
