package service

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// The key of SCEP, sealed under the service secret. It opens challengePasswords,
// which live a day, and nothing else; tokens and TPMs that hold the other keys
// do not all decrypt, and every node needs the same one.
const (
	scepKeyBucket = "scep_keys"
	scepKeyRow    = "current"
	scepKeyBits   = 3072
)

// renewSCEP opens SCEP's key with a current certificate, where it is offered. A
// key that was reported as compromised is replaced.
func (g *Ground) renewSCEP(ctx context.Context) error {
	if !g.Config.SCEP {
		return nil
	}
	var before *rsa.PrivateKey
	for range 2 {
		key, err := g.scepKey(ctx, before)
		if err != nil {
			return fmt.Errorf("key of SCEP: %w", err)
		}
		k, err := g.CA.SigningKey(ctx, key, ca.Service{Profile: ca.SCEPResponder, CommonName: g.Config.Name + " SCEP"})
		if fault.Code(err) == ca.KeyCompromised && before == nil {
			g.Log.WarnContext(ctx, "compromised key is replaced", "purpose", "scep")
			before = key
			continue
		}
		if err == nil {
			g.scep.Store(&k)
		}
		return err
	}
	return nil
}

// scepKey returns the key, making it where there is none or the one there is
// given up. Of two nodes that make one, the first wins.
func (g *Ground) scepKey(ctx context.Context, givenUp *rsa.PrivateKey) (*rsa.PrivateKey, error) {
	had, err := g.loadSCEPKey(ctx)
	if err == nil && !(givenUp != nil && had.Equal(givenUp)) {
		return had, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	made, err := rsa.GenerateKey(rand.Reader, scepKeyBits)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		return nil, err
	}
	sealed, err := g.box.Seal(scepKeyBucket, scepKeyRow, "key", der)
	if err != nil {
		return nil, err
	}
	err = g.Store.Update(ctx, func(tx store.Tx) error {
		now, err := store.Load[seal.Sealed](tx, scepKeyBucket, scepKeyRow)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil {
			if givenUp == nil {
				return nil
			}
			if key, err := g.openSCEPKey(now); err != nil || !key.Equal(givenUp) {
				return err
			}
		}
		return store.Save(tx, scepKeyBucket, scepKeyRow, sealed)
	})
	if err != nil {
		return nil, err
	}
	return g.loadSCEPKey(ctx)
}

func (g *Ground) loadSCEPKey(ctx context.Context) (*rsa.PrivateKey, error) {
	var kept seal.Sealed
	err := g.Store.View(ctx, func(tx store.Tx) (err error) {
		kept, err = store.Load[seal.Sealed](tx, scepKeyBucket, scepKeyRow)
		return err
	})
	if err != nil {
		return nil, err
	}
	return g.openSCEPKey(kept)
}

func (g *Ground) openSCEPKey(kept seal.Sealed) (*rsa.PrivateKey, error) {
	der, err := g.box.Open(scepKeyBucket, scepKeyRow, "key", kept)
	if err != nil {
		return nil, err
	}
	any, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	key, ok := any.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a key of the kind %T", any)
	}
	return key, nil
}
