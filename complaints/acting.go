package complaints

import (
	"context"
	"crypto/x509"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/mandate"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// acting returns the operator who acts by the certificate, if he may rule at
// now and acts for none of the businesses that the deed concerns. It is for
// the transaction of the deed. Where real people are meant, it must be known
// who the operator is: else nobody can tell for whom he acts.
func (d *Desk) acting(tx store.Tx, leaf *x509.Certificate, now time.Time, businesses ...ca.BusinessID) (ca.OperatorRecord, error) {
	o, err := ca.MayIn(tx, leaf, ca.MayRule, now)
	if err != nil {
		return o, err
	}
	if o.Holder == "" && !d.CA.Simulated {
		return o, fault.New(fault.Denied, "complaint_officer_unknown", "nobody has said who the operator %[1]s is, so it cannot be told whether this concerns you; have the person recorded (mohr operator, --person), then do it", o.Name)
	}
	acts, err := d.actsFor(tx, o, businesses...)
	if err == nil && acts {
		err = fault.New(fault.Denied, "complaint_own_business", "you act, or once acted, for a business that this concerns; another officer does it")
	}
	return o, err
}

// actsFor reports whether the operator acts, or once acted, for one of the
// businesses.
func (d *Desk) actsFor(tx store.Tx, o ca.OperatorRecord, businesses ...ca.BusinessID) (bool, error) {
	for _, b := range businesses {
		if acts, err := mandate.ActsFor(tx, d.CA, o.Holder, b); acts || err != nil {
			return acts, err
		}
	}
	return false, nil
}

// officer is Denied unless leaf is the certificate of an operator who may rule.
func (d *Desk) officer(ctx context.Context, leaf *x509.Certificate) error {
	_, err := d.CA.May(ctx, leaf, ca.MayRule)
	return err
}

// did reports whether the operator o is who acted as by, under this name or
// under another that the same person has.
func did(tx store.Tx, by string, o ca.OperatorRecord) (bool, error) {
	if by == o.Actor() {
		return true, nil
	}
	person, err := ca.PersonOf(tx, strings.TrimPrefix(by, "operator:"))
	return person != "" && person == o.Holder, err
}
