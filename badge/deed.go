package badge

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/ca/mandate"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// DeedKind is what an operator does to a badge.
type DeedKind string

// The deeds.
const (
	Suspend DeedKind = "suspend" // with notice: what nobody lifts ends the badge when the rules say
	Lift    DeedKind = "lift"    // a suspension by an operator
	Revoke  DeedKind = "revoke"  // at once, and only for fraud
)

// Ground is why an operator acts, from a closed set; the badge's history and
// the public log say "operator_" and the ground.
type Ground string

// The grounds.
const (
	Fraud      Ground = "fraud"
	Misuse     Ground = "misuse"      // the badge is shown where it does not belong
	CourtOrder Ground = "court_order" //
	Resolved   Ground = "resolved"    // of a Lift
)

// fits reports whether the deed may have the ground.
func (k DeedKind) fits(g Ground) bool {
	switch k {
	case Suspend:
		return g == Fraud || g == Misuse || g == CourtOrder
	case Revoke:
		return g == Fraud
	case Lift:
		return g == Resolved
	}
	return false
}

func (g Ground) why() Why { return "operator_" + Why(g) }

// Hold is an operator's suspension. Facts do not lift it.
type Hold struct {
	Ground Ground    `json:"ground"`
	At     time.Time `json:"at"`
}

// Deed is what an operator did, on the record.
type Deed struct {
	At     time.Time   `json:"at"`
	By     string      `json:"by"` // the operator's name
	Person ca.HolderID `json:"person,omitempty"`
	Kind   DeedKind    `json:"kind"`
	Ground Ground      `json:"ground"`
	// Reasons are for the business and for whoever decides an appeal.
	Reasons  seal.Sealed `json:"reasons,omitzero"`
	Approval string      `json:"approval,omitempty"` // the matter that was signed (ca/approval); "": done by certificate alone
}

// maxReasons bounds what is written as a reason, octets.
const maxReasons = 4000

func errReasons() error {
	return fault.New(fault.Invalid, "badge_reasons_missing", "say why, in at most %[1]d octets", maxReasons)
}

func errOwnBadge() error {
	return fault.New(fault.Denied, "badge_own_matter", "you have a part in this badge: you asked for it, act for its business, or decided of it before; another operator must do it")
}

// officer returns the operator with that certificate, if he has the right, and
// the badge, if he has no part in it: he never signed anything for it, and
// neither acts for its business nor ever did. It is for the transaction of the
// deed.
func (d *Desk) officer(tx store.Tx, leaf *x509.Certificate, right ca.Right, id ID, now time.Time) (o ca.OperatorRecord, b Badge, err error) {
	if o, err = ca.MayIn(tx, leaf, right, now); err != nil {
		return o, b, err
	}
	if b, err = LoadBadge(tx, id); err != nil || o.Holder == "" {
		return o, b, err
	}
	part, err := mandate.ActsFor(tx, d.CA, o.Holder, b.Business)
	if err == nil && !part {
		part, err = signedFor(tx, o.Holder, id)
	}
	if err == nil && part {
		err = errOwnBadge()
	}
	return o, b, err
}

// signedFor reports whether the person signed a letter that was taken in for
// the badge: a request, a renewal, an appeal, a withdrawal.
func signedFor(tx store.Tx, h ca.HolderID, id ID) (found bool, err error) {
	err = store.Each(tx, namedBucket, string(h)+"/", "", func(_ string, n named) error {
		if found = n.Badge == id; found {
			return store.Stop
		}
		return nil
	})
	return found, err
}

// Do lets an operator suspend a badge, lift that, or revoke it for fraud. leaf
// is his certificate. Nobody acts upon a badge of his own, or of a business
// that he acts for.
func (d *Desk) Do(ctx context.Context, leaf *x509.Certificate, id ID, kind DeedKind, ground Ground, reasons string) (Badge, error) {
	return d.do(ctx, SignedDeed{Badge: id, Deed: kind, Ground: ground, Reasons: reasons}, d.plainly(leaf))
}

// do is Do in that office.
func (d *Desk) do(ctx context.Context, s SignedDeed, by office) (Badge, error) {
	if !s.Deed.fits(s.Ground) {
		return Badge{}, fault.New(fault.Invalid, "badge_deed_ground", "a badge is suspended for fraud, misuse or court_order, revoked at once only for fraud, and a suspension is lifted as resolved; for anything else suspend it, with notice")
	}
	sealed, err := d.sealReasons(s)
	if err != nil {
		return Badge{}, err
	}
	now := d.now()
	var b Badge
	err = by(ctx, func(tx store.Tx, leaf *x509.Certificate, approval string) error {
		var o ca.OperatorRecord
		var err error
		if o, b, err = d.officer(tx, leaf, ca.MayEnd, s.Badge, now); err != nil {
			return err
		}
		if err := s.stands(b, approval); err != nil {
			return err
		}
		if err := ca.CountAloneIn(tx, o, 1, now); err != nil {
			return err
		}
		deed := Deed{At: now, By: o.Name, Person: o.Holder, Kind: s.Deed, Ground: s.Ground, Reasons: sealed, Approval: approval}
		hash, err := canonicalSHA256(deed)
		if err != nil {
			return err
		}
		if err := b.undergo(tx, deed, hash); err != nil {
			return err
		}
		if err := b.addDeed(tx, deed); err != nil {
			return err
		}
		b.Due = now // the facts have the next word
		return b.save(tx)
	})
	if err != nil {
		return Badge{}, err
	}
	d.Log.Info("badge changed by an operator", "badge", s.Badge, "deed", s.Deed, "ground", s.Ground)
	return b, nil
}

// sealReasons checks the reasons of a deed and seals them.
func (d *Desk) sealReasons(s SignedDeed) (sealed seal.Sealed, err error) {
	if s.Reasons == "" || len(s.Reasons) > maxReasons {
		return sealed, errReasons()
	}
	sealed, err = d.Seal.Seal(deedBucket, string(s.Badge), "reasons", []byte(s.Reasons))
	if err != nil {
		return sealed, fmt.Errorf("seal reasons: %w", err)
	}
	return sealed, nil
}

// undergo is what a deed does to the badge.
func (b *Badge) undergo(tx store.Tx, deed Deed, hash string) error {
	wrong := fault.New(fault.Conflict, "badge_deed_state", "the badge is %[1]s: that cannot be done to it now; look at it again", string(b.State))
	switch deed.Kind {
	case Suspend:
		if b.State != Active && b.State != Suspended || b.Hold != nil || b.Why == takenOver {
			return wrong
		}
		b.Hold = &Hold{Ground: deed.Ground, At: deed.At}
		b.owe(noticeSuspended, deed.At)
		return b.move(tx, Suspended, deed.Ground.why(), hash, deed.At, deed.At)
	case Revoke:
		if b.State != Active && b.State != Suspended {
			return wrong
		}
		b.owe(noticeRevoked, deed.At)
		return b.move(tx, Revoked, deed.Ground.why(), hash, deed.At, deed.At)
	}
	if b.State != Suspended || b.Hold == nil {
		return wrong
	}
	if err := b.domainFree(tx); err != nil {
		return err
	}
	b.Hold = nil
	return b.move(tx, Active, deed.Ground.why(), hash, deed.At, deed.At)
}

func (b *Badge) addDeed(tx store.Tx, deed Deed) error {
	key := fmt.Sprintf("%s/%06d", b.ID, b.Deeds)
	b.Deeds++
	return store.Save(tx, deedBucket, key, deed)
}

// deeds returns what operators did to the badge, oldest first.
func deeds(tx store.Tx, id ID) (list []Deed, err error) {
	err = store.Each(tx, deedBucket, string(id)+"/", "", func(_ string, deed Deed) error {
		list = append(list, deed)
		return nil
	})
	return list, err
}

// decidedBy reports whether the operator, under whatever name, did a deed to
// the badge.
func decidedBy(list []Deed, o ca.OperatorRecord) bool {
	for _, deed := range list {
		if deed.By == o.Name || o.Holder != "" && deed.Person == o.Holder {
			return true
		}
	}
	return false
}
