package signin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-webauthn/webauthn/webauthn"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

// Buckets of this room.
const (
	passkeyBucket = "signin_passkeys" // holder/id -> Passkey
	handleBucket  = "signin_handles"  // user handle, base64url -> owner
	ownerBucket   = "signin_owners"   // holder/business -> user handle
)

const (
	maxPasskeys = 10 // of one person
	maxName     = 60 // characters of a passkey's name
)

// Passkey is a person's, as it is kept.
type Passkey struct {
	ID          string              `json:"id"`   // of the credential, base64url
	Name        string              `json:"name"` // the person's own
	Holder      ca.HolderID         `json:"holder"`
	Business    ca.BusinessID       `json:"business,omitempty"`    // for whom the person acts with it
	Certificate string              `json:"certificate,omitempty"` // serial of the one whose key added it: it ends with that
	Added       time.Time           `json:"added"`
	Used        time.Time           `json:"used,omitzero"`
	Credential  webauthn.Credential `json:"credential"`
}

// owner is whose a user handle is. Handles are random: an authenticator shows
// them to whoever has it in hand.
type owner struct {
	Holder   ca.HolderID   `json:"holder"`
	Business ca.BusinessID `json:"business,omitempty"`
}

func (o owner) key() string { return string(o.Holder) + "/" + string(o.Business) }

func passkeyKey(h ca.HolderID, id string) string { return string(h) + "/" + id }

// user is a person as the checker of passkeys wants one.
type user struct {
	handle   []byte
	passkeys []Passkey
}

func (u user) WebAuthnID() []byte          { return u.handle }
func (u user) WebAuthnName() string        { return "Mohr" } // an authenticator keeps it: nothing personal
func (u user) WebAuthnDisplayName() string { return "مُهر" }

func (u user) WebAuthnCredentials() (list []webauthn.Credential) {
	for _, k := range u.passkeys {
		list = append(list, k.Credential)
	}
	return list
}

// passkeysOf returns the passkeys with which an owner may still sign in at now:
// what a certificate lent its name to ends with it and its renewals.
func passkeysOf(tx store.Tx, o owner, now time.Time) (list []Passkey, err error) {
	err = store.Each(tx, passkeyBucket, string(o.Holder)+"/", "", func(_ string, k Passkey) error {
		if k.Business == o.Business {
			list = append(list, k)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var good []Passkey
	for _, k := range list {
		switch err := lends(tx, k.Certificate, now); {
		case err == nil:
			good = append(good, k)
		case !errors.Is(err, fault.Denied):
			return nil, err
		}
	}
	slices.SortStableFunc(good, func(a, b Passkey) int { return a.Added.Compare(b.Added) })
	return good, nil
}

// Passkeys returns those of who is signed in, oldest first.
func (d *Desk) Passkeys(ctx context.Context, who Who) (list []Passkey, err error) {
	if who.Holder == "" {
		return nil, nil
	}
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list, err = passkeysOf(tx, owner{who.Holder, who.Business}, d.now())
		return err
	})
	return list, err
}

// userOf returns who is signed in with a handle, made at the first use.
func (d *Desk) userOf(ctx context.Context, who Who) (u user, err error) {
	o, fresh := owner{who.Holder, who.Business}, make([]byte, 32)
	rand.Read(fresh) // never fails (crypto/rand)
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		handle, err := store.Load[[]byte](tx, ownerBucket, o.key())
		if errors.Is(err, store.ErrNotFound) {
			handle = fresh
			err = errors.Join(store.Save(tx, ownerBucket, o.key(), handle), store.Save(tx, handleBucket, base64.RawURLEncoding.EncodeToString(handle), o))
		}
		if err != nil {
			return err
		}
		u.handle = handle
		u.passkeys, err = passkeysOf(tx, o, d.now())
		return err
	})
	return u, err
}

// passkeyUser finds whose handle and passkey these are.
func (d *Desk) passkeyUser(ctx context.Context, rawID, handle []byte) (u user, k Passkey, err error) {
	id := base64.RawURLEncoding.EncodeToString(rawID)
	err = d.Store.View(ctx, func(tx store.Tx) error {
		o, err := store.Load[owner](tx, handleBucket, base64.RawURLEncoding.EncodeToString(handle))
		if errors.Is(err, store.ErrNotFound) {
			return errPasskey()
		}
		if err != nil {
			return err
		}
		u.handle = handle
		if u.passkeys, err = passkeysOf(tx, o, d.now()); err != nil {
			return err
		}
		i := slices.IndexFunc(u.passkeys, func(k Passkey) bool { return k.ID == id })
		if i < 0 {
			return errPasskey()
		}
		k = u.passkeys[i]
		return nil
	})
	return u, k, err
}

// keepPasskey records a new passkey; its proof and its challenge serve once.
func (d *Desk) keepPasskey(ctx context.Context, k Passkey, p Proof, once nonce.Checked) error {
	return d.Store.Update(ctx, func(tx store.Tx) error {
		if err := p.Use(tx); err != nil {
			return err
		}
		if err := once.Use(tx); err != nil {
			return err
		}
		list, err := passkeysOf(tx, owner{k.Holder, k.Business}, d.now())
		if err != nil {
			return err
		}
		if len(list) >= maxPasskeys {
			return fault.New(fault.Conflict, "passkey_too_many", "you have %[1]d passkeys here; remove one that you do not use any more", maxPasskeys)
		}
		if err := store.Save(tx, passkeyBucket, passkeyKey(k.Holder, k.ID), k); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "passkey.added", At: k.Added, Hash: k.mark()})
	})
}

// RemovePasskey takes a passkey of who is signed in away, with the sessions
// that were begun with it. One that is not there is no error.
func (d *Desk) RemovePasskey(ctx context.Context, who Who, id string) error {
	now := d.now()
	return d.Store.Update(ctx, func(tx store.Tx) error {
		k, err := store.Load[Passkey](tx, passkeyBucket, passkeyKey(who.Holder, id))
		if errors.Is(err, store.ErrNotFound) || err == nil && k.Business != who.Business {
			return nil
		}
		if err != nil {
			return err
		}
		if err := tx.Delete(passkeyBucket, passkeyKey(who.Holder, id)); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "passkey.removed", At: now, Hash: k.mark()})
	})
}

// mark stands for a passkey in the public log: its id is random and is shown
// to nobody, so that the hash tells nothing.
func (k Passkey) mark() string { return sum([]byte("mohr passkey\x00" + k.ID)) }

// nameOf makes a passkey's name of what the person wrote.
func nameOf(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != '\u200c' {
			return -1
		}
		return r
	}, s))
	if r := []rune(s); len(r) > maxName {
		s = string(r[:maxName])
	}
	return s
}
