package hsm

import (
	"context"
	"crypto"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.step.sm/crypto/kms/apiv1"

	"mohr/internal/fault"
)

// SecretSize is the length of the service secret, in octets.
const SecretSize = 32

// Algorithm is the kind of a new key.
type Algorithm string

// The kinds of keys that Create makes.
const (
	P256    Algorithm = "P-256"
	P384    Algorithm = "P-384"
	RSA3072 Algorithm = "RSA-3072"
)

// request is how the KMS names the algorithm.
func (a Algorithm) request(name string) (*apiv1.CreateKeyRequest, error) {
	switch a {
	case P256:
		return &apiv1.CreateKeyRequest{Name: name, SignatureAlgorithm: apiv1.ECDSAWithSHA256}, nil
	case P384:
		return &apiv1.CreateKeyRequest{Name: name, SignatureAlgorithm: apiv1.ECDSAWithSHA384}, nil
	case RSA3072:
		return &apiv1.CreateKeyRequest{Name: name, SignatureAlgorithm: apiv1.SHA256WithRSA, Bits: 3072}, nil
	}
	return nil, fault.New(fault.Invalid, "key_algorithm_unsupported", "keys are made for P-256, P-384 and RSA-3072; choose one of these")
}

// Config is what a Keyring needs.
type Config struct {
	Log     *slog.Logger  // nil: discard
	Timeout time.Duration // of one operation on a token, waiting included; zero means 10 s
}

// Keyring opens and makes keys by URI. It is safe for concurrent use. A
// process should have one: contexts of a PKCS#11 module are counted across it.
type Keyring struct {
	Config
	closed   atomic.Bool
	creating sync.Mutex // held while a key or the secret is made

	mu      sync.Mutex // guards modules
	modules map[string]*module
}

// backend is where keys live. Its signers are not yet tried.
type backend interface {
	open(ctx context.Context, u keyURI) (*signer, error)
	create(ctx context.Context, u keyURI, a Algorithm) (*signer, error)
	secret(ctx context.Context, u keyURI) ([]byte, error)
}

// Open returns an empty keyring. Close it.
func Open(c Config) *Keyring {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	return &Keyring{Config: c, modules: map[string]*module{}}
}

// Signer opens an existing key: P-256, P-384 or RSA of 2048 to 4096 bits. It
// has signed once and the signature held. A key that is not there is
// NotFound. The signer is safe for concurrent use, signs digests only
// (opts.HashFunc is not zero), keeps Config.Timeout and reopens its token's
// session by itself.
func (k *Keyring) Signer(ctx context.Context, uri string) (crypto.Signer, error) {
	u, b, err := k.backend(uri)
	if err != nil {
		return nil, err
	}
	s, err := b.open(ctx, u)
	return tried(u, s, err)
}

// Create makes a key. A name that is taken is a Conflict: a key is never
// overwritten. Two processes must not make the same key at the same time.
func (k *Keyring) Create(ctx context.Context, uri string, a Algorithm) (crypto.Signer, error) {
	u, b, err := k.backend(uri)
	if err != nil {
		return nil, err
	}
	k.creating.Lock()
	defer k.creating.Unlock()
	s, err := b.create(ctx, u, a)
	if err == nil {
		k.Log.InfoContext(ctx, "key created", "key", u.name(), "algorithm", string(a))
	}
	return tried(u, s, err)
}

// Secret returns the 32-octet service secret, made at the first use.
//
// file: it is in that file. pkcs11: it is in the file that the attribute
// x-secret-file of the URI names, wrapped by the RSA key of the URI, which is
// made with it; that the key is there and the file is not is a Conflict,
// because a new secret would make everything sealed so far unreadable.
func (k *Keyring) Secret(ctx context.Context, uri string) ([]byte, error) {
	u, b, err := k.backend(uri)
	if err != nil {
		return nil, err
	}
	k.creating.Lock()
	defer k.creating.Unlock()
	secret, err := b.secret(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", u.name(), err)
	}
	return secret, nil
}

// Check signs and verifies with one key of each token in use: nil means ready.
func (k *Keyring) Check(ctx context.Context) error {
	if k.closed.Load() {
		return errClosed()
	}
	for _, m := range k.inUse() {
		for _, t := range m.inUse() {
			if err := t.check(ctx); err != nil {
				return fmt.Errorf("check %s: %w", t.where.place(), err)
			}
		}
	}
	return nil
}

// Close waits, for Config.Timeout at most, for operations under way and logs
// out of the tokens. Signers of a closed keyring fail.
func (k *Keyring) Close() error {
	if k.closed.Swap(true) {
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, m := range k.inUse() {
			m.close()
		}
	}()
	select {
	case <-done:
		return nil
	case <-time.After(k.Timeout):
		return fmt.Errorf("close keyring: an operation on a token does not end")
	}
}

// backend parses uri, which must name a key, and returns where it lives.
func (k *Keyring) backend(uri string) (keyURI, backend, error) {
	if k.closed.Load() {
		return keyURI{}, nil, errClosed()
	}
	u, err := parseURI(uri)
	if err != nil {
		return keyURI{}, nil, err
	}
	if u.scheme == schemeFile {
		return u, files{closed: k.closed.Load}, nil
	}
	if u.object == "" {
		return keyURI{}, nil, badURI("object is missing, the name of the key")
	}
	return u, k.token(u), nil
}

func errClosed() error {
	return fault.New(fault.Unavailable, "keyring_closed", "the service is shutting down; try again in a minute")
}
