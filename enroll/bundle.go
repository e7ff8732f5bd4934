package enroll

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/enroll/bundle"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// sealed is a bundle as it is stored: without the proof until the log has
// given its leaf a place, then with it, so that every copy is the same.
type sealed struct {
	Bundle bundle.Bundle `json:"bundle"`
	Leaf   ledger.Event  `json:"leaf"`
	Proven bool          `json:"proven"`
}

// Bundle returns the evidence bundle of an issued application, for who holds
// its token: bundle.Verify takes it. Unavailable while the log or the
// time-stamping unit has not answered yet.
func (d *Desk) Bundle(ctx context.Context, id, token string) ([]byte, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return nil, err
	}
	if a.Stage != Issued {
		return nil, fault.New(fault.Conflict, "application_not_issued", "there is no certificate yet; look at what the application needs next")
	}
	s, err := d.sealedBundle(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		if err = d.sealBundle(ctx, id); err == nil {
			s, err = d.sealedBundle(ctx, id)
		}
	}
	if err != nil {
		return nil, err
	}
	if !s.Proven {
		if s, err = d.place(ctx, id, s); err != nil {
			return nil, err
		}
	}
	return s.Bundle.Encode()
}

func (d *Desk) sealedBundle(ctx context.Context, id string) (sealed, error) {
	return store.Read[sealed](ctx, d.Store, bundleBucket, id)
}

// stampProven is how long a time stamp that was had shows that one can be had.
const stampProven = time.Second

// stampable is Unavailable while no time stamp can be had, for an application
// that is about to be issued under a policy that issues nothing without one.
// Whether the unit answers is asked once a second and not for every
// application (docs/decisions/0153).
func (d *Desk) stampable(ctx context.Context, a Application) error {
	rules, _ := d.Policy.Rules(a.Profile)
	if a.Stage != Approved || rules.StampWithin > 0 {
		return nil
	}
	begun := d.Now()
	if since := begun.Sub(time.Unix(0, d.stamped.Load())); since >= 0 && since < stampProven {
		return nil
	}
	digest := sha256.Sum256([]byte(a.ID))
	if _, err := d.Stamper.Stamp(ctx, digest[:]); err != nil {
		d.stamped.Store(0)
		down := fault.New(fault.Unavailable, "stamp_unavailable", "time stamps cannot be made now, and nothing is issued without; the approval stands, try again in some minutes")
		return fmt.Errorf("%w: %w", down, err)
	}
	d.stamped.Store(begun.UnixNano())
	return nil
}

// lateStamp tells of a bundle that has no time stamp though the policy's time
// for it is over.
func (d *Desk) lateStamp(a Application, cause error) {
	rules, _ := d.Policy.Rules(a.Profile)
	if late := d.now().Sub(a.IssuedAt) - rules.StampWithin; late > 0 {
		d.Log.Error("evidence bundle without time stamp past its deadline", "application", a.ID, "serial", a.Serial, "late", late, "error", cause)
	}
}

// sealBundle signs, stamps and logs the bundle of an issued application. Two
// at once make two; the first to be stored is the bundle.
func (d *Desk) sealBundle(ctx context.Context, id string) error {
	if _, err := d.sealedBundle(ctx, id); !errors.Is(err, store.ErrNotFound) {
		if err == nil {
			return d.drop(ctx, workBundle, id)
		}
		return err
	}
	a, err := d.load(ctx, id)
	if err != nil {
		return err
	}
	c, err := d.CA.Certificate(ctx, a.Serial)
	if err != nil {
		return err
	}
	b, err := d.signedBundle(ctx, manifestOf(a, c))
	if err != nil {
		d.lateStamp(a, err)
		return fmt.Errorf("seal bundle of %s: %w", id, err)
	}
	s := sealed{Bundle: b, Leaf: b.Leaf(c.Serial, d.now())}
	return d.Store.Update(ctx, func(tx store.Tx) error {
		if err := tx.Delete(workBucket, string(workBundle)+"/"+id); err != nil {
			return err
		}
		if there, err := store.Has(tx, bundleBucket, id); err != nil || there {
			return err
		}
		if err := ledger.Append(tx, s.Leaf); err != nil {
			return err
		}
		return store.Save(tx, bundleBucket, id, s)
	})
}

// signedBundle makes a bundle but for its proof.
func (d *Desk) signedBundle(ctx context.Context, m bundle.Manifest) (bundle.Bundle, error) {
	var b bundle.Bundle
	var err error
	if b.Manifest, err = m.Canonical(); err != nil {
		return b, err
	}
	audit := d.Audit()
	if b.Signature, err = (signature.Signer{Key: audit, Now: d.Now}).CMS(b.Manifest); err != nil {
		return b, err
	}
	digest := sha256.Sum256(b.Signature)
	if b.Timestamp, err = d.Stamper.Stamp(ctx, digest[:]); err != nil {
		return b, err
	}
	b.Certificates = bundle.EncodeCertificates(append([]*x509.Certificate{audit.Certificate}, audit.Chain...)...)
	return b, nil
}

// place adds the proof of the leaf, once the log has one.
func (d *Desk) place(ctx context.Context, id string, s sealed) (sealed, error) {
	leaf, err := s.Leaf.ID()
	if err != nil {
		return s, err
	}
	proof, err := d.Ledger.Prove(ctx, leaf)
	if err != nil {
		return s, err
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		now, err := store.Load[sealed](tx, bundleBucket, id)
		if err != nil {
			return err
		}
		if !now.Proven {
			now.Bundle.Inclusion, now.Proven = proof, true
			err = store.Save(tx, bundleBucket, id, now)
		}
		s = now
		return err
	})
	return s, err
}

// manifestOf says what the certificate rests on.
func manifestOf(a Application, c ca.Certificate) bundle.Manifest {
	m := bundle.Manifest{
		Type: bundle.ManifestType, Application: a.ID, Profile: c.Profile, Home: a.Home, Environment: c.Environment,
		Decision: bundle.Decision{
			Outcome: a.Decision.Outcome, At: seconds(a.Decision.At), Policy: a.Decision.Policy,
			PolicyOID: a.Decision.PolicyOID, Evidence: a.Decision.Evidence, Trace: a.Decision.Trace,
		},
		Agreement: bundle.Agreement{At: a.Agreement.At, TermsVersion: a.Agreement.TermsVersion, SHA256: a.Agreement.SHA256},
		SPKI:      c.SPKISHA256, Certificate: hexHash(c.DER), Serial: c.Serial,
		CreatedAt: a.CreatedAt, ConsentedAt: a.Consent.At, KeyBoundAt: a.Key.At, IssuedAt: a.IssuedAt,
	}
	if n := len(a.Findings); n > 0 {
		m.Officer = strings.Join(a.Findings[n-1].Statements, " ")
	}
	for _, p := range a.Evidence {
		m.Evidence = append(m.Evidence, bundle.Evidence{
			ID: p.ID, Type: p.Type, Source: p.Source, Environment: p.Environment, Result: p.Result,
			SHA256: p.SHA256, RawSHA256: p.RawSHA256, CheckedAt: seconds(p.CheckedAt),
		})
	}
	return m
}

func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
