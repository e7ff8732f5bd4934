package custody

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Config is what a Register needs.
type Config struct {
	Store store.Store
	Ring  *hsm.Keyring
	// Home is the key URI under which new keys are made: "file:DIR", a
	// pkcs11: or a tpmkms: URI without the key's name.
	Home string
	// Former are homes that keys were made in before; they are looked at for
	// keys that are not in Home.
	Former []string
	// Fixed says why the purpose keeps its key for life; "" if it does not.
	// nil: every purpose may be rotated.
	Fixed func(purpose string) string
	Log   *slog.Logger     // nil: discard
	Now   func() time.Time // nil: time.Now
}

// Register opens, makes and retires the service's keys. It is safe for
// concurrent use.
type Register struct {
	Config
	making sync.Mutex // held while a key is made
	mu     sync.Mutex // guards counted
	// counted is how many signatures of a key of this process are in the
	// store, by the hash of its public key.
	counted map[string]uint64
}

// New returns the register of a store.
func New(c Config) *Register {
	if c.Fixed == nil {
		c.Fixed = func(string) string { return "" }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Register{Config: c, counted: map[string]uint64{}}
}

func (r *Register) now() time.Time { return r.Now().UTC().Truncate(time.Second) }

// Signer returns the key that serves the purpose, making the first one if
// there is none. Its algorithm counts only then; "" is P-256.
func (r *Register) Signer(ctx context.Context, purpose string, a hsm.Algorithm) (crypto.Signer, error) {
	k, err := r.Serving(ctx, purpose)
	if errors.Is(err, fault.NotFound) {
		k, err = r.Create(ctx, purpose, a)
	}
	if err != nil {
		return nil, err
	}
	return r.open(ctx, k)
}

// Serving returns the record of the key that serves the purpose; NotFound if
// there is none.
func (r *Register) Serving(ctx context.Context, purpose string) (k Key, err error) {
	err = r.Store.View(ctx, func(tx store.Tx) error {
		list, err := generations(tx, purpose)
		if err != nil {
			return err
		}
		k, err = serving(list)
		return err
	})
	return k, err
}

// Find opens the key that serves the purpose and makes none: NotFound if
// there is none, and if it was in use here and is lost.
func (r *Register) Find(ctx context.Context, purpose string) (crypto.Signer, error) {
	k, err := r.Serving(ctx, purpose)
	if errors.Is(err, fault.NotFound) {
		return r.find(ctx, Key{Purpose: purpose, Generation: 1}) // prepared in its home
	}
	if err != nil {
		return nil, err
	}
	return r.open(ctx, k)
}

// open opens a key that was made before.
func (r *Register) open(ctx context.Context, k Key) (crypto.Signer, error) {
	s, err := r.find(ctx, k)
	if errors.Is(err, fault.NotFound) {
		return nil, fmt.Errorf("%w; it was in use here: restore it, nothing is made in its place", err)
	}
	if err != nil {
		return nil, err
	}
	sum, err := publicSum(s)
	if err == nil && sum != k.SPKISHA256 {
		return nil, fmt.Errorf("%s is not the key that was in use here: restore that one", k.name())
	}
	return s, err
}

// find looks for a key by its name in Home, then in the former homes.
func (r *Register) find(ctx context.Context, k Key) (s crypto.Signer, err error) {
	for _, home := range append([]string{r.Home}, r.Former...) {
		s, err = r.Ring.Signer(ctx, hsm.KeyURI(home, k.name()))
		if !errors.Is(err, fault.NotFound) {
			return s, err
		}
	}
	return s, err
}

// Create makes the first key of a purpose, ahead of its use. A purpose that
// has one is a Conflict: Rotate gives it another. "" is P-256. A call that was
// cut short is taken up by the next.
func (r *Register) Create(ctx context.Context, purpose string, a hsm.Algorithm) (Key, error) {
	r.making.Lock()
	defer r.making.Unlock()
	k, err := r.planFirst(ctx, purpose, a)
	if err != nil {
		return k, err
	}
	// A key of this name that is there already is taken up: generation 1 has
	// the purpose's own name, under which a token may have been prepared.
	return r.make(ctx, k, true)
}

func (r *Register) planFirst(ctx context.Context, purpose string, a hsm.Algorithm) (k Key, err error) {
	if !isPurpose(purpose) {
		return k, fault.New(fault.Invalid, "key_purpose_malformed", "a purpose is named in 1 to 48 small letters, digits and hyphens; see the list of keys")
	}
	if a == "" {
		a = hsm.P256
	}
	now := r.now()
	err = r.Store.Update(ctx, func(tx store.Tx) error {
		list, err := generations(tx, purpose)
		if err != nil {
			return err
		}
		if len(list) > 1 || len(list) == 1 && list[0].made() {
			return fault.New(fault.Conflict, "key_purpose_taken", "this purpose has a key; rotate it to have a new one")
		}
		k = Key{Purpose: purpose, Generation: 1, Home: scheme(r.Home), Algorithm: a, Created: now}
		return saveKey(tx, k)
	})
	return k, err
}

// make makes the key whose plan is recorded and records what it is. adopt
// says whether a key of its name that is there already is the one.
func (r *Register) make(ctx context.Context, k Key, adopt bool) (Key, error) {
	uri := hsm.KeyURI(r.Home, k.name())
	s, err := r.Ring.Signer(ctx, uri)
	switch {
	case errors.Is(err, fault.NotFound):
		s, err = r.Ring.Create(ctx, uri, k.Algorithm)
	case err == nil && !adopt:
		return k, fault.New(fault.Conflict, "key_name_taken", "the key store holds a key named %[1]s that was not made here; remove or rename it, then rotate again", k.name())
	}
	if err != nil {
		return k, fmt.Errorf("make key %s: %w", k.name(), err)
	}
	if k.SPKISHA256, err = publicSum(s); err != nil {
		return k, err
	}
	k.Algorithm = algorithmOf(s.Public())
	err = r.Store.Update(ctx, func(tx store.Tx) error {
		if err := saveKey(tx, k); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "key.created", Subject: k.name(), At: k.Created, Hash: k.SPKISHA256})
	})
	return k, err
}

// publicSum is the hex SHA-256 of the public key (SubjectPublicKeyInfo, DER).
func publicSum(s crypto.Signer) (string, error) { return sumOf(s.Public()) }

func sumOf(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), err
}

func scheme(uri string) string {
	s, _, _ := strings.Cut(uri, ":")
	return s
}

func isPurpose(s string) bool {
	return len(s) > 0 && len(s) <= 48 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// algorithmOf names the kind of a key that is in use.
func algorithmOf(public crypto.PublicKey) hsm.Algorithm {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		return hsm.Algorithm(p.Curve.Params().Name)
	case *rsa.PublicKey:
		return hsm.Algorithm(fmt.Sprintf("RSA-%d", p.N.BitLen()))
	}
	return ""
}
