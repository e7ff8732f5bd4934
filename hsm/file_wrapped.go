package hsm

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"

	"mohr/hsm/keyfile"
	"mohr/hsm/keyuri"
	"mohr/internal/fault"
)

const (
	pemWrapping  = "MOHR WRAPPING KEY"
	wrappingSize = 32 // AES-256
)

// wrap makes the key in this process's memory, as all keys of this home are,
// and encrypts its PKCS #8 (AES-256-GCM) under the key in the file.
func (f files) wrap(ctx context.Context, u keyuri.URI) (*ecdsa.PublicKey, []byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	fresh := make([]byte, wrappingSize)
	rand.Read(fresh) // never fails (crypto/rand)
	// One that is there counts, whoever was first.
	if err := keyfile.WritePEM(u.Path, pemWrapping, fresh); err != nil && !errors.Is(err, fault.Conflict) {
		return nil, nil, err
	}
	aead, err := f.wrapping(u)
	if err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode key: %w", err)
	}
	return &key.PublicKey, aead.Seal(nil, nil, der, nil), nil
}

func (f files) signWrapped(ctx context.Context, u keyuri.URI, private, digest []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	aead, err := f.wrapping(u)
	if err != nil {
		return nil, err
	}
	der, err := aead.Open(nil, nil, private, nil)
	if err != nil {
		return nil, errWrapped()
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, errWrapped()
	}
	return ecdsa.SignASN1(rand.Reader, key, digest)
}

// wrapping is the cipher of the file's key; it puts a random nonce before what
// it encrypts, of which there are far fewer than 2^32.
func (f files) wrapping(u keyuri.URI) (cipher.AEAD, error) {
	secret, err := keyfile.ReadPEM(u.Path, pemWrapping)
	if err != nil {
		return nil, err
	}
	if len(secret) != wrappingSize {
		return nil, keyfile.ErrBroken()
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
