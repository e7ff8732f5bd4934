package hsm

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"go.step.sm/crypto/kms/apiv1"
	"go.step.sm/crypto/kms/softkms"

	"mohr/hsm/keyfile"
	"mohr/hsm/keyuri"
	"mohr/internal/fault"
)

// PEM types of our files.
const (
	pemKey     = "PRIVATE KEY" // PKCS#8, RFC 7468 section 10
	pemSecret  = "MOHR SERVICE SECRET"
	pemWrapped = "MOHR WRAPPED SECRET" // by a key in a token
	pemSealed  = "MOHR SEALED SECRET"  // by a TPM
)

// files is the backend of PEM files: the keys are in this process's memory.
type files struct{ closed func() bool }

func (f files) open(ctx context.Context, u keyuri.URI) (*signer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	der, err := keyfile.ReadPEM(u.Path, pemKey)
	if err != nil {
		return nil, err
	}
	key, err := new(softkms.SoftKMS).CreateSigner(&apiv1.CreateSignerRequest{SigningKeyPEM: pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der})})
	if err != nil {
		return nil, keyfile.ErrBroken()
	}
	return f.signer(key), nil
}

func (f files) create(ctx context.Context, u keyuri.URI, a Algorithm) (*signer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	request, err := a.request(u.Path)
	if err != nil {
		return nil, err
	}
	made, err := new(softkms.SoftKMS).CreateKey(request)
	if err != nil {
		return nil, fmt.Errorf("create key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	if err := keyfile.WritePEM(u.Path, pemKey, der); err != nil {
		return nil, err
	}
	return f.open(ctx, u) // what is used is what was written
}

func (f files) signer(key crypto.Signer) *signer {
	return &signer{public: key.Public(), sign: func(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		if f.closed() {
			return nil, errClosed()
		}
		return key.Sign(rand.Reader, digest, opts)
	}}
}

func (f files) secret(_ context.Context, u keyuri.URI) ([]byte, error) {
	secret, err := keyfile.ReadPEM(u.Path, pemSecret)
	if errors.Is(err, fault.NotFound) {
		fresh := make([]byte, SecretSize)
		rand.Read(fresh) // never fails (crypto/rand)
		// Another process may have been first: its secret counts.
		if err := keyfile.WritePEM(u.Path, pemSecret, fresh); err != nil && !errors.Is(err, fault.Conflict) {
			return nil, err
		}
		secret, err = keyfile.ReadPEM(u.Path, pemSecret)
	}
	if err != nil {
		return nil, err
	}
	if len(secret) != SecretSize {
		return nil, keyfile.ErrBroken()
	}
	return secret, nil
}
