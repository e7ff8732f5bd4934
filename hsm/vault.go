package hsm

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.step.sm/crypto/kms/apiv1"

	"mohr/hsm/keyfile"
	"mohr/hsm/keyuri"
	"mohr/hsm/pool"
	"mohr/internal/fault"
)

// slower is how much longer than Config.Timeout the making of a key may
// take: an RSA key takes some tokens a minute.
const slower = 12

// store is what PKCS#11 tokens and TPMs do each in their own way.
type store interface {
	// open logs in.
	open(ctx context.Context) (login, error)
	// lost reports whether another opening may cure err.
	lost(err error) bool
	// explain gives an error its fault; it is the one place that says
	// what is transient (Unavailable) and what is permanent.
	explain(err error) error
	// secret opens the service secret, or makes it.
	secret(ctx context.Context, v *vault, u keyuri.URI) ([]byte, error)
}

// login is an open token or TPM. Its methods are called within run only.
type login interface {
	// run runs one operation; when deadline comes, it need not go on.
	run(deadline time.Time, operation func() error) error
	// signer looks the key up.
	signer(u keyuri.URI) (crypto.Signer, error)
	// create makes a key that is not there.
	create(u keyuri.URI, a Algorithm) error
	// wrap makes a key that is kept outside, signWrapped takes it in for one signature.
	wrap(u keyuri.URI) (public *ecdsa.PublicKey, private []byte, err error)
	signWrapped(private, digest []byte) ([]byte, error)
	close() error
}

// vault is the backend of keys in a token or TPM.
type vault struct {
	store
	pool    *pool.Pool[*session]
	where   keyuri.URI // its object is of no meaning
	timeout time.Duration
}

// session is a login with the keys found through it.
type session struct {
	login
	keys sync.Map // crypto.Signer by name
}

func newVault(c Config, g *pool.Group, s store, where keyuri.URI, turns int) *vault {
	v := &vault{store: s, where: where, timeout: c.Timeout}
	v.pool = pool.New(g, pool.Config[*session]{
		Name: where.Place(), Log: c.Log, Turns: turns, Lost: s.lost,
		Open: func(ctx context.Context) (*session, error) {
			l, err := s.open(ctx)
			return &session{login: l}, err
		},
		Close: func(s *session) {
			if err := s.close(); err != nil {
				c.Log.Warn("key store not closed", "store", where.Place(), "error", err)
			}
		},
	})
	return v
}

// do runs op in the vault, at most so long.
func do[T any](ctx context.Context, v *vault, most time.Duration, op func(*session) (T, error)) (T, error) {
	got, err := pool.Do(ctx, v.pool, most, func(ctx context.Context, s *session) (got T, err error) {
		deadline, _ := ctx.Deadline()
		err = s.run(deadline, func() error {
			got, err = op(s)
			return err
		})
		return got, err
	})
	switch {
	case errors.Is(err, apiv1.NotFoundError{}):
		err = keyfile.ErrNotFound()
	case errors.Is(err, apiv1.AlreadyExistsError{}):
		err = keyfile.ErrExists()
	default:
		err = v.explain(err)
	}
	return got, err
}

// key returns the key at u, looked up once a session.
func (s *session) key(u keyuri.URI) (crypto.Signer, error) {
	if key, ok := s.keys.Load(u.Name()); ok {
		return key.(crypto.Signer), nil
	}
	key, err := s.signer(u)
	if err != nil {
		return nil, err
	}
	s.keys.Store(u.Name(), key)
	return key, nil
}

func (v *vault) open(ctx context.Context, u keyuri.URI) (*signer, error) {
	public, err := do(ctx, v, v.timeout, func(s *session) (crypto.PublicKey, error) {
		key, err := s.key(u)
		if err != nil {
			return nil, err
		}
		return key.Public(), nil
	})
	if err != nil {
		return nil, err
	}
	return &signer{public: public, vault: v, sign: func(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		return v.sign(u, public, digest, opts)
	}}, nil
}

// sign signs with the key at u, which must still be the one that was opened.
func (v *vault) sign(u keyuri.URI, public crypto.PublicKey, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	sig, err := do(context.Background(), v, v.timeout, func(s *session) ([]byte, error) {
		key, err := s.key(u)
		if err != nil {
			return nil, err
		}
		if !samePublic(key.Public(), public) {
			return nil, fault.New(fault.Conflict, "key_changed", "the key of this name is not the one that was opened; restore the key store that has that one")
		}
		return key.Sign(rand.Reader, digest, opts)
	})
	if errors.Is(err, fault.NotFound) {
		err = fmt.Errorf("%w: %w", fault.New(fault.NotFound, "key_gone", "the key that was opened is no longer in its key store; restore it from a backup, or make another in a ceremony"), err)
	}
	return sig, err
}

func (v *vault) create(ctx context.Context, u keyuri.URI, a Algorithm) (*signer, error) {
	_, err := do(ctx, v, slower*v.timeout, func(s *session) (struct{}, error) {
		return struct{}{}, s.create(u, a)
	})
	if err != nil {
		return nil, err
	}
	return v.open(ctx, u)
}

func (v *vault) secret(ctx context.Context, u keyuri.URI) ([]byte, error) {
	if u.SecretFile == "" {
		return nil, fault.New(fault.Invalid, "secret_file_unnamed", "the key URI of the service secret does not say where it is kept; add x-secret-file=FILE, after & (pkcs11:) or ; (tpmkms:)")
	}
	return v.store.secret(ctx, v, u)
}

// check tests the first of keys and those that failed last; without any it
// shows that the store lets us in.
func (v *vault) check(ctx context.Context, keys []*signer) error {
	for i, s := range keys {
		if i > 0 && !s.broken.Load() {
			continue
		}
		if err := s.test(); err != nil {
			return fmt.Errorf("%s: %w", s.uri.Name(), err)
		}
	}
	if len(keys) > 0 {
		return nil
	}
	_, err := do(ctx, v, v.timeout, func(*session) (struct{}, error) { return struct{}{}, nil })
	return err
}

func errSecret() error {
	return fault.New(fault.Invalid, "secret_broken", "the service secret does not open with this key store; restore the file and the key store that belong together")
}
