package ceremony

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony/plan"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Import puts a ceremony's results into the store of a service, all or none:
// the record verifies, the custodians of the ceremony before agreed too, what
// was there before is the same here, and the issuing CAs' keys are at hand.
// Importing again changes nothing. A service that runs works with it after
// its next start.
func Import(ctx context.Context, c Config, record []byte) (Report, error) {
	report, err := Verify(record, nil)
	if fault.Code(err) == "ceremony_stamp_root" || fault.Code(err) == "timestamp_invalid" {
		return report, errRecord("its time stamp leads to none of its roots; import the record as the ceremony left it")
	}
	if err != nil {
		return report, err
	}
	r, err := parseRecord(record)
	if err != nil {
		return report, err
	}
	p, err := plan.Parse(r.Plan)
	if err != nil {
		return report, err
	}
	if want := c.environment(); p.Environment != want {
		return report, errEnvironment(p.Environment, want)
	}
	if err := c.keysAtHand(ctx, r); err != nil {
		return report, err
	}
	now := c.now()
	return report, c.Store.Update(ctx, func(tx store.Tx) error { return importIn(tx, r, p, now) })
}

func (c Config) environment() string {
	if c.Production {
		return plan.Production
	}
	return plan.Development
}

// keysAtHand opens the key of each issuing CA of the record whose life is not over.
func (c Config) keysAtHand(ctx context.Context, r Record) error {
	find := c.Find
	if find == nil {
		find = func(ctx context.Context, id string) (crypto.Signer, error) { return c.Key(ctx, id, "") }
	}
	for _, m := range r.Members {
		cert, err := x509.ParseCertificate(m.DER)
		if err != nil {
			return err
		}
		if m.Kind != ca.IssuingMember || c.now().After(cert.NotAfter) {
			continue
		}
		k, err := find(ctx, m.ID)
		if err != nil {
			return fmt.Errorf("key of %s: %w", m.ID, err)
		}
		if !fits(k, cert) {
			return fault.New(fault.Conflict, "ceremony_key_other", "the key named %[1]s here is not the one that the ceremony certified; connect the token that holds that one", m.ID)
		}
	}
	return nil
}

func importIn(tx store.Tx, r Record, p *plan.Plan, now time.Time) error {
	hash := p.SHA256()
	if _, found, err := loadHeld(tx, hash); err != nil || found {
		return err
	}
	before, err := planBefore(tx, p.Environment, math.MaxInt)
	if err != nil {
		return err
	}
	if _, err := p.CountBoth(before, r.Plan, r.Approvals); err != nil {
		return err
	}
	if _, err := p.CountBoth(before, r.Minutes, r.Signatures); err != nil {
		return err
	}
	for _, m := range r.Known {
		had, err := ca.LoadMember(tx, m.ID)
		if err != nil || !bytes.Equal(had.DER, m.DER) {
			return errors.Join(err, fault.New(fault.Conflict, "ceremony_other_hierarchy", "the ceremony was about another %[1]s than the one here; import the records of all ceremonies in their order", m.ID))
		}
	}
	for _, m := range r.Members {
		if _, err := ca.LoadMember(tx, m.ID); !errors.Is(err, fault.NotFound) {
			return errors.Join(err, fault.New(fault.Conflict, "ceremony_member_there", "there is a %[1]s here already, of another ceremony; choose another id", m.ID))
		}
		if err := saveMember(tx, m); err != nil {
			return err
		}
	}
	for _, e := range p.Revoke {
		if err := saveRevoked(tx, e.ID, ca.Ended{At: p.Date.UTC(), Reason: e.Reason}); err != nil {
			return err
		}
	}
	if err := importCRLs(tx, r); err != nil {
		return err
	}
	last, _, _, err := lastHeld(tx)
	if err != nil {
		return err
	}
	return store.Save(tx, heldBucket, hash, held{
		Order: last.Order + 1, Plan: r.Plan, Approvals: r.Approvals, Begun: now, Minutes: r.Minutes, Signatures: r.Signatures, Stamp: r.Stamp, FirstCRL: firstNumbers(r),
	})
}

// importCRLs keeps the CRLs. Each must go on after the last one here and name
// all that it named.
func importCRLs(tx store.Tx, r Record) error {
	for _, l := range r.CRLs {
		list, err := x509.ParseRevocationList(l.DER)
		if err != nil {
			return err
		}
		last, err := loadLastCRL(tx, l.Root)
		if err != nil {
			return err
		}
		if last != nil && !follows(list, last) {
			return fault.New(fault.Conflict, "ceremony_crl_order", "a revocation list of %[1]s does not follow the last one here; import the records of all ceremonies in their order", l.Root)
		}
		if err := saveCRL(tx, l.Root, list); err != nil {
			return err
		}
	}
	return nil
}

// follows reports whether the list has a higher number and every entry of last.
func follows(list, last *x509.RevocationList) bool {
	if list.Number.Cmp(last.Number) <= 0 {
		return false
	}
	has := map[string]bool{}
	for _, e := range list.RevokedCertificateEntries {
		has[e.SerialNumber.Text(16)] = true
	}
	for _, e := range last.RevokedCertificateEntries {
		if !has[e.SerialNumber.Text(16)] {
			return false
		}
	}
	return true
}

func firstNumbers(r Record) map[string]int64 {
	first := map[string]int64{}
	for _, l := range r.CRLs {
		if list, err := x509.ParseRevocationList(l.DER); err == nil && first[l.Root] == 0 {
			first[l.Root] = list.Number.Int64()
		}
	}
	return first
}

// Export returns the record of the ceremony that was held or imported last,
// or of the one with the file's SHA-256.
func Export(ctx context.Context, c Config, hash string) ([]byte, error) {
	var state held
	err := c.Store.View(ctx, func(tx store.Tx) error {
		found := false
		var err error
		if hash == "" {
			state, hash, found, err = lastHeld(tx)
		} else {
			state, found, err = loadHeld(tx, hash)
		}
		if err == nil && (!found || hash == builtin) {
			err = fault.New(fault.NotFound, "ceremony_unknown", "no such ceremony was held or imported here; import its record first")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := plan.Parse(state.Plan)
	if err != nil {
		return nil, err
	}
	h, err := c.enter(ctx, p, false)
	if err != nil {
		return nil, err
	}
	r, err := h.record(ctx, state)
	if err != nil {
		return nil, err
	}
	return r.encode()
}

// Stamp is a job: minutes of imported ceremonies that have no time stamp yet
// get one. stamp returns a TimeStampResp over a SHA-256 digest.
func Stamp(ctx context.Context, c Config, stamp func(ctx context.Context, sha256 []byte) ([]byte, error)) error {
	waiting := map[string][]byte{} // hash -> minutes
	err := c.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, heldBucket, "", "", func(hash string, h held) error {
			if len(h.Signatures) > 0 && len(h.Stamp) == 0 {
				waiting[hash] = h.Minutes
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	var errs []error
	for hash, minutes := range waiting {
		digest := sha256.Sum256(minutes)
		tsr, err := stamp(ctx, digest[:])
		if err == nil {
			err = c.Store.Update(ctx, func(tx store.Tx) error {
				h, _, err := loadHeld(tx, hash)
				if err != nil || len(h.Stamp) > 0 {
					return err
				}
				h.Stamp = tsr
				return store.Save(tx, heldBucket, hash, h)
			})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("stamp minutes of %s: %w", hash, err))
		}
	}
	return errors.Join(errs...)
}
