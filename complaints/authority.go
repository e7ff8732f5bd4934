package complaints

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/mandate"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/store"
)

// speaks returns the mandate by which the certificate speaks for the business
// in matters of complaints: the zero one for a sole trader's own, and where it
// was issued for the business because the company register said so. It is
// Denied for all others.
func (d *Desk) speaks(tx store.Tx, c ca.Certificate, b ca.BusinessID, now time.Time) (mandate.Mandate, error) {
	if mandate.Trades(d.CA, c, b) {
		return mandate.Mandate{}, nil
	}
	return mandate.SpeaksFor(tx, c, b, mandate.ComplaintAnswer, now)
}

// speaking returns which of the businesses the certificate speaks for, and by
// which mandate, as speaks does.
func (d *Desk) speaking(tx store.Tx, c ca.Certificate, now time.Time, businesses ...ca.BusinessID) (ca.BusinessID, mandate.Mandate, error) {
	refusal := fault.New(fault.Denied, "complaint_not_yours", "this complaint is against another business than the one that your certificate speaks for")
	for _, b := range businesses {
		m, err := d.speaks(tx, c, b, now)
		switch {
		case err == nil:
			return b, m, nil
		case !errors.Is(err, fault.Denied):
			return "", m, err
		case !errors.Is(err, mandate.ErrNone):
			refusal = err // there is one, and something is wrong with it
		}
	}
	return "", mandate.Mandate{}, refusal
}

// mayActNow asks the company register, where the signer of an answer acts by
// mandate, whether the organisation is active: one that is not lets nobody act
// for it. Who may act at all is asked again in the transaction of the answer.
func (d *Desk) mayActNow(ctx context.Context, in incoming) error {
	var by ca.BusinessID
	err := d.Store.View(ctx, func(tx store.Tx) error {
		s, err := ca.StandingIn(tx, in.leaf, d.now())
		if err != nil {
			return err
		}
		f, err := loadFile(tx, in.Complaint)
		if err != nil {
			return err
		}
		b, m, err := d.speaking(tx, s.Record(), d.now(), f.businesses()...)
		if m.ID != "" {
			by = b
		}
		return err
	})
	if err != nil || by == "" {
		return err
	}
	a, err := d.Businesses.Legal(ctx, string(by))
	switch {
	case err != nil:
		return fmt.Errorf("look up business: %w", err)
	case a.Contradicts || a.Value.Result == gateway.Inconclusive:
		return fault.New(fault.Unavailable, "complaint_company_unsure", "the company register gives no clear answer about the organisation for which you act by mandate; try again later")
	case a.Value.Result != gateway.Match || a.Value.Status != evidence.LegalActive:
		return fault.New(fault.Denied, "complaint_company_not_active", "by the company register the organisation is not active, so nobody acts for it by mandate; who binds it answers")
	}
	return nil
}
