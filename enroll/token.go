package enroll

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"

	"mohr/internal/fault"
	"mohr/internal/web"
)

// tokenPrefix marks an application's token, so that one found in the wrong
// place is recognised.
const tokenPrefix = "mat_"

// newToken returns a bearer token of 256 random bits and its hash.
func newToken() (token, hash string) {
	b := make([]byte, 32)
	rand.Read(b) // never fails (crypto/rand)
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
	return token, hexHash([]byte(token))
}

// newID returns an application's id, 128 random bits.
func newID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return "a-" + hex.EncodeToString(b)
}

func hexHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// hasHash reports, in constant time, whether the secret has the hash.
func hasHash(secret, hash string) bool {
	return subtle.ConstantTimeCompare([]byte(hash), []byte(hexHash([]byte(secret)))) == 1
}

// open reads the application for who holds its token. Whether the id is known
// is looked at only after as much work as a wrong token costs; an unknown id
// is NotFound, a wrong token Denied.
func (d *Desk) open(ctx context.Context, id, token string) (Application, error) {
	a, err := d.load(ctx, id)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return Application{}, err
	}
	same := hasHash(token, a.TokenSHA256)
	switch {
	case err != nil:
		return Application{}, err
	case !same:
		return Application{}, web.TokenInvalid()
	}
	return a, nil
}
