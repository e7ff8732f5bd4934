package ceremony

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"math"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony/plan"
	"mohr/ca/custody"
	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Config is what ceremonies are held with, and hierarchies opened.
type Config struct {
	Store store.Store
	// Key opens the key of an authority by its id ("root", "sign-p256-2"),
	// making it if there is none.
	Key func(ctx context.Context, id string, a hsm.Algorithm) (crypto.Signer, error)
	// Find opens the key if it is there; NotFound, and nothing is made, if
	// not. nil: keys are not looked for before they are opened by Key.
	Find func(ctx context.Context, id string) (crypto.Signer, error)

	// Makes says whether keys of the kind can be made where a development
	// hierarchy's keys live; an issuing CA that cannot have its key is left
	// out. nil: all can.
	Makes func(a hsm.Algorithm) bool

	// Keyless opens the hierarchy without any key, for a node that issues and
	// signs nothing of an authority; one that is not there is Unavailable.
	Keyless bool

	Publish    string           // base URL of the plain listener, for a development hierarchy
	Name       string           // of the operator, for a development hierarchy
	Production bool             // only a hierarchy of a ceremony for production is opened, nothing is made
	Version    string           // of this program, for minutes
	Now        func() time.Time // nil: time.Now
}

func (c Config) now() time.Time {
	if c.Now == nil {
		return time.Now().UTC().Truncate(time.Second)
	}
	return c.Now().UTC().Truncate(time.Second)
}

// Hierarchy is what an authority works with at one moment.
type Hierarchy struct {
	Root    *x509.Certificate   // the newest of our own whose life has begun
	Roots   []*x509.Certificate // other trust anchors: older, coming and foreign ones
	Issuers []ca.Issuer         // with their opened keys, coming ones included
	Retired []ca.Issuer         // whose life is over, without keys
}

// Buckets of this room.
const (
	heldBucket   = "ca_ceremonies"       // hex SHA-256 of the file, or builtin -> held
	intentBucket = "ca_ceremony_intents" // hash of the file/id of a certificate or CRL -> intent
)

// builtin stands for the built-in file's hash, which changes as the program does.
const builtin = "builtin"

// held is the record of a ceremony, begun or over.
type held struct {
	Order      int              `json:"order"` // from 1
	Plan       []byte           `json:"plan"`
	Approvals  [][]byte         `json:"approvals"`
	Begun      time.Time        `json:"begun"`
	FirstCRL   map[string]int64 `json:"first_crl"` // id of the root -> number of the series' first CRL
	Minutes    []byte           `json:"minutes,omitempty"`
	Signatures [][]byte         `json:"signatures,omitempty"` // of the custodians over the minutes
	Stamp      []byte           `json:"stamp,omitempty"`      // TimeStampResp over the minutes
}

// intent is what is about to be signed: recorded first, so that a ceremony
// that is held again signs the same bytes.
type intent struct {
	Prepared []byte `json:"prepared"` // with a worthless signature, DER
}

// lastHeld returns the ceremony that was held last, its file's hash, and
// whether there was one.
func lastHeld(tx store.Tx) (last held, hash string, found bool, err error) {
	return heldBefore(tx, math.MaxInt)
}

// heldBefore is lastHeld among those before the order.
func heldBefore(tx store.Tx, order int) (last held, hash string, found bool, err error) {
	err = store.Each(tx, heldBucket, "", "", func(key string, h held) error {
		if h.Order > last.Order && h.Order < order {
			last, hash, found = h, key, true
		}
		return nil
	})
	return last, hash, found, err
}

// loadHeld returns the ceremony of a file.
func loadHeld(tx store.Tx, hash string) (h held, found bool, err error) {
	h, err = store.Load[held](tx, heldBucket, hash)
	if errors.Is(err, store.ErrNotFound) {
		return h, false, nil
	}
	return h, err == nil, err
}

// environmentOf returns the environment of a hierarchy, "" where there is none.
func environmentOf(tx store.Tx) (string, error) {
	last, hash, found, err := lastHeld(tx)
	if err != nil || !found {
		return "", err
	}
	if hash == builtin {
		return plan.Development, nil
	}
	p, err := plan.Parse(last.Plan)
	if err != nil {
		return "", err
	}
	return p.Environment, nil
}

func errMissing() error {
	return fault.New(fault.Unavailable, "hierarchy_missing", "this service has no certificate authority yet, and in production it makes none by itself; hold a ceremony (mohr ceremony FILE) and import its record (mohr ceremony import RECORD)")
}

func errEnvironment(is, want string) error {
	return fault.New(fault.Denied, "hierarchy_environment", "the hierarchy here was made for %[1]s and cannot be used for %[2]s; check the setting production and the data directory", is, want)
}

// WithHomes returns c with the keys in the homes that the plan names: each
// under its authority's id, made at most once and never replaced.
func (c Config) WithHomes(ring *hsm.Keyring, p *plan.Plan) (Config, error) {
	if p.Keys.Roots == "" || p.Keys.Issuers == "" && len(p.Issuers) > 0 {
		return c, fault.New(fault.Invalid, "plan_homes_missing", "the plan does not say where keys live; name keys.roots and, where it makes issuers, keys.issuers")
	}
	home := func(id string) string {
		if plan.IsRootID(id) {
			return p.Keys.Roots
		}
		return p.Keys.Issuers
	}
	c.Key = func(ctx context.Context, id string, a hsm.Algorithm) (crypto.Signer, error) {
		return custody.New(custody.Config{Store: c.Store, Ring: ring, Home: home(id), Now: c.Now}).Signer(ctx, id, a)
	}
	c.Find = func(ctx context.Context, id string) (crypto.Signer, error) { return FindIn(ring, home(id))(ctx, id) }
	return c, nil
}

// FindIn returns a Config's Find that looks for a key of the authority's id in
// the homes, one after the other.
func FindIn(ring *hsm.Keyring, homes ...string) func(ctx context.Context, id string) (crypto.Signer, error) {
	return func(ctx context.Context, id string) (k crypto.Signer, err error) {
		for _, home := range homes {
			if k, err = ring.Signer(ctx, hsm.KeyURI(home, id)); !errors.Is(err, fault.NotFound) {
				return k, err
			}
		}
		return k, err
	}
}
