package mandate

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Order is an operator's, to end a mandate of others. It names the hash of the
// plan that was shown, as a Revocation does.
type Order struct {
	Choice
	Reason     Reason `json:"reason"`
	Words      string `json:"words"` // why, for those who ask later
	PlanSHA256 string `json:"plan_sha256"`
}

// maxWords bounds an order's words, octets.
const maxWords = 4000

func (o Order) check() error {
	if !slices.Contains(OperatorReasons(), o.Reason) {
		return fault.New(fault.Invalid, "mandate_order_reason", "an operator ends a mandate because it was abused, an authority ordered it, or the organisation is dissolved; name one of these")
	}
	if o.Words == "" || len(o.Words) > maxWords {
		return fault.New(fault.Invalid, "mandate_order_words", "say why, in at most %[1]d octets", maxWords)
	}
	return nil
}

// paper is an order as it is kept. Salt keeps its hash, which is public, from
// being guessed.
type paper struct {
	By    string    `json:"by"` // an actor
	At    time.Time `json:"at"`
	Order Order     `json:"order"`
	Salt  string    `json:"salt"`
}

// PlanFor is what an order of that choice would end. leaf is the certificate
// of the operator who asks. It changes nothing.
func (d *Desk) PlanFor(ctx context.Context, leaf *x509.Certificate, c Choice) (p Ending, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		if _, _, err := d.operator(tx, leaf, c.Mandate, now); err != nil {
			return err
		}
		p, err = planOf(tx, c, now)
		return err
	})
	return p, err
}

// End carries out an operator's order; leaf is his certificate. Nobody ends a
// mandate of a business that he acts for himself.
func (d *Desk) End(ctx context.Context, leaf *x509.Certificate, o Order) (Mandate, error) {
	if err := o.check(); err != nil {
		return Mandate{}, err
	}
	now, salt := d.now(), rand.Text()
	by, err := d.CA.May(ctx, leaf, ca.MayEnd)
	if err != nil {
		return Mandate{}, err
	}
	name, kept, err := d.file(paper{By: by.Actor(), At: now, Order: o, Salt: salt})
	if err != nil {
		return Mandate{}, err
	}
	var m Mandate
	err = d.Store.Update(ctx, func(tx store.Tx) (err error) {
		by, _, err := d.operator(tx, leaf, o.Mandate, now)
		if err != nil {
			return err
		}
		p, err := planOf(tx, o.Choice, now)
		if err != nil {
			return err
		}
		switch {
		case p.SHA256 != o.PlanSHA256:
			return errPlanChanged()
		case p.empty():
			return errNothingLeft()
		}
		if err := ca.CountAloneIn(tx, by, len(p.Mandates)+len(p.Serials), now); err != nil {
			return err
		}
		if err := store.Save(tx, statementBucket, name, kept); err != nil {
			return err
		}
		e := Event{
			Kind: "mandate.revoked", At: now, By: by.Holder, Operator: by.Actor(), Serial: ca.SerialText(leaf.SerialNumber),
			Statement: name, Reason: o.Reason, Plan: p.SHA256,
		}
		if err := carryOut(tx, p, e); err != nil {
			return err
		}
		m, err = load(tx, o.Mandate)
		return err
	})
	if err != nil {
		return Mandate{}, err
	}
	d.Log.Info("mandate ended by an operator", "mandate", m.ID, "reason", o.Reason)
	return m, nil
}

// operator returns the operator with that certificate and the mandate that he
// may end: one of a business that he has no part in.
func (d *Desk) operator(tx store.Tx, leaf *x509.Certificate, id ID, now time.Time) (o ca.OperatorRecord, m Mandate, err error) {
	if o, err = ca.MayIn(tx, leaf, ca.MayEnd, now); err != nil {
		return o, m, err
	}
	if m, err = load(tx, id); err != nil {
		return o, m, err
	}
	acts, err := ActsFor(tx, d.CA, o.Holder, m.Business)
	if err == nil && acts {
		err = fault.New(fault.Denied, "mandate_own_matter", "you act for this organisation, or once did; another operator must end its mandates")
	}
	return o, m, err
}

// file seals an order under the hash of its bytes.
func (d *Desk) file(p paper) (name string, s statement, err error) {
	b, err := json.Marshal(p)
	if err != nil {
		return "", s, err
	}
	canon := jsontext.Value(b)
	if err := canon.Canonicalize(); err != nil {
		return "", s, fmt.Errorf("canonicalize: %w", err)
	}
	name = hexSHA256(canon)
	s = statement{Mandate: p.Order.Mandate, At: p.At}
	s.Document, err = d.Seal.Seal(statementBucket, name, "document", canon)
	return name, s, err
}

// MandateEntry is a mandate as operators see it: nothing in it is personal.
type MandateEntry struct {
	ID        ID          `json:"id"`
	State     State       `json:"state"`
	Holder    ca.HolderID `json:"holder" doc:"who is to act, by the opaque id"`
	Scopes    []Scope     `json:"scopes"`
	Under     ID          `json:"under,omitempty" doc:"the administrator's mandate it was given under"`
	ValidFrom time.Time   `json:"valid_from"`
	ValidTo   time.Time   `json:"valid_to"`
	RevokedAt time.Time   `json:"revoked_at,omitzero"`
	Reason    Reason      `json:"reason,omitempty"`
}

// OfBusiness returns the mandates to act for the business, those that are kept,
// the one that began last first. Who may see them is for the caller to judge.
func (d *Desk) OfBusiness(ctx context.Context, b ca.BusinessID) (list []MandateEntry, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list = []MandateEntry{}
		return ofBusiness(tx, b, func(m Mandate) error {
			list = append(list, MandateEntry{m.ID, m.At(now), m.Holder, m.Scopes, m.Under, m.ValidFrom, m.ValidTo, m.RevokedAt, m.Reason})
			return nil
		})
	})
	slices.SortStableFunc(list, func(a, b MandateEntry) int { return b.ValidFrom.Compare(a.ValidFrom) })
	return list, err
}
