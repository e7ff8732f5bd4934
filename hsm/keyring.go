package hsm

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"mohr/hsm/keyuri"
	"mohr/hsm/pool"
	"mohr/internal/fault"
)

// SecretSize is the length of the service secret, in octets.
const SecretSize = 32

// Config is what a Keyring needs.
type Config struct {
	Log     *slog.Logger     // nil: discard
	Timeout time.Duration    // of one operation on a token or TPM, waiting included; zero means 10 s
	Now     func() time.Time // nil: time.Now
}

// Keyring opens and makes keys by URI. It is safe for concurrent use. A
// process should have one: contexts of a PKCS#11 module are counted across it,
// and one that another keyring holds keeps a module that lost its token from
// being initialized anew.
type Keyring struct {
	Config
	closed   atomic.Bool
	creating sync.Mutex // held while a key or the secret is made

	mu      sync.Mutex // guards what is below
	modules map[string]*pool.Group
	vaults  map[string]*vault  // by place
	signers map[string]*signer // handed out, by name
}

// backend is where keys live. Its signers are not yet tried.
type backend interface {
	open(ctx context.Context, u keyuri.URI) (*signer, error)
	create(ctx context.Context, u keyuri.URI, a Algorithm) (*signer, error)
	secret(ctx context.Context, u keyuri.URI) ([]byte, error)
	// wrap makes a key that is kept outside, signWrapped takes it in for one signature.
	wrap(ctx context.Context, u keyuri.URI) (public *ecdsa.PublicKey, private []byte, err error)
	signWrapped(ctx context.Context, u keyuri.URI, private, digest []byte) ([]byte, error)
}

// Open returns an empty keyring. Close it.
func Open(c Config) *Keyring {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Keyring{Config: c, modules: map[string]*pool.Group{}, vaults: map[string]*vault{}, signers: map[string]*signer{}}
}

// KeyURI returns the URI of the key with the purpose name ("root",
// "sign-p256") at base, which is "file:DIR", a pkcs11: URI without an object
// or a tpmkms: URI without a name. Whether the result can be used is checked
// when it is.
func KeyURI(base, name string) string { return keyuri.Join(base, name) }

// SuccessorURI returns the URI of the key that follows the one at uri in its
// token or TPM, named after it and the time.
func SuccessorURI(uri string, now time.Time) (string, error) { return keyuri.Successor(uri, now) }

// FileURI returns the file: URI of a path of this machine, escaped.
func FileURI(path string) string { return keyuri.OfFile(path) }

// Signer opens an existing key: P-256, P-384 or RSA of 2048 to 4096 bits. It
// has signed once and the signature held. A key that is not there is
// NotFound. The signer is safe for concurrent use, signs digests only
// (opts.HashFunc is not zero), keeps Config.Timeout and outlives the loss of
// its token or TPM. A TPM's key signs digests of one hash: SHA-256 with P-256,
// SHA-384 with P-384.
//
// Its errors are Unavailable if waiting may help. Of another kind are
// key_gone, key_changed, key_of_another_tpm and token_pin_refused: an operator
// has to act, then the signer works again.
func (k *Keyring) Signer(ctx context.Context, uri string) (crypto.Signer, error) {
	return k.signer(ctx, uri)
}

func (k *Keyring) signer(ctx context.Context, uri string) (*signer, error) {
	u, b, err := k.backend(uri)
	if err != nil {
		return nil, err
	}
	s, err := b.open(ctx, u)
	return k.tried(u, s, err)
}

// Create makes a key. A name that is taken is a Conflict: a key is never
// overwritten. Two processes must not make the same key at the same time.
// A TPM makes P-256 and P-384 only.
func (k *Keyring) Create(ctx context.Context, uri string, a Algorithm) (crypto.Signer, error) {
	u, b, err := k.backend(uri)
	if err != nil {
		return nil, err
	}
	k.creating.Lock()
	defer k.creating.Unlock()
	s, err := b.create(ctx, u, a)
	if err == nil {
		k.Log.InfoContext(ctx, "key created", "key", u.Name(), "algorithm", string(a))
	}
	return k.tried(u, s, err)
}

// tried ends an opening: the key's kind is checked and it signs once.
func (k *Keyring) tried(u keyuri.URI, s *signer, err error) (*signer, error) {
	if err == nil {
		err = checkKind(s.public)
	}
	if err == nil {
		err = s.test()
	}
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", u.Name(), err)
	}
	return k.keep(u, s), nil
}

// Secret returns the 32-octet service secret, made at the first use.
//
// file: it is in that file. pkcs11: it is in the file that the attribute
// x-secret-file of the URI names, wrapped by the RSA key of the URI, which is
// made with it; that the key is there and the file is not is a Conflict,
// because a new secret would make everything sealed so far unreadable. tpmkms:
// it is in the file of x-secret-file, sealed by the TPM; no other opens it.
func (k *Keyring) Secret(ctx context.Context, uri string) ([]byte, error) {
	u, b, err := k.backend(uri)
	if err != nil {
		return nil, err
	}
	k.creating.Lock()
	defer k.creating.Unlock()
	secret, err := b.secret(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", u.Name(), err)
	}
	return secret, nil
}

// Check signs and verifies in each token and TPM in use, with the key that
// has not done so for the longest time and with every key that failed last:
// nil means ready.
func (k *Keyring) Check(ctx context.Context) error {
	if k.closed.Load() {
		return errClosed()
	}
	var failed []error
	for _, v := range k.inUse() {
		if err := v.check(ctx, k.keysOf(v)); err != nil {
			failed = append(failed, fmt.Errorf("check %s: %w", v.where.Place(), err))
		}
	}
	return errors.Join(failed...)
}

// Close waits, for Config.Timeout at most, for operations under way and logs
// out of the tokens. Signers of a closed keyring fail.
func (k *Keyring) Close() error {
	if k.closed.Swap(true) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), k.Timeout)
	defer cancel()
	var failed []error
	for _, g := range k.groups() {
		failed = append(failed, g.Close(ctx))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("close keyring: %w", err)
	}
	return nil
}

func errClosed() error {
	return fault.New(fault.Unavailable, "keyring_closed", "the service is shutting down; try again in a minute")
}
