package acme

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Buckets of this room.
const (
	keyBucket         = "acme_keys"          // kid -> Key
	businessKeyBucket = "acme_business_keys" // business/kid -> kid
	accountBucket     = "acme_accounts"      // id -> account
	boundBucket       = "acme_bound"         // application -> account
	orderBucket       = "acme_orders"        // id, which begins with the account's -> order
	dueBucket         = "acme_orders_due"    // time/id -> id: to be forgotten then
	rateBucket        = "acme_rates"         // business -> rate
	replacedBucket    = "acme_replaced"      // serial -> id of the order that replaces the certificate
	rolledBucket      = "acme_rolled"        // name of a key -> id of the account that changed to it
)

// Key is an external account key (RFC 8555 section 7.3.4): it binds one ACME
// account to the business that asked for it.
type Key struct {
	ID        string        `json:"kid"` // "k-" and 32 hex digits
	Business  ca.BusinessID `json:"business"`
	Secret    seal.Sealed   `json:"secret"`    // HMAC key; erased when the key is bound or revoked
	Statement []byte        `json:"statement"` // as received
	CreatedAt time.Time     `json:"created_at"`
	Account   string        `json:"account,omitempty"` // it is bound to
	BoundAt   time.Time     `json:"bound_at,omitzero"`
	RevokedAt time.Time     `json:"revoked_at,omitzero"`
}

// account is an ACME account. Contacts are not kept: the business is known.
type account struct {
	ID        string          `json:"id"` // "a-" and 32 hex digits, of its first key
	Business  ca.BusinessID   `json:"business"`
	Key       string          `json:"key"` // kid it is bound by
	JWK       json.RawMessage `json:"jwk"` // its key now
	CreatedAt time.Time       `json:"created_at"`
	Closed    bool            `json:"closed,omitempty"`  // by itself (RFC 8555 section 7.3.6)
	Revoked   bool            `json:"revoked,omitempty"` // by the business, with its key

	// Application is bound to the account in place of a business.
	Application string `json:"application,omitempty"`
	Profile     string `json:"profile,omitempty"` // of the application
}

// order is an ACME order. Whether there is a certificate for it, ca knows.
type order struct {
	ID        string        `json:"id"`
	Account   string        `json:"account"`
	Business  ca.BusinessID `json:"business"`
	Names     []string      `json:"names"` // as ordered, lower case
	Replaces  *replaced     `json:"replaces,omitempty"`
	CreatedAt time.Time     `json:"created_at"`
	ExpiresAt time.Time     `json:"expires_at"`

	Application string    `json:"application,omitempty"` // of the account, in place of a business
	Token       string    `json:"token,omitempty"`       // of the challenge
	AttestedAt  time.Time `json:"attested_at,omitzero"`  // when the challenge was met
}

// rate counts the orders of a business in one hour.
type rate struct {
	Hour   int64 `json:"hour"` // hours since 1970
	Orders int   `json:"orders"`
}

// named returns a name for what data stands for: the prefix and 32 hex digits.
func named(prefix, data string) string {
	sum := sha256.Sum256([]byte("mohr acme\x00" + prefix + "\x00" + data))
	return prefix + hex.EncodeToString(sum[:16])
}

// orderID returns the id of the order that an account's request with this
// nonce makes: the same request again makes the same order.
func orderID(account, nonce string) string { return account + "." + named("o-", nonce) }

// accountOf returns the account that an order's id begins with.
func accountOf(orderID string) string {
	id, _, _ := strings.Cut(orderID, ".")
	return id
}

// requestOf names the order to ca.
func requestOf(orderID string) string { return "acme/" + orderID }

// request names the order to ca: an application is one itself.
func (o order) request() string {
	if o.Application != "" {
		return o.Application
	}
	return requestOf(o.ID)
}

func (o order) dueKey() string {
	return fmt.Sprintf("%016x/%s", o.ExpiresAt.Add(keepOrder).Unix(), o.ID)
}

func errKeyUnknown() error {
	return fault.New(fault.Denied, "acme_key_unknown", "there is no such external account key, or no longer; ask for a new one with a certificate that acts for the business")
}

// loadKey reads the record; acme_key_unknown if there is none.
func loadKey(tx store.Tx, kid string) (Key, error) {
	if kid == "" || len(kid) > maxKID {
		return Key{}, errKeyUnknown()
	}
	k, err := store.Load[Key](tx, keyBucket, kid)
	if errors.Is(err, store.ErrNotFound) {
		return k, errKeyUnknown()
	}
	return k, err
}

// loadAccount reads the record; store.ErrNotFound if there is none.
func loadAccount(tx store.Tx, id string) (account, error) {
	if id == "" || len(id) > maxKID {
		return account{}, store.ErrNotFound
	}
	return store.Load[account](tx, accountBucket, id)
}

// loadOrder reads the record; NotFound if there is none.
func loadOrder(tx store.Tx, id string) (order, error) {
	unknown := fault.New(fault.NotFound, "acme_order_unknown", "there is no such order, or no longer; make a new one")
	if id == "" || len(id) > maxKID {
		return order{}, unknown
	}
	o, err := store.Load[order](tx, orderBucket, id)
	if errors.Is(err, store.ErrNotFound) {
		return o, unknown
	}
	return o, err
}

// pruneBatch is how many orders one transaction forgets.
const pruneBatch = 500

// Prune is a job: it forgets the orders that ended a day ago or earlier. Their
// certificates stay. It returns how many it forgot and is safe to repeat.
func (d *Desk) Prune(ctx context.Context) (int, error) {
	until := fmt.Sprintf("%016x/", d.now().Unix())
	for total := 0; ; {
		due, err := view(ctx, d.Store, func(tx store.Tx) (map[string]string, error) {
			due := map[string]string{}
			err := store.Each(tx, dueBucket, "", "", func(key, id string) error {
				if key >= until || len(due) == pruneBatch {
					return store.Stop
				}
				due[key] = id
				return nil
			})
			return due, err
		})
		if err == nil && len(due) > 0 {
			err = d.Store.Update(ctx, func(tx store.Tx) error {
				for key, id := range due {
					if err := tx.Delete(orderBucket, id); err != nil {
						return err
					}
					if err := tx.Delete(dueBucket, key); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err != nil {
			return total, fmt.Errorf("prune acme orders: %w", err)
		}
		if total += len(due); len(due) < pruneBatch {
			return total, nil
		}
	}
}
