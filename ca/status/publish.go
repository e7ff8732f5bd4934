package status

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Certificate returns the certificate (DER) of an issuing CA, or of the root
// under ca.RootName; NotFound for another name.
func (r *Responder) Certificate(name string) ([]byte, error) {
	if name == ca.RootName {
		return r.Authority.Root.Raw, nil
	}
	i, err := r.issuerOf(ca.IssuerID(name))
	if err != nil {
		return nil, err
	}
	return i.Issuer.Certificate.Raw, nil
}

// RootCRL returns the root's CRL as the ceremony left it: the root's key is
// not here. One that the root did not sign is an error and not handed out.
func (r *Responder) RootCRL(ctx context.Context) (CRL, error) {
	var der []byte
	err := r.Store.View(ctx, func(tx store.Tx) (err error) {
		der, err = ca.LoadHierarchy(tx, ca.RootCRLName)
		return err
	})
	if errors.Is(err, fault.NotFound) {
		return CRL{}, errNoCRL()
	}
	if err != nil {
		return CRL{}, fmt.Errorf("root crl: %w", err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return CRL{}, fmt.Errorf("root crl: %w", err)
	}
	if err := list.CheckSignatureFrom(r.Authority.Root); err != nil {
		return CRL{}, fmt.Errorf("root crl: %w", err)
	}
	c := CRL{DER: der, ThisUpdate: list.ThisUpdate, NextUpdate: list.NextUpdate}
	if list.Number != nil {
		c.Number = list.Number.Int64()
	}
	return c, nil
}

// Refresh is a job: it brings every shard's CRL up to date, so that readers
// find it made. What is out of date and cannot be helped from here, the
// root's CRL, is in the error.
func (r *Responder) Refresh(ctx context.Context) error {
	var errs []error
	for id, i := range r.issuers {
		for n := range i.shards {
			_, err := r.CRL(ctx, id, n)
			errs = append(errs, err)
		}
	}
	switch root, err := r.RootCRL(ctx); {
	case err != nil:
		errs = append(errs, err)
	case !r.now().Before(root.NextUpdate):
		errs = append(errs, fmt.Errorf("root crl: its next update was due at %s; hold a ceremony", root.NextUpdate))
	}
	return errors.Join(errs...)
}
