package badge

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// SignedDeed is what an operator does to a badge as he signs it: an approval
// (ca/approval) of its hash. It is good for the badge as he saw it and for no
// other moment.
type SignedDeed struct {
	Badge   ID       `json:"badge"`
	Changes int      `json:"changes"` // that the badge had gone through
	Deeds   int      `json:"deeds"`   // that were done to it
	Deed    DeedKind `json:"deed"`    // or an AppealOutcome
	Ground  Ground   `json:"ground,omitempty"`
	Reasons string   `json:"reasons"`
}

// answers reports whether the deed is the outcome of an appeal.
func (k DeedKind) answers() bool { return k == DeedKind(Upheld) || k == DeedKind(Rejected) }

// stands refuses what was signed for another moment; "" is what nobody signed.
func (s SignedDeed) stands(b Badge, approval string) error {
	if approval != "" && (b.Changes != s.Changes || b.Deeds != s.Deeds) {
		return fault.New(fault.Conflict, "badge_seen_changed", "something has happened to this badge since you looked; look at it again, then decide")
	}
	return nil
}

// matter is what the operator approves.
func (s SignedDeed) matter() (approval.Matter, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return approval.Matter{}, fmt.Errorf("encode deed: %w", err)
	}
	sum := sha256.Sum256(b)
	hash := hex.EncodeToString(sum[:])
	m := approval.Matter{ID: "badge-deed-" + hash[:32], SHA256: hash, Right: ca.MayEnd}
	if s.Deed.answers() {
		m.Right = ca.MayReview
	}
	return m, nil
}

// office is how an operator acts: it calls the deed in its transaction, with
// the certificate that the deed rests on and the matter that was signed.
type office func(ctx context.Context, deed func(tx store.Tx, leaf *x509.Certificate, approval string) error) error

// plainly is for who is known by the certificate of the connection.
func (d *Desk) plainly(leaf *x509.Certificate) office {
	return func(ctx context.Context, deed func(store.Tx, *x509.Certificate, string) error) error {
		return d.Store.Update(ctx, func(tx store.Tx) error { return deed(tx, leaf, "") })
	}
}

// errDry ends the transaction of a deed that is only tried.
var errDry = errors.New("badge: a dry run")

// carryOut does the deed, or answers the appeal.
func (d *Desk) carryOut(ctx context.Context, s SignedDeed, by office) (Badge, error) {
	if s.Deed.answers() {
		return d.decideAppeal(ctx, s, by)
	}
	return d.do(ctx, s, by)
}

// PrepareDeed makes what the operator whose certificate leaf is can sign, if he
// could do it now; nothing is kept.
func (d *Desk) PrepareDeed(ctx context.Context, leaf *x509.Certificate, s SignedDeed) (SignedDeed, error) {
	err := d.Store.View(ctx, func(tx store.Tx) error {
		b, err := LoadBadge(tx, s.Badge)
		s.Changes, s.Deeds = b.Changes, b.Deeds
		return err
	})
	if err != nil {
		return s, err
	}
	_, err = d.carryOut(ctx, s, func(ctx context.Context, deed func(store.Tx, *x509.Certificate, string) error) error {
		return d.Store.Update(ctx, func(tx store.Tx) error { return errors.Join(deed(tx, leaf, ""), errDry) })
	})
	if fault.Code(err) == "" && errors.Is(err, errDry) {
		err = nil
	}
	return s, err
}

// DoSigned does the deed by a signed approval: who signed it is the operator,
// and the approval is counted, logged and kept in the transaction of the deed.
// The same statement again changes nothing.
func (d *Desk) DoSigned(ctx context.Context, s SignedDeed, statement approval.Signed) error {
	m, err := s.matter()
	if err != nil {
		return err
	}
	signed, err := approval.Verify(ctx, d.Verifier, statement, approval.StatementType)
	if err != nil {
		return err
	}
	leaf := signed.Standing().Leaf()
	_, err = d.carryOut(ctx, s, func(ctx context.Context, deed func(store.Tx, *x509.Certificate, string) error) error {
		_, err := d.approvals.Give(ctx, m, statement, func(tx store.Tx) error { return deed(tx, leaf, m.ID) })
		return err
	})
	return err
}
