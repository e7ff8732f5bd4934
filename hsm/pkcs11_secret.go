package hsm

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/subtle"
	"errors"
	"fmt"

	"go.step.sm/crypto/kms/apiv1"

	"mohr/hsm/keyfile"
	"mohr/hsm/keyuri"
	"mohr/internal/fault"
)

// secret unwraps the service secret, or makes it with its key.
func (t *token) secret(ctx context.Context, v *vault, u keyuri.URI) ([]byte, error) {
	wrapped, err := keyfile.ReadPEM(u.SecretFile, pemWrapped)
	switch {
	case err == nil:
		return unwrap(ctx, v, u, wrapped)
	case errors.Is(err, fault.NotFound):
		return newWrapped(ctx, v, u)
	}
	return nil, err
}

// newWrapped makes the wrapping key and the secret. A key that is there without
// its file means that the file was lost, or that a first start was cut short.
func newWrapped(ctx context.Context, v *vault, u keyuri.URI) ([]byte, error) {
	key, err := v.create(ctx, u, RSA3072)
	if errors.Is(err, fault.Conflict) {
		return nil, fault.New(fault.Conflict, "secret_lost", "the key that wraps the service secret is in the token, the file with the wrapped secret is not there; restore the file from a backup, or, only if the service has never run, delete the key from the token")
	}
	if err != nil {
		return nil, err
	}
	public, ok := key.public.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("wrap secret: the key is of type %T", key.public)
	}
	fresh := make([]byte, SecretSize)
	rand.Read(fresh) // never fails (crypto/rand)
	// OAEP (RFC 8017 section 7.1) with SHA-1, because SoftHSM and many tokens
	// know no other; its security does not rest on collision resistance.
	wrapped, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, public, fresh, nil)
	if err != nil {
		return nil, fmt.Errorf("wrap secret: %w", err)
	}
	back, err := unwrap(ctx, v, u, wrapped)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(back, fresh) != 1 {
		return nil, errSecret()
	}
	return fresh, keyfile.WritePEM(u.SecretFile, pemWrapped, wrapped)
}

func unwrap(ctx context.Context, v *vault, u keyuri.URI, wrapped []byte) ([]byte, error) {
	secret, err := do(ctx, v, v.timeout, func(s *session) ([]byte, error) {
		l, ok := s.login.(tokenLogin)
		if !ok {
			return nil, fmt.Errorf("unwrap secret: %T is no token", s.login)
		}
		decrypters, ok := l.kms.(apiv1.Decrypter)
		if !ok {
			return nil, fmt.Errorf("unwrap secret: the KMS does not decrypt")
		}
		key, err := decrypters.CreateDecrypter(&apiv1.CreateDecrypterRequest{DecryptionKey: tokenKey(u, false)})
		if err != nil {
			return nil, err
		}
		return key.Decrypt(rand.Reader, wrapped, &rsa.OAEPOptions{Hash: crypto.SHA1})
	})
	if err != nil {
		return nil, err
	}
	if len(secret) != SecretSize {
		return nil, errSecret()
	}
	return secret, nil
}
