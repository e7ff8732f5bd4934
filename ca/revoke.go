package ca

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Reason is a CRLReason (RFC 5280 section 5.3.1).
type Reason string

// The reasons an end-entity certificate here may end for, and the one for
// which it only rests.
const (
	Unspecified          Reason = "unspecified"
	KeyCompromise        Reason = "keyCompromise"
	AffiliationChanged   Reason = "affiliationChanged"
	Superseded           Reason = "superseded"
	CessationOfOperation Reason = "cessationOfOperation"
	CertificateHold      Reason = "certificateHold" // suspension: see Suspend
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
	case CertificateHold:
		return 6, true
	case PrivilegeWithdrawn:
		return 9, true
	}
	return 0, false
}

// Endings are the reasons for which a certificate may end for good.
func Endings() []Reason {
	return []Reason{Unspecified, KeyCompromise, AffiliationChanged, Superseded, CessationOfOperation, PrivilegeWithdrawn}
}

// ReasonOf returns the reason with the CRLReason's number, and whether an
// end-entity certificate here may end for it.
func ReasonOf(code int) (Reason, bool) {
	for _, r := range Endings() {
		if n, _ := r.Code(); n == code {
			return r, true
		}
	}
	return "", false
}

// CheckEnding is Invalid for a reason that no certificate may end for.
func CheckEnding(r Reason) error {
	if !slices.Contains(Endings(), r) {
		return fault.New(fault.Invalid, "reason_unknown", "this is not a reason for revocation; use one of unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn")
	}
	return nil
}

// Revoke ends a certificate for good; by names the actor. An unknown reason
// is Invalid, an unknown serial NotFound, one that is not issued yet a
// Conflict. Revoking a revoked certificate changes nothing of it and is no
// error; a suspended one ends as of its suspension. KeyCompromise blocks the
// key for good and takes every certificate with it along.
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
	if err := CheckEnding(reason); err != nil {
		return err
	}
	c, err := loadSettled(tx, serial)
	if err != nil {
		return err
	}
	if reason == KeyCompromise {
		_, err := BlockKeyIn(tx, c.SPKISHA256, by, now)
		return err
	}
	if c.Ended() {
		return nil
	}
	return endCertificate(tx, c, reason, by, now)
}

// RevokeLineIn is RevokeIn for a certificate and for what has replaced it
// since the time given, when it was decided that it ends: a renewal in the
// meantime, maybe by the very key in doubt, is no way out. What replaced it
// before stays. A renewal under way becomes void by itself. It returns how
// many certificates ended now.
func RevokeLineIn(tx store.Tx, serial string, reason Reason, by string, since, now time.Time) (ended int, err error) {
	for {
		n, err := revokeCounted(tx, serial, reason, by, now)
		if err != nil {
			return ended, err
		}
		ended += n
		c, err := LoadCertificate(tx, serial)
		if err != nil || c.ReplacedBy == "" {
			return ended, err
		}
		next, err := LoadCertificate(tx, c.ReplacedBy)
		if err != nil || next.State != Issued || next.NotBefore.Before(since) {
			return ended, err
		}
		serial = next.Serial
	}
}

// revokeCounted is RevokeIn and returns how many certificates ended now.
func revokeCounted(tx store.Tx, serial string, reason Reason, by string, now time.Time) (int, error) {
	c, err := loadSettled(tx, serial)
	if err != nil {
		return 0, err
	}
	if reason == KeyCompromise {
		return BlockKeyIn(tx, c.SPKISHA256, by, now)
	}
	if err := RevokeIn(tx, serial, reason, by, now); err != nil || c.Ended() {
		return 0, err
	}
	return 1, nil
}

// OfService reports whether the certificate is an operator's or the service's
// own: of no holder and no business. One operator alone never changes it.
func (c Certificate) OfService() bool { return c.Holder == "" && c.Business == "" }

// loadSettled is LoadCertificate for what is not pending any more.
func loadSettled(tx store.Tx, serial string) (Certificate, error) {
	c, err := LoadCertificate(tx, serial)
	if err == nil && c.State == Pending {
		err = fault.New(fault.Conflict, "certificate_pending", "this certificate is still being issued; try again in a minute")
	}
	return c, err
}

// endCertificate ends c, which has not ended. One that was suspended ends as
// of that day: nothing it signed since was ever good (X.509, on the hold
// instruction code).
func endCertificate(tx store.Tx, c Certificate, reason Reason, by string, now time.Time) error {
	at := now
	if c.Suspended() {
		at = c.Revoked.At
	}
	r := &Revoked{Serial: c.Serial, At: at, Reason: reason, By: by, NotAfter: c.NotAfter}
	return setStatus(tx, c, r, ledger.Event{Kind: "certificate.revoked", Subject: c.Serial, At: now, Note: string(reason)})
}

// setStatus writes what becomes of c: record, CRL row, shard revision and
// leaf. r is nil for a certificate that counts again.
func setStatus(tx store.Tx, c Certificate, r *Revoked, e ledger.Event) error {
	var err error
	if r != nil {
		if r.Leaf, err = e.ID(); err != nil {
			return err
		}
	}
	c.Revoked = r
	c.Version++
	if err := saveCertificate(tx, c); err != nil {
		return err
	}
	key := shardKey(c.Issuer, c.Shard)
	row := key + "/" + c.Serial
	if r == nil {
		err = tx.Delete(revokedBucket, row)
	} else {
		err = store.Save(tx, revokedBucket, row, *r)
	}
	if err != nil {
		return err
	}
	n, err := ShardRevision(tx, c.Issuer, c.Shard)
	if err != nil {
		return err
	}
	if err := store.Save(tx, revisionBucket, key, n+1); err != nil {
		return err
	}
	ShardChange{c.Issuer, c.Shard, n + 1, c.Serial}.announce(tx)
	return ledger.Append(tx, e)
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
	return store.Save(tx, retireBucket, dueKey(now.Add(overlap), c.Replaces), c.Replaces)
}

// Retire is a job: it supersedes replaced certificates whose overlap is over.
func (a *Authority) Retire(ctx context.Context) error {
	now := a.now()
	return a.whenDue(ctx, retireBucket, now, func(tx store.Tx, serial string) error {
		c, err := LoadCertificate(tx, serial)
		if err != nil || c.ReplacedBy == "" { // its successor was not taken (TakeBackIn)
			return err
		}
		if err := RevokeIn(tx, serial, Superseded, "renewal", now); err != nil {
			return fmt.Errorf("retire %s: %w", serial, err)
		}
		return nil
	})
}

// dueKey orders serials by the time at which something is to be done to them.
func dueKey(at time.Time, serial string) string { return fmt.Sprintf("%016x/%s", at.Unix(), serial) }

// whenDue does deed to every serial of the bucket whose time has come, each in
// a transaction that also takes it off the bucket.
func (a *Authority) whenDue(ctx context.Context, bucket string, now time.Time, deed func(store.Tx, string) error) error {
	due := map[string]string{} // key -> serial
	err := a.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, bucket, "", "", func(key, serial string) error {
			at, _, _ := strings.Cut(key, "/")
			if at > fmt.Sprintf("%016x", now.Unix()) {
				return store.Stop
			}
			due[key] = serial
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read what is due: %w", err)
	}
	var errs []error
	for key, serial := range due {
		errs = append(errs, a.Store.Update(ctx, func(tx store.Tx) error {
			if err := deed(tx, serial); err != nil {
				return err
			}
			return tx.Delete(bucket, key)
		}))
	}
	return errors.Join(errs...)
}
