package ca

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Reason is a CRLReason (RFC 5280 section 5.3.1).
type Reason string

// The reasons an end-entity certificate here may end for.
const (
	Unspecified          Reason = "unspecified"
	KeyCompromise        Reason = "keyCompromise"
	AffiliationChanged   Reason = "affiliationChanged"
	Superseded           Reason = "superseded"
	CessationOfOperation Reason = "cessationOfOperation"
	PrivilegeWithdrawn   Reason = "privilegeWithdrawn"
)

// Code returns the CRLReason's number, and whether the reason is known.
func (r Reason) Code() (int, bool) {
	switch r {
	case Unspecified:
		return 0, true
	case KeyCompromise:
		return 1, true
	case AffiliationChanged:
		return 3, true
	case Superseded:
		return 4, true
	case CessationOfOperation:
		return 5, true
	case PrivilegeWithdrawn:
		return 9, true
	}
	return 0, false
}

// ReasonOf returns the reason with the CRLReason's number, and whether an
// end-entity certificate here may end for it.
func ReasonOf(code int) (Reason, bool) {
	for _, r := range []Reason{Unspecified, KeyCompromise, AffiliationChanged, Superseded, CessationOfOperation, PrivilegeWithdrawn} {
		if n, _ := r.Code(); n == code {
			return r, true
		}
	}
	return "", false
}

// Revoke ends a certificate for good; by names the actor. An unknown reason
// is Invalid, an unknown serial NotFound, one that is not issued yet a
// Conflict. Revoking a revoked certificate changes nothing of it and is no
// error. KeyCompromise blocks the key for good and takes every certificate
// with it along.
func (a *Authority) Revoke(ctx context.Context, serial string, reason Reason, by string) error {
	now := a.now()
	err := a.Store.Update(ctx, func(tx store.Tx) error { return RevokeIn(tx, serial, reason, by, now) })
	if err != nil {
		return fmt.Errorf("revoke %s: %w", serial, err)
	}
	a.Log.Info("certificate revoked", "serial", serial, "reason", reason)
	return nil
}

// RevokeIn is Revoke inside a transaction, at now.
func RevokeIn(tx store.Tx, serial string, reason Reason, by string, now time.Time) error {
	if _, ok := reason.Code(); !ok {
		return fault.New(fault.Invalid, "reason_unknown", "this is not a reason for revocation; use one of unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn")
	}
	c, err := LoadCertificate(tx, serial)
	if err != nil {
		return err
	}
	if c.State == Pending {
		return fault.New(fault.Conflict, "certificate_pending", "this certificate is still being issued; try again in a minute")
	}
	if reason == KeyCompromise {
		if err := blockKey(tx, c, by, now); err != nil {
			return err
		}
	}
	if c.Revoked != nil {
		return nil
	}
	return endCertificate(tx, c, reason, by, now)
}

// endCertificate writes record, CRL row, shard revision and leaf.
func endCertificate(tx store.Tx, c Certificate, reason Reason, by string, now time.Time) error {
	c.Revoked = &Revoked{Serial: c.Serial, At: now, Reason: reason, By: by, NotAfter: c.NotAfter}
	c.Version++
	if err := saveCertificate(tx, c); err != nil {
		return err
	}
	key := shardKey(c.Issuer, c.Shard)
	if err := store.Save(tx, revokedBucket, key+"/"+c.Serial, *c.Revoked); err != nil {
		return err
	}
	n, err := ShardRevision(tx, c.Issuer, c.Shard)
	if err != nil {
		return err
	}
	if err := store.Save(tx, revisionBucket, key, n+1); err != nil {
		return err
	}
	return ledger.Append(tx, ledger.Event{Kind: "certificate.revoked", Subject: c.Serial, At: now, Note: string(reason)})
}

// retireReplaced ends the certificate that c replaces: at once where there is
// no overlap, else the retire job does it when its time has come.
func retireReplaced(tx store.Tx, c Certificate, overlap time.Duration, now time.Time) error {
	if c.Replaces == "" {
		return nil
	}
	if overlap <= 0 {
		return RevokeIn(tx, c.Replaces, Superseded, "renewal", now)
	}
	return store.Save(tx, retireBucket, fmt.Sprintf("%016x/%s", now.Add(overlap).Unix(), c.Replaces), c.Replaces)
}

// Retire is a job: it supersedes replaced certificates whose overlap is over.
func (a *Authority) Retire(ctx context.Context) error {
	now := a.now()
	due := map[string]string{} // key -> serial
	err := a.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, retireBucket, "", "", func(key, serial string) error {
			at, _, _ := strings.Cut(key, "/")
			if at > fmt.Sprintf("%016x", now.Unix()) {
				return store.Stop
			}
			due[key] = serial
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("retire: %w", err)
	}
	var errs []error
	for key, serial := range due {
		errs = append(errs, a.Store.Update(ctx, func(tx store.Tx) error {
			if err := RevokeIn(tx, serial, Superseded, "renewal", now); err != nil {
				return fmt.Errorf("retire %s: %w", serial, err)
			}
			return tx.Delete(retireBucket, key)
		}))
	}
	return errors.Join(errs...)
}
