package acme

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// StatementType is the type and the JWS typ of a statement about keys.
const StatementType = "mohr-acme-account/1"

// StatementPurpose binds nonces to such statements.
const StatementPurpose nonce.Purpose = "acme-account"

// maxStatement bounds a statement as received, in octets: a chain of a few
// certificates in x5c and a small payload.
const maxStatement = 16 << 10

// secretSize is the length of an external account key's secret, in octets:
// that of SHA-256 (RFC 7518 section 3.2).
const secretSize = 32

// Action is what a statement asks for.
type Action string

// The actions.
const (
	ActionCreate Action = "create" // a new external account key
	ActionRevoke Action = "revoke" // the end of one, and of the account it bound
	ActionList   Action = "list"   // of the keys of the business
)

// Ask is the payload of a statement. The business is the one that the
// signer's certificate acts for.
type Ask struct {
	signature.Claims
	Action Action `json:"action"`
	KID    string `json:"kid,omitempty"` // of the key to revoke
}

// Given is the answer to a statement.
type Given struct {
	Business  ca.BusinessID `json:"business"`
	Directory string        `json:"directory"`          // of ACME, for the client
	KID       string        `json:"kid,omitempty"`      // of the key made or revoked
	HMACKey   string        `json:"hmac_key,omitempty"` // base64url; of a key that was made, until it binds an account
	Keys      []Shown       `json:"keys"`               // of the business, oldest name first
}

// Shown is a key without its secret.
type Shown struct {
	KID       string    `json:"kid"`
	State     string    `json:"state"` // "free", "bound", "revoked"
	CreatedAt time.Time `json:"created_at"`
	BoundAt   time.Time `json:"bound_at,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

// statement is one that passed every check on itself.
type statement struct {
	ask      Ask
	signed   signature.Signed
	business ca.BusinessID
	nonce    nonce.Checked
	at       time.Time // of receipt
}

// kid names the key that the statement makes. The hash covers the signature,
// so that nobody can choose it.
func (s statement) kid() string { return "k-" + s.signed.SHA256()[:32] }

// Keys does what a signed statement asks for: a JWS, compact or flattened, of
// a certificate that acts for a business. The same statement again, within
// its time, gives the same answer.
func (d *Desk) Keys(ctx context.Context, raw []byte) (Given, error) {
	s, err := d.read(ctx, raw)
	if err != nil {
		return Given{}, err
	}
	g := Given{Business: s.business, Directory: d.Portal + prefix + "/" + Profile + "/directory"}
	switch s.ask.Action {
	case ActionCreate:
		g.KID = s.kid()
		if g.HMACKey, err = d.createKey(ctx, s); err != nil {
			return Given{}, err
		}
	case ActionRevoke:
		g.KID = s.ask.KID
		if err := d.revokeKey(ctx, s); err != nil {
			return Given{}, err
		}
	}
	g.Keys, err = d.keysOf(ctx, s.business)
	return g, err
}

// read checks a statement: signature and chain, what the certificate is for,
// its standing, the statement's binding, the nonce.
func (d *Desk) read(ctx context.Context, raw []byte) (statement, error) {
	s := statement{at: d.now()}
	if len(raw) > maxStatement {
		return s, fault.New(fault.Invalid, "acme_statement_too_large", "a statement has at most %[1]d octets; send the JWS alone", maxStatement)
	}
	var err error
	if s.signed, err = d.Verifier.JWS(ctx, raw, StatementType); err != nil {
		return s, err
	}
	if s.business, err = actsFor(s.signed.Standing()); err != nil {
		return s, err
	}
	if s.ask, _, err = signature.ParseClaims[Ask](s.signed, StatementType, d.Portal, s.at); err != nil {
		return s, err
	}
	switch s.ask.Action {
	case ActionCreate, ActionList, ActionRevoke:
	default:
		return s, fault.New(fault.Invalid, "acme_action_unknown", "a statement asks for \"create\", \"revoke\" or \"list\"; say which")
	}
	if s.nonce, err = d.Nonces.Redeemable(StatementPurpose, s.ask.Nonce); err != nil {
		return s, err
	}
	return s, d.Store.View(ctx, func(tx store.Tx) error { return s.mayStill(tx) })
}

// newSecret returns the secret of a key. Its base64url does not begin with "-":
// such a one would be taken for an option by the programs it is given to.
func newSecret() []byte {
	const dash = 62 // "-" in base64url (RFC 4648 section 5)
	for {
		secret := make([]byte, secretSize)
		rand.Read(secret) // never fails (crypto/rand)
		if secret[0]>>2 != dash {
			return secret
		}
	}
}

// createKey records a fresh key, or finds the one that this statement made
// before, and returns its secret as clients take it.
func (d *Desk) createKey(ctx context.Context, s statement) (string, error) {
	secret := newSecret()
	fresh := Key{ID: s.kid(), Business: s.business, Statement: s.signed.Raw(), CreatedAt: s.at}
	var err error
	if fresh.Secret, err = d.Seal.Seal(keyBucket, fresh.ID, "secret", secret); err != nil {
		return "", fmt.Errorf("seal external account key: %w", err)
	}
	var k Key
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		had, err := loadKey(tx, fresh.ID)
		switch {
		case err == nil:
			k = had
			return had.usable()
		case !errors.Is(err, fault.Denied):
			return err
		}
		k = fresh
		return d.recordKey(tx, k, s)
	})
	if err != nil {
		return "", err
	}
	d.Log.Info("external account key made", "business", k.Business, "kid", k.ID)
	if secret, err = d.secret(k); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(secret), nil
}

func (d *Desk) recordKey(tx store.Tx, k Key, s statement) error {
	if err := s.use(tx); err != nil {
		return err
	}
	live := 0
	err := eachKey(tx, k.Business, func(had Key) error {
		if had.RevokedAt.IsZero() {
			live++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if live >= d.KeysPerBusiness {
		return fault.New(fault.Conflict, "acme_keys_limit", "a business has at most %[1]d external account keys; revoke one that is no longer needed", d.KeysPerBusiness)
	}
	if err := store.Save(tx, businessKeyBucket, string(k.Business)+"/"+k.ID, k.ID); err != nil {
		return err
	}
	if err := store.Save(tx, keyBucket, k.ID, k); err != nil {
		return err
	}
	return ledger.Append(tx, ledger.Event{Kind: "acme.key", Subject: k.ID, At: s.at, Hash: s.signed.SHA256(), Note: "made"})
}

// use uses up what a statement may use once. The signer's standing is asked
// once more, in the transaction of the deed.
func (s statement) use(tx store.Tx) error {
	standing, err := ca.StandingIn(tx, s.signed.Standing().Leaf(), s.at)
	if err != nil {
		return err
	}
	if err := standing.Fault(); err != nil {
		return err
	}
	return s.nonce.Use(tx)
}

// revokeKey ends a key of the business and the account that it bound.
func (d *Desk) revokeKey(ctx context.Context, s statement) error {
	return d.Store.Update(ctx, func(tx store.Tx) error {
		k, err := loadKey(tx, s.ask.KID)
		if err != nil {
			return err
		}
		switch {
		case k.Business != s.business:
			return errKeyUnknown()
		case !k.RevokedAt.IsZero():
			return nil
		}
		if err := s.use(tx); err != nil {
			return err
		}
		k.RevokedAt, k.Secret = s.at, seal.Sealed{}
		if err := store.Save(tx, keyBucket, k.ID, k); err != nil {
			return err
		}
		if k.Account != "" {
			a, err := loadAccount(tx, k.Account)
			if err != nil {
				return err
			}
			a.Revoked = true
			if err := store.Save(tx, accountBucket, a.ID, a); err != nil {
				return err
			}
		}
		return ledger.Append(tx, ledger.Event{Kind: "acme.key", Subject: k.ID, At: s.at, Hash: s.signed.SHA256(), Note: "revoked"})
	})
}

func (d *Desk) secret(k Key) ([]byte, error) {
	secret, err := d.Seal.Open(keyBucket, k.ID, "secret", k.Secret)
	if err != nil {
		return nil, fmt.Errorf("external account key %s: %w", k.ID, err)
	}
	return secret, nil
}

// keysOf returns the keys of the business.
func (d *Desk) keysOf(ctx context.Context, b ca.BusinessID) ([]Shown, error) {
	return view(ctx, d.Store, func(tx store.Tx) ([]Shown, error) {
		list := []Shown{}
		err := eachKey(tx, b, func(k Key) error {
			shown := Shown{KID: k.ID, State: "free", CreatedAt: k.CreatedAt, BoundAt: k.BoundAt, RevokedAt: k.RevokedAt}
			switch {
			case !k.RevokedAt.IsZero():
				shown.State = "revoked"
			case k.Account != "":
				shown.State = "bound"
			}
			list = append(list, shown)
			return nil
		})
		return list, err
	})
}

func eachKey(tx store.Tx, b ca.BusinessID, fn func(Key) error) error {
	return store.Each(tx, businessKeyBucket, string(b)+"/", "", func(_, kid string) error {
		k, err := loadKey(tx, kid)
		if err != nil {
			return err
		}
		return fn(k)
	})
}
