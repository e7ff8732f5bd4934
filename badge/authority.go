package badge

import (
	"context"
	"errors"

	"mohr/ca"
	"mohr/ca/mandate"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// askMandate looks whether somebody who does not bind the business alone has a
// mandate to ask for badges. Where that cannot be read, nothing is known of
// what the signer may do.
func (d *Desk) askMandate(ctx context.Context, b ca.BusinessID, code string, c *Company) {
	err := d.Store.View(ctx, func(tx store.Tx) error {
		m, err := mandate.Find(tx, b, d.CA.Holder(code), mandate.BadgeRequest, d.now())
		if err == nil {
			c.Signs, c.Mandate = signsMandate, string(m.ID)
		}
		return err
	})
	if err != nil && !errors.Is(err, fault.Denied) {
		d.Log.Error("look for a mandate", "error", err)
		c.Answered = false
	}
}

// owns reports whether the signer may give the badge back: the person asked
// for it, or the certificate speaks for its business in such matters.
func (in incoming) owns(tx store.Tx, b Badge) (bool, error) {
	if b.Holder == in.signer().Holder {
		return true, nil
	}
	_, err := mandate.SpeaksFor(tx, in.signer(), b.Business, mandate.BadgeRequest, in.at)
	if errors.Is(err, fault.Denied) {
		return false, nil
	}
	return err == nil, err
}
