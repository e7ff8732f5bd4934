package ceremony

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// RenewCRL is a job, where the root's key is at hand: it signs a new CRL of
// the root when two thirds of the last one's life are over. Before the first
// ceremony it is an error.
func RenewCRL(ctx context.Context, c Config) error {
	h, err := c.begin()
	if err != nil {
		return err
	}
	der, err := h.load(ctx, ca.RootName)
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", ca.RootName, err)
	}
	if h.root, err = x509.ParseCertificate(der); err != nil {
		return fmt.Errorf("certificate of %s: %w", ca.RootName, err)
	}
	return h.rootCRL(ctx)
}

// rootCRL keeps a CRL of the root with at least a third of its life before
// it. Its number goes up, and what the last one names, the next one names.
func (h *holding) rootCRL(ctx context.Context) error {
	now := h.Now().UTC().Truncate(time.Second)
	next := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(rootCRLLife)}
	last, err := h.load(ctx, ca.RootCRLName)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return fmt.Errorf("root CRL: %w", err)
	}
	if err == nil {
		crl, err := x509.ParseRevocationList(last)
		if err != nil {
			return fmt.Errorf("root CRL: %w", err)
		}
		if now.Add(rootCRLLife / 3).Before(crl.NextUpdate) {
			return nil
		}
		if crl.Number != nil {
			next.Number.Add(crl.Number, next.Number)
		}
		next.RevokedCertificateEntries = crl.RevokedCertificateEntries
	}
	key, err := h.openRoot(ctx)
	if err != nil {
		return fmt.Errorf("root CRL: %w", err)
	}
	der, err := x509.CreateRevocationList(rand.Reader, next, h.root, key)
	if err != nil {
		return fmt.Errorf("root CRL: %w", err)
	}
	return h.Store.Update(ctx, func(tx store.Tx) error {
		had, err := ca.LoadHierarchy(tx, ca.RootCRLName)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
		if err == nil && !bytes.Equal(had, last) {
			return nil // another node was faster, under the same number
		}
		return ca.SaveHierarchy(tx, ca.RootCRLName, der)
	})
}
