package held

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/signin"
	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// authorised is a use of a key that its holder wants, and that is on record.
// Only Desk.authorise makes one.
type authorised struct {
	key    Key
	hashes [][]byte
	secret []byte // the passkey's
}

// Sign signs what who wants, hash by hash: Ecdsa-Sig-Values. The proof is for
// exactly this and serves once. If the home of keys fails after that, another
// proof is needed. Refusals are those of the nonce (nonce_unknown,
// nonce_expired, nonce_used), of the passkey (passkey_refused), held_unknown,
// held_ended, held_uncertified, held_secret and held_too_many.
func (d *Desk) Sign(ctx context.Context, who signin.Who, w Wanted, p Proof) ([][]byte, error) {
	a, err := d.authorise(ctx, who, w, p)
	if err != nil {
		return nil, err
	}
	return d.sign(ctx, a)
}

// authorise judges the proof, and writes the use down with its leaf.
func (d *Desk) authorise(ctx context.Context, who signin.Who, w Wanted, p Proof) (authorised, error) {
	if err := w.check(); err != nil {
		return authorised{}, err
	}
	once, err := d.Nonces.Redeemable(w.nonce(who), p.Nonce)
	if err != nil {
		return authorised{}, err
	}
	challenge := sha256.Sum256([]byte(w.message(d.Audience, p.Nonce)))
	assertion, err := d.SignIn.Assertion(ctx, who, challenge, p.Assertion)
	if err != nil {
		return authorised{}, err
	}
	now := d.now()
	use := Signature{
		ID: sum(challenge[:]), Key: w.Key, Purpose: w.Purpose, For: w.For, Nonce: p.Nonce, At: now, Passkey: assertion.Passkey(), Answer: assertion.Answer(),
	}
	for _, h := range w.Hashes {
		use.Hashes = append(use.Hashes, hex.EncodeToString(h))
	}
	leaf, err := use.leaf()
	if err != nil {
		return authorised{}, err
	}
	granted := authorised{hashes: w.Hashes, secret: p.PRF}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if err := once.Use(tx); err != nil {
			return err
		}
		k, err := d.mayUse(tx, who, w, assertion, now)
		if err != nil {
			return err
		}
		granted.key = k
		if err := save(tx, k); err != nil {
			return err
		}
		if err := use.save(tx); err != nil {
			return err
		}
		return ledger.Append(tx, leaf)
	})
	if err != nil {
		return authorised{}, err
	}
	d.Log.InfoContext(ctx, "held key used", "key", w.Key, "holder", who.Holder, "purpose", w.Purpose, "hashes", len(w.Hashes))
	return granted, nil
}

// mayUse returns the key, with this use counted, if who may use it for what is
// wanted by this assertion.
func (d *Desk) mayUse(tx store.Tx, who signin.Who, w Wanted, a signin.Assertion, now time.Time) (Key, error) {
	k, err := load(tx, who, w.Key)
	if err != nil {
		return k, err
	}
	if holder, business := a.Holder(); holder != k.Holder || business != k.Business || a.Passkey() != k.Passkey {
		return k, fault.New(fault.Denied, "held_other_passkey", "this passkey is not the one that the key was made with; use that one")
	}
	if k.State != Live {
		return k, errEnded()
	}
	if err := a.Use(tx); err != nil {
		return k, err
	}
	if w.Purpose != Request {
		if err := certified(tx, k, w.Purpose, now); err != nil {
			return k, err
		}
	}
	if err := k.Hour.take(len(w.Hashes), d.Limits.PerHour, time.Hour, now); err != nil {
		return k, err
	}
	if err := k.Day.take(len(w.Hashes), d.Limits.PerDay, 24*time.Hour, now); err != nil {
		return k, err
	}
	k.Signed += len(w.Hashes)
	return k, nil
}

// certified is Denied for a key without a certificate of its holder that is
// good now, and for content to be signed by the key of one that signs in: what
// is signed by that, unseen, could be a handshake of TLS in the holder's name.
func certified(tx store.Tx, k Key, p Purpose, now time.Time) error {
	good, signsIn, err := serves(tx, k, now)
	if err == nil && signsIn && p != Statement {
		return fault.New(fault.Denied, "held_signs_in", "the certificate of this key is for signing in, and the key signs no content; use one with a certificate for signing")
	}
	if err == nil && !good {
		err = fault.New(fault.Denied, "held_uncertified", "this key has no certificate that is good now, without which it signs its own request only; apply for one, or use another key")
	}
	return err
}

// serves reports whether the key has a good certificate, and whether one of
// those is for signing in, so that the key signs statements only.
func serves(tx store.Tx, k Key, now time.Time) (good, signsIn bool, err error) {
	err = eachGood(tx, k, now, func(c ca.Certificate) {
		good, signsIn = true, signsIn || strings.HasPrefix(c.Profile, ca.NaturalAuth+"@")
	})
	return good, signsIn, err
}

// sign opens the key and signs. Nothing else in this program does.
func (d *Desk) sign(ctx context.Context, a authorised) (signatures [][]byte, err error) {
	wrapped, err := d.open(a.key, a.secret)
	if err != nil {
		return nil, err
	}
	for _, h := range a.hashes {
		s, err := d.Ring.SignWrapped(ctx, d.Home, hsm.Wrapped{Public: a.key.Public, Private: wrapped}, h)
		if err != nil {
			return nil, fmt.Errorf("held key %s: %w", a.key.ID, err)
		}
		signatures = append(signatures, s)
	}
	return signatures, nil
}
