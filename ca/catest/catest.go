// Package catest gives tests a whole authority on a store of their own.
package catest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony"
	"mohr/hsm"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Publish and Portal are the base URLs in a fixture's certificates.
const (
	Publish = "http://127.0.0.1:8080"
	Portal  = "https://localhost:8443"
)

// Keys makes keys by purpose, P-256 unless asked for others, and keeps them in memory, and in files of
// Dir where that is set, for another process to find.
type Keys struct {
	Dir  string
	mu   sync.Mutex
	keys map[string]crypto.Signer
}

// Key returns the key of the purpose, the same each time.
func (k *Keys) Key(ctx context.Context, purpose string) (crypto.Signer, error) {
	return k.Make(ctx, purpose, hsm.P256)
}

// Make is Key with the algorithm of a new key.
func (k *Keys) Make(_ context.Context, purpose string, a hsm.Algorithm) (crypto.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s, ok := k.keys[purpose]; ok {
		return s, nil
	}
	s, err := k.open(purpose, a)
	if err != nil {
		return nil, err
	}
	if k.keys == nil {
		k.keys = map[string]crypto.Signer{}
	}
	k.keys[purpose] = s
	return s, nil
}

func (k *Keys) open(purpose string, a hsm.Algorithm) (crypto.Signer, error) {
	file := filepath.Join(k.Dir, purpose+".key")
	if k.Dir != "" {
		if der, err := os.ReadFile(file); err == nil {
			key, err := x509.ParsePKCS8PrivateKey(der)
			if err != nil {
				return nil, err
			}
			return key.(crypto.Signer), nil
		}
	}
	key, err := generate(a)
	if err != nil || k.Dir == "" {
		return key, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(file, der, 0o600)
}

// oneRSA is shared by all fixtures of a process: making one takes long.
var oneRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 3072) })

func generate(a hsm.Algorithm) (crypto.Signer, error) {
	switch a {
	case hsm.P384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case hsm.RSA3072:
		return oneRSA()
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// Fixture is an authority with a development hierarchy on a real store.
type Fixture struct {
	*ca.Authority
	Store     store.Store
	Keys      *Keys
	Hierarchy *ceremony.Hierarchy
}

// New returns a fixture whose clock is now; nil means time.Now.
func New(t testing.TB, now func() time.Time) *Fixture {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return On(t, s, &Keys{}, now)
}

// On returns a fixture on a given store and keys.
func On(t testing.TB, s store.Store, keys *Keys, now func() time.Time) *Fixture {
	t.Helper()
	h, err := ceremony.Open(t.Context(), ceremony.Config{Store: s, Key: keys.Make, Publish: Publish, Name: "Mohr Test", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	a, err := ca.New(ca.Config{
		Store: s, Now: now, Root: h.Root, Roots: h.Roots, Issuers: h.Issuers, Retired: h.Retired, Publish: Publish, Portal: Portal,
		HolderKey: make([]byte, 32), Simulated: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Fixture{Authority: a, Store: s, Keys: keys, Hierarchy: h}
}

// SigningKey returns a service key of the purpose with its certificate.
func (f *Fixture) SigningKey(t testing.TB, purpose string, s ca.Service) ca.SigningKey {
	t.Helper()
	key, err := f.Keys.Key(t.Context(), purpose)
	if err != nil {
		t.Fatal(err)
	}
	sk, err := f.Authority.SigningKey(t.Context(), key, s)
	if err != nil {
		t.Fatal(err)
	}
	return sk
}

// Current is SigningKey for those who ask for the current key each time.
func (f *Fixture) Current(t testing.TB, purpose string, s ca.Service) func() ca.SigningKey {
	t.Helper()
	sk := f.SigningKey(t, purpose, s)
	return func() ca.SigningKey { return sk }
}

// NewKey returns a fresh P-256 key and a request for it.
func NewKey(t testing.TB) (*ecdsa.PrivateKey, ca.CSR) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := ca.ParseCSR(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, csr
}

// Leaves counts the leaves of a kind in the log.
func (f *Fixture) Leaves(t testing.TB, kind string) (n int) {
	t.Helper()
	err := ledger.EachEvent(t.Context(), f.Store, func(e ledger.Event) error {
		if e.Kind == kind {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
