package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// StatementType is the type of a holder's statement that a certificate ends
// or rests.
const StatementType = signature.RevokeType

// Statement is what a holder signs: with the certificate concerned, or with
// another good one of the same person in the same capacity (see mayEnd).
type Statement struct {
	signature.Claims
	Serial string    `json:"serial"` // hex, of the certificate concerned
	Reason ca.Reason `json:"reason"` // one of HolderReasons
}

// HolderReasons are the reasons a holder may give; certificateHold suspends.
// Only operators lift a suspension.
func HolderReasons() []ca.Reason {
	return []ca.Reason{ca.Unspecified, ca.KeyCompromise, ca.AffiliationChanged, ca.CessationOfOperation, ca.CertificateHold}
}

// End takes a holder's statement in and returns the certificate as it is
// then. The same statement again changes nothing and is no error.
func (d *Desk) End(ctx context.Context, s approval.Signed) (ca.Certificate, error) {
	signed, err := approval.Verify(ctx, d.Verifier, s, StatementType)
	if err != nil {
		return ca.Certificate{}, err
	}
	if serial, err := d.again(ctx, signed); err == nil || !errors.Is(err, store.ErrNotFound) {
		if err != nil {
			return ca.Certificate{}, err
		}
		return d.CA.Certificate(ctx, serial)
	}
	now := d.now()
	st, claims, err := signature.ParseClaims[Statement](signed, StatementType, d.Audience, now)
	if err != nil {
		return ca.Certificate{}, err
	}
	if !slices.Contains(HolderReasons(), st.Reason) {
		return ca.Certificate{}, fault.New(fault.Invalid, "statement_reason", "a holder may give unspecified, keyCompromise, affiliationChanged, cessationOfOperation, or certificateHold to suspend; sign one of these")
	}
	serial, err := ca.ParseSerial(st.Serial)
	if err != nil {
		return ca.Certificate{}, err
	}
	use, err := d.Nonces.Redeemable(NoncePurpose, claims.Nonce)
	if err != nil {
		return ca.Certificate{}, err
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if err := end(tx, signed, serial, st.Reason, now); err != nil {
			return err
		}
		kept := statement{Kind: "holder", At: now, Received: signed.Raw(), Document: signed.Payload(), Serial: serial}
		if err := store.Save(tx, statementBucket, signed.SHA256(), kept); err != nil {
			return err
		}
		return use.Use(tx)
	})
	if err != nil {
		return ca.Certificate{}, fmt.Errorf("end %s: %w", serial, err)
	}
	d.Log.Info("certificate ended by its holder", "serial", serial, "reason", st.Reason)
	return d.CA.Certificate(ctx, serial)
}

// again returns the serial that the same statement was about before, or
// store.ErrNotFound.
func (d *Desk) again(ctx context.Context, signed signature.Signed) (serial string, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		kept, err := store.Load[statement](tx, statementBucket, signed.SHA256())
		serial = kept.Serial
		return err
	})
	return serial, err
}

// end does what the statement says if its signer, as he stands in this
// transaction, may say so.
func end(tx store.Tx, signed signature.Signed, serial string, reason ca.Reason, now time.Time) error {
	by, err := ca.StandingIn(tx, signed.Standing().Leaf(), now)
	if err != nil {
		return err
	}
	if err := by.Fault(); err != nil {
		return err
	}
	c, err := ca.LoadCertificate(tx, serial)
	if errors.Is(err, fault.NotFound) || err == nil && !mayEnd(by.Record(), c) {
		return fault.New(fault.Denied, "statement_not_yours", "the statement is about a certificate that is not its signer's; sign with that one, or with another of the same person and the same organisation; a seal ends by its own key or by an operator")
	}
	if err != nil {
		return err
	}
	if reason == ca.CertificateHold {
		return ca.SuspendIn(tx, serial, "holder:statement", now)
	}
	return ca.RevokeIn(tx, serial, reason, "holder:statement", now)
}

// mayEnd reports whether the holder of by may end c: it is the same
// certificate, or one of the same person in the same capacity. What somebody
// holds for a business ends only what the same person holds for the same
// business, and what he holds for himself only that. A seal is the legal
// person's, though the record names who applied for it: its key, which many
// may use, ends nobody's certificates, and a representative, who may have
// left, does not end the seal.
func mayEnd(by, c ca.Certificate) bool {
	if by.Serial == c.Serial {
		return true
	}
	return by.Holder != "" && by.Holder == c.Holder && by.Business == c.Business && !isSeal(by) && !isSeal(c)
}

func isSeal(c ca.Certificate) bool {
	name, _, _ := strings.Cut(c.Profile, "@")
	return name == ca.OrganisationSeal
}
