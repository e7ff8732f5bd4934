package complaints

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Basis says why a business was invited to publish. How many complaints there
// are about it is none: who is complained about is not singled out.
type Basis string

// The bases of an invitation.
const (
	ByList   Basis = "list"   // the centre named it
	ByOrders Basis = "orders" // it is one of the largest by orders
)

// Orders is what was reported of a business's size.
type Orders struct {
	Orders int64     `json:"orders"` // in the 365 days before Until
	Until  time.Time `json:"until"`
	At     time.Time `json:"at"`    // reported
	Actor  string    `json:"actor"` // "operator:NAME"
	Salt   []byte    `json:"salt"`
}

// ordersBucket keeps every report: business/seq -> Orders.
const ordersBucket = "publication.orders"

// ReportOrders records how many orders a business had in the 365 days before
// until, for the officer whose certificate leaf is. A later report counts from
// then on, and the earlier ones stay.
func (d *Desk) ReportOrders(ctx context.Context, leaf *x509.Certificate, b ca.BusinessID, orders int64, until time.Time) (Orders, error) {
	o := Orders{Orders: orders, Until: until.UTC().Truncate(time.Second), At: d.now(), Salt: newSalt()}
	switch {
	case orders < 1 || orders > 1e12 || until.IsZero() || until.After(o.At):
		return o, fault.New(fault.Invalid, "orders_invalid", "report at least one order, of 365 days that are over")
	}
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		by, err := d.acting(tx, leaf, o.At, b)
		if err != nil {
			return err
		}
		o.Actor = by.Actor()
		n := 0
		err = store.Each(tx, ordersBucket, businessKey(string(b))+"/", "", func(string, Orders) error {
			n++
			return nil
		})
		if err != nil {
			return err
		}
		if err := store.Save(tx, ordersBucket, fmt.Sprintf("%s/%06d", businessKey(string(b)), n+1), o); err != nil {
			return err
		}
		hash, err := commitment(struct {
			Business ca.BusinessID `json:"business"`
			Orders   Orders        `json:"orders"`
		}{b, o})
		if err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "publication.orders", At: o.At, Hash: hash})
	})
	return o, err
}

// ordersAt returns what was reported last until an instant, and whether
// anything was.
func ordersAt(tx store.Tx, b ca.BusinessID, at time.Time) (o Orders, ok bool, err error) {
	err = store.Each(tx, ordersBucket, businessKey(string(b))+"/", "", func(_ string, r Orders) error {
		if !r.At.After(at) {
			o, ok = r, true
		}
		return nil
	})
	return o, ok, err
}

// maxInvited bounds one round of invitations.
const maxInvited = 10_000

// Invite invites businesses that the centre names, for the officer whose
// certificate leaf is; none for which he acts himself. Those that were invited already, or are public, stay as they are. It returns who was
// invited now. With dry it only says who would be.
func (d *Desk) Invite(ctx context.Context, leaf *x509.Certificate, list []ca.BusinessID, dry bool) ([]ca.BusinessID, error) {
	return d.invite(ctx, leaf, list, ByList, dry)
}

// InviteLargest invites the n businesses with the most orders.
func (d *Desk) InviteLargest(ctx context.Context, leaf *x509.Certificate, n int, dry bool) ([]ca.BusinessID, error) {
	type sized struct {
		business ca.BusinessID
		orders   int64
	}
	var all []sized
	at := d.now()
	err := d.Store.View(ctx, func(tx store.Tx) error {
		all = nil
		last := map[string]int64{}
		err := tx.Scan(ordersBucket, "", "", func(key string, _ []byte) error {
			last[businessOf(key)] = 0
			return nil
		})
		if err != nil {
			return err
		}
		for b := range last {
			o, ok, err := ordersAt(tx, ca.BusinessID(b), at)
			if err != nil {
				return err
			}
			if ok {
				all = append(all, sized{ca.BusinessID(b), o.Orders})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b sized) int {
		return cmp.Or(cmp.Compare(b.orders, a.orders), cmp.Compare(a.business, b.business))
	})
	var list []ca.BusinessID
	for _, s := range all[:min(max(n, 0), len(all))] {
		list = append(list, s.business)
	}
	return d.invite(ctx, leaf, list, ByOrders, dry)
}

func (d *Desk) invite(ctx context.Context, leaf *x509.Certificate, list []ca.BusinessID, basis Basis, dry bool) (invited []ca.BusinessID, err error) {
	if len(list) == 0 || len(list) > maxInvited {
		return nil, fault.New(fault.Invalid, "invitation_size", "invite one business at least and %[1]d at most in one go", maxInvited)
	}
	for _, b := range list {
		e := Published{State: Invited, At: d.now(), Basis: basis, Salt: newSalt()}
		now := false
		step := func(tx store.Tx) error {
			o, err := d.acting(tx, leaf, e.At, b)
			if err != nil {
				return err
			}
			e.Actor = o.Actor()
			changes, err := publications(tx, b)
			if err != nil {
				return err
			}
			if now = publicationAt(changes, e.At).State == Private; !now || dry {
				return nil
			}
			_, err = d.publish(tx, b, e)
			return err
		}
		if dry {
			err = d.Store.View(ctx, step)
		} else {
			err = d.Store.Update(ctx, step)
		}
		if err != nil {
			return invited, err
		}
		if now {
			invited = append(invited, b)
		}
	}
	return invited, nil
}
