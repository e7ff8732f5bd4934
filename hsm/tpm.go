package hsm

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"mohr/hsm/keyfile"
	"mohr/hsm/keyuri"
	"mohr/hsm/tpm"
	"mohr/internal/fault"
)

// chip is the store of one TPM with one directory of keys.
type chip struct {
	where   keyuri.URI
	timeout time.Duration
}

// chipLogin is an opened TPM.
type chipLogin struct{ device *tpm.Device }

// open may take as long as the making of a key: a TPM that is new makes its
// storage root key.
func (c *chip) open(ctx context.Context) (login, error) {
	d, err := tpm.Open(ctx, c.where.Device, c.where.Directory, time.Now().Add(slower*c.timeout))
	return chipLogin{d}, err
}

func (c *chip) lost(err error) bool { return tpm.Lost(err) }

func (c *chip) explain(err error) error { return tpm.Explain(err) }

// run breaks the operation off a second after its caller has gone: who sees
// the TPM hang is the pool.
func (l chipLogin) run(deadline time.Time, operation func() error) error {
	return l.device.Do(deadline.Add(time.Second), operation)
}

func (l chipLogin) signer(u keyuri.URI) (crypto.Signer, error) { return l.device.Signer(u.Object) }

func (l chipLogin) create(u keyuri.URI, a Algorithm) error {
	switch a {
	case P256:
		return l.device.Create(u.Object, elliptic.P256())
	case P384:
		return l.device.Create(u.Object, elliptic.P384())
	case RSA3072:
		return fault.New(fault.Invalid, "tpm_rsa_unsupported", "a TPM makes RSA keys of 2048 bits, which is too short here; choose P-256 or P-384, or another home for this key")
	}
	return errAlgorithm()
}

func (l chipLogin) close() error { return nil } // it is closed after each operation

// secret unseals the service secret, or makes it. That it is missing because
// it was lost cannot be seen here: who keeps sealed records compares.
func (c *chip) secret(ctx context.Context, v *vault, u keyuri.URI) ([]byte, error) {
	b, err := keyfile.ReadPEM(u.SecretFile, pemSealed)
	switch {
	case err == nil:
		return unseal(ctx, v, b)
	case !errors.Is(err, fault.NotFound):
		return nil, err
	}
	fresh := make([]byte, SecretSize)
	rand.Read(fresh) // never fails (crypto/rand)
	b, err = onChip(ctx, v, func(d *tpm.Device) ([]byte, error) { return d.Seal(fresh) })
	if err != nil {
		return nil, err
	}
	back, err := unseal(ctx, v, b)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(back, fresh) != 1 {
		return nil, errSecret()
	}
	return fresh, keyfile.WritePEM(u.SecretFile, pemSealed, b)
}

func unseal(ctx context.Context, v *vault, b []byte) ([]byte, error) {
	secret, err := onChip(ctx, v, func(d *tpm.Device) ([]byte, error) { return d.Unseal(b) })
	if err != nil {
		return nil, err
	}
	if len(secret) != SecretSize {
		return nil, errSecret()
	}
	return secret, nil
}

func onChip(ctx context.Context, v *vault, op func(*tpm.Device) ([]byte, error)) ([]byte, error) {
	return do(ctx, v, v.timeout, func(s *session) ([]byte, error) {
		l, ok := s.login.(chipLogin)
		if !ok {
			return nil, fmt.Errorf("secret: %T is no TPM", s.login)
		}
		return op(l.device)
	})
}
