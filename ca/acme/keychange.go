package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	stdjson "encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	protocol "github.com/smallstep/certificates/acme"
	"go.step.sm/crypto/jose"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// keyChangePath is below prefix; the directory names it.
const keyChangePath = "/" + Profile + "/key-change"

// rollover is a change of an account's key that both keys have signed.
type rollover struct {
	account  string
	old, new string // names of the keys
	jwk      stdjson.RawMessage
	at       time.Time
}

// changeKey is RFC 8555 section 7.3.5, which smallstep does not offer: the
// account's key signs the request, the new key signs what is in it. body was
// opened: its form, alg and url are as they should be.
func (d *Desk) changeKey(w http.ResponseWriter, r *http.Request, body []byte) error {
	outer, err := parseEnvelope(body)
	if err != nil {
		return err
	}
	if err := d.nonces.take(outer.header.Nonce); err != nil {
		return err
	}
	id, ok := strings.CutPrefix(outer.header.KID, d.accountURL(Profile, ""))
	if !ok {
		return fault.New(fault.Denied, "acme_key_change_account", "a change of key is signed with the key of an account; put the account's address into kid")
	}
	c, err := d.rollover(r.Context(), id, outer, body)
	if err != nil {
		return err
	}
	if err := d.roll(r.Context(), w, c); err != nil {
		return err
	}
	d.Log.Info("acme account key changed", "account", id)
	w.Header().Set("Location", d.accountURL(Profile, id))
	w.Header().Set("Content-Type", "application/json")
	return json.MarshalWrite(w, map[string]string{"status": string(protocol.StatusValid), "orders": d.accountURL(Profile, id) + "/orders"}, json.Deterministic(true))
}

// rollover checks both signatures and what they say of each other.
func (d *Desk) rollover(ctx context.Context, id string, outer envelope, body []byte) (c rollover, err error) {
	a, err := view(ctx, d.Store, func(tx store.Tx) (account, error) { return loadAccount(tx, id) })
	if errors.Is(err, store.ErrNotFound) {
		return c, fault.New(fault.Denied, "acme_account_unknown", "there is no account at the address in kid; make one with an external account key")
	}
	if err != nil {
		return c, err
	}
	if a.status() != protocol.StatusValid {
		return c, errInactive()
	}
	if err := signedBy(body, a.JWK); err != nil {
		return c, err
	}
	inner, err := parseEnvelope(outer.payload)
	if err != nil {
		return c, err
	}
	if len(inner.header.JWK) == 0 || inner.header.Nonce != "" {
		return c, errKeyChange()
	}
	if err := inner.check(outer.header.URL); err != nil {
		return c, err
	}
	if err := signedBy(outer.payload, inner.header.JWK); err != nil {
		return c, err
	}
	var says struct {
		Account string         `json:"account"`
		OldKey  jsontext.Value `json:"oldKey"`
	}
	if err := json.Unmarshal(inner.payload, &says, json.RejectUnknownMembers(true)); err != nil || says.Account != outer.header.KID {
		return c, errKeyChange()
	}
	c = rollover{account: id, at: d.now()}
	if c.old, err = keyName(a.JWK); err != nil {
		return c, err
	}
	if stated, err := keyName(says.OldKey); err != nil || stated != c.old {
		return c, errKeyChange()
	}
	if c.jwk, err = publicJWK(inner.header.JWK); err != nil {
		return c, err
	}
	c.new, err = keyName(c.jwk)
	return c, err
}

func errKeyChange() error {
	return fault.New(fault.Invalid, "acme_key_change", "this is no change of key as RFC 8555 section 7.3.5 has it: a JWS by the new key, with jwk and without a nonce, over the account's address and its old key")
}

func errInactive() error {
	return fault.New(fault.Denied, "acme_account_inactive", "this account is closed; make a new one with another external account key")
}

// signedBy refuses a JWS that is not signed with the key.
func signedBy(jws, jwk []byte) error {
	key := new(jose.JSONWebKey)
	if err := stdjson.Unmarshal(jwk, key); err != nil || !key.IsPublic() || !goodAccountKey(key.Key) {
		return fault.New(fault.Invalid, "acme_key_unfit", "an account's key is P-256, P-384, Ed25519 or RSA of at least 2048 bits")
	}
	parsed, err := jose.ParseJWS(string(jws))
	if err != nil {
		return errMalformed()
	}
	if _, err := parsed.Verify(key); err != nil {
		return fault.New(fault.Denied, "acme_signature", "the signature is not by the key that it should be by; check which key is the account's")
	}
	return nil
}

func goodAccountKey(key any) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return k.Curve.Params().BitSize == 256 || k.Curve.Params().BitSize == 384
	case *rsa.PublicKey:
		return k.N.BitLen() >= 2048 && k.N.BitLen() <= 4096
	case ed25519.PublicKey:
		return true
	}
	return false
}

// publicJWK is the key alone, without what else the client wrote beside it.
func publicJWK(jwk []byte) (stdjson.RawMessage, error) {
	key := new(jose.JSONWebKey)
	if err := stdjson.Unmarshal(jwk, key); err != nil {
		return nil, errKeyChange()
	}
	return stdjson.Marshal(&jose.JSONWebKey{Key: key.Key})
}

// roll records the change if the account is still as it was checked and the
// new key is nobody's; else it is a Conflict that names whose it is.
func (d *Desk) roll(ctx context.Context, w http.ResponseWriter, c rollover) error {
	taken := ""
	err := d.Store.Update(ctx, func(tx store.Tx) (err error) {
		a, err := loadAccount(tx, c.account)
		if err != nil {
			return err
		}
		if now, err := keyName(a.JWK); err != nil || now != c.old || a.status() != protocol.StatusValid {
			return errInactive()
		}
		if taken, err = accountOfKey(tx, c.new); err != nil {
			return err
		}
		if taken != "" {
			return fault.New(fault.Conflict, "acme_key_taken", "the new key is an account's already; make another one")
		}
		a.JWK = c.jwk
		if err := store.Save(tx, accountBucket, a.ID, a); err != nil {
			return err
		}
		if err := tx.Delete(rolledBucket, c.old); err != nil {
			return err
		}
		if err := store.Save(tx, rolledBucket, c.new, a.ID); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "acme.account", Subject: a.ID, At: c.at, Note: "key changed"})
	})
	if taken != "" {
		w.Header().Set("Location", d.accountURL(Profile, taken))
	}
	return err
}
