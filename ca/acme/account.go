package acme

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	protocol "github.com/smallstep/certificates/acme"
	"go.step.sm/crypto/jose"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// GetExternalAccountKey returns the key of a kid for as long as it is unbound,
// if the binding in the request is signed with it.
func (d database) GetExternalAccountKey(ctx context.Context, _, kid string) (*protocol.ExternalAccountKey, error) {
	v := visitOf(ctx)
	if v.profile != Profile {
		return d.applicationKey(ctx, v, kid)
	}
	k, err := view(ctx, d.desk.Store, func(tx store.Tx) (Key, error) {
		k, err := loadKey(tx, kid)
		if err != nil {
			return k, err
		}
		return k, k.usable()
	})
	if err != nil {
		return nil, err
	}
	secret, err := d.desk.secret(k)
	if err != nil {
		return nil, err
	}
	if v.binding == nil || !v.binding.maced(secret) {
		return nil, fault.New(fault.Denied, "acme_binding_wrong", "the external account binding is not signed with the key of its kid by HS256; copy both the kid and the key as they were given")
	}
	v.key = &k
	return &protocol.ExternalAccountKey{ID: k.ID, ProvisionerID: d.desk.parts.provisioners[Profile].GetID(), HmacKey: secret, CreatedAt: k.CreatedAt}, nil
}

// usable refuses a key that binds nobody new.
func (k Key) usable() error {
	switch {
	case !k.RevokedAt.IsZero():
		return errKeyUnknown()
	case k.Account != "":
		return fault.New(fault.Denied, "acme_key_used", "this external account key has bound an account; ask for another one")
	}
	return nil
}

// GetExternalAccountKeyByAccountID returns none: it is asked for a policy, and
// the policy is ours.
func (database) GetExternalAccountKeyByAccountID(context.Context, string, string) (*protocol.ExternalAccountKey, error) {
	return nil, nil
}

// UpdateExternalAccountKey has nothing to record: CreateAccount did.
func (database) UpdateExternalAccountKey(context.Context, string, *protocol.ExternalAccountKey) error {
	return nil
}

// CreateAccount records the account and uses up the key that binds it. Where
// an account of this key is there already, bound by the same external account
// key, that one is meant.
func (d database) CreateAccount(ctx context.Context, acc *protocol.Account) error {
	v := visitOf(ctx)
	if v.profile != Profile {
		return d.bindApplication(ctx, v, acc)
	}
	if v.key == nil {
		return errUnbound()
	}
	now := d.desk.now()
	a, err := newAccount(acc.Key, now)
	if err != nil {
		return err
	}
	a.Business, a.Key = v.key.Business, v.key.ID
	err = d.desk.Store.Update(ctx, func(tx store.Tx) error { return bind(tx, a, now) })
	if err != nil {
		return err
	}
	d.desk.Log.Info("acme account bound", "business", a.Business, "account", a.ID, "kid", a.Key)
	acc.ID, acc.Contact = a.ID, nil
	return nil
}

func errUnbound() error {
	return fault.New(fault.Denied, "acme_binding_missing", "a new account needs an external account key of a business; ask for one with a certificate that acts for it")
}

// newAccount is the account of a key, bound to nobody yet.
func newAccount(key *jose.JSONWebKey, now time.Time) (account, error) {
	thumb, err := protocol.KeyToID(key)
	if err != nil {
		return account{}, fmt.Errorf("account key: %w", err)
	}
	jwk, err := json.Marshal(key)
	if err != nil {
		return account{}, fmt.Errorf("account key: %w", err)
	}
	return account{ID: named("a-", thumb), JWK: jwk, CreatedAt: now}, nil
}

func bind(tx store.Tx, a account, now time.Time) error {
	if err := notRolled(tx, a.ID); err != nil {
		return err
	}
	had, err := loadAccount(tx, a.ID)
	same := false
	if err == nil {
		now, err := keyName(had.JWK)
		if err != nil {
			return err
		}
		same = had.Key == a.Key && now == a.ID
	}
	switch {
	case same:
		return nil
	case err == nil:
		return errAccountExists()
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	k, err := loadKey(tx, a.Key)
	if err != nil {
		return err
	}
	if err := k.usable(); err != nil {
		return err
	}
	k.Account, k.BoundAt, k.Secret = a.ID, now, seal.Sealed{}
	if err := store.Save(tx, keyBucket, k.ID, k); err != nil {
		return err
	}
	if err := store.Save(tx, accountBucket, a.ID, a); err != nil {
		return err
	}
	return ledger.Append(tx, ledger.Event{Kind: "acme.account", Subject: a.ID, At: now, Note: "bound"})
}

// notRolled refuses a key that another account changed to: it is that account's.
func notRolled(tx store.Tx, name string) error {
	taken, err := store.Has(tx, rolledBucket, name)
	if err == nil && taken {
		err = errAccountExists()
	}
	return err
}

func errAccountExists() error {
	return fault.New(fault.Conflict, "acme_account_exists", "this account is bound already; use it, or a new account key")
}

func (d database) GetAccount(ctx context.Context, id string) (*protocol.Account, error) {
	a, err := view(ctx, d.desk.Store, func(tx store.Tx) (account, error) { return loadAccount(tx, id) })
	if errors.Is(err, store.ErrNotFound) {
		return nil, protocol.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	jwk := new(jose.JSONWebKey)
	if err := json.Unmarshal(a.JWK, jwk); err != nil {
		return nil, fmt.Errorf("account %s: %w", id, err)
	}
	profile := Profile
	if a.Application != "" {
		profile = a.Profile
	}
	if profile != visitOf(ctx).profile { // an account of another directory
		return nil, protocol.ErrNotFound
	}
	p := d.desk.parts.provisioners[profile]
	return &protocol.Account{
		ID: a.ID, Key: jwk, Status: a.status(), ProvisionerID: p.ID, ProvisionerName: p.Name,
		LocationPrefix: d.desk.accountURL(profile, ""),
	}, nil
}

func (a account) status() protocol.Status {
	switch {
	case a.Revoked:
		return "revoked" // RFC 8555 section 7.1.6; smallstep has no word for it
	case a.Closed:
		return protocol.StatusDeactivated
	}
	return protocol.StatusValid
}

// GetAccountByKeyID finds the account of a key by its thumbprint (RFC 7638). A
// key that an account has changed for another finds nothing any more.
func (d database) GetAccountByKeyID(ctx context.Context, thumbprint string) (*protocol.Account, error) {
	name := named("a-", thumbprint)
	id, err := view(ctx, d.desk.Store, func(tx store.Tx) (string, error) { return accountOfKey(tx, name) })
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, protocol.ErrNotFound
	}
	return d.GetAccount(ctx, id)
}

// accountOfKey returns the account whose key now has the name; "" if there is
// none.
func accountOfKey(tx store.Tx, name string) (id string, err error) {
	id, err = store.Load[string](tx, rolledBucket, name)
	if errors.Is(err, store.ErrNotFound) {
		id, err = name, nil // an account has the name of its first key
	}
	if err != nil {
		return "", err
	}
	a, err := loadAccount(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	now, err := keyName(a.JWK)
	if err != nil || now != name {
		return "", err
	}
	return id, nil
}

// keyName is the name of a public key: an account's id, if it is its first.
func keyName(jwk []byte) (string, error) {
	key := new(jose.JSONWebKey)
	if err := json.Unmarshal(jwk, key); err != nil {
		return "", fmt.Errorf("account key: %w", err)
	}
	thumb, err := protocol.KeyToID(key)
	if err != nil {
		return "", fmt.Errorf("account key: %w", err)
	}
	return named("a-", thumb), nil
}

// UpdateAccount closes an account for good. Contacts are not kept.
func (d database) UpdateAccount(ctx context.Context, acc *protocol.Account) error {
	acc.Contact = nil
	if acc.Status != protocol.StatusDeactivated {
		return nil
	}
	now := d.desk.now()
	return d.desk.Store.Update(ctx, func(tx store.Tx) error {
		a, err := loadAccount(tx, acc.ID)
		if err != nil || a.Closed {
			return err
		}
		a.Closed = true
		if err := store.Save(tx, accountBucket, a.ID, a); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "acme.account", Subject: a.ID, At: now, Note: "closed"})
	})
}
