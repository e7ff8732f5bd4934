package complaints

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// SignedRuling is a ruling as an officer signs it: an approval (ca/approval) of
// its hash. It is good for the complaint as he saw it and for no other moment.
type SignedRuling struct {
	Complaint string `json:"complaint"`
	Events    int    `json:"events"` // that had happened to it
	Ruling
}

// matter is what the officer approves.
func (r SignedRuling) matter() (approval.Matter, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return approval.Matter{}, fmt.Errorf("encode ruling: %w", err)
	}
	sum := sha256.Sum256(b)
	hash := hex.EncodeToString(sum[:])
	return approval.Matter{ID: "ruling-" + hash[:32], SHA256: hash, Right: ca.MayRule}, nil
}

func errChanged() error {
	return fault.New(fault.Conflict, "complaint_changed", "something has happened to this complaint since you looked; look at it again, then decide")
}

// PrepareRuling makes what the officer whose certificate leaf is can sign, and
// says what would become of the complaint; nothing is kept.
func (d *Desk) PrepareRuling(ctx context.Context, leaf *x509.Certificate, id string, in Ruling) (r SignedRuling, after Complaint, err error) {
	before, err := d.Case(ctx, leaf, id, in.Business)
	if err != nil {
		return r, after, err
	}
	in.Business = before.Business
	if after, err = d.Rule(ctx, leaf, id, in, true); err != nil {
		return r, after, err
	}
	return SignedRuling{Complaint: id, Events: len(before.History), Ruling: in}, after, nil
}

// RuleSigned is Rule by a signed approval: who signed it is the officer, and
// the approval is counted, logged and kept in the transaction of the ruling.
// The same statement again changes nothing.
func (d *Desk) RuleSigned(ctx context.Context, r SignedRuling, s approval.Signed) error {
	if r.Events < 1 {
		return errChanged()
	}
	m, err := r.matter()
	if err != nil {
		return err
	}
	signed, err := approval.Verify(ctx, d.Verifier, s, approval.StatementType)
	if err != nil {
		return err
	}
	leaf := signed.Standing().Leaf()
	_, err = d.carryOut(ctx, r.Complaint, r.Ruling, false, ruling{event: Event{Approval: m.ID}, seen: r.Events}, func(ctx context.Context, deed func(store.Tx, *x509.Certificate) error) error {
		_, err := d.approvals.Give(ctx, m, s, func(tx store.Tx) error { return deed(tx, leaf) })
		return err
	})
	return err
}
