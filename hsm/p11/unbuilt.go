//go:build !cgo || nopkcs11

package p11

import (
	"crypto/ecdsa"
	"errors"
)

// Token is never opened in a program without PKCS#11.
type Token struct{}

// Where says which token is meant.
type Where struct{ Label, Serial, Slot string }

var errUnbuilt = errors.New("failed to open module: built without PKCS#11")

// Open fails.
func Open(string, Where, string) (*Token, error) { return nil, errUnbuilt }

// Close does nothing.
func (*Token) Close() error { return nil }

// Make fails.
func (*Token) Make(string) (*ecdsa.PublicKey, []byte, error) { return nil, nil, errUnbuilt }

// Sign fails.
func (*Token) Sign(_, _ []byte) ([]byte, error) { return nil, errUnbuilt }
