package complaints

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/store"
)

// Businesses is the company register; gateway.Client is the one in use.
type Businesses interface {
	Legal(ctx context.Context, legalID string) (gateway.Answer[gateway.Legal], error)
}

// errBusinessUnknown is NotFound for a program; in a form it is a field to mend.
func errBusinessUnknown(k fault.Kind) error {
	return fault.New(k, "complaint_business_unknown", "no business with this id is known; look the id up behind the shop's badge or on its invoice and type it again")
}

// admit judges, before anything is stored, whether a filing can be taken: its
// contact is below its limits and its businesses exist. One that was taken
// before, by the complaint's id, is not judged again.
func (d *Desk) admit(ctx context.Context, id string, in Filing, q quota) error {
	var unknown []ca.BusinessID
	err := d.Store.View(ctx, func(tx store.Tx) error {
		unknown = nil
		if _, err := loadFile(tx, id); !errors.Is(err, fault.NotFound) {
			return err // open compares it
		}
		if err := q.check(tx); err != nil {
			return err
		}
		for _, b := range in.businesses() {
			if ok, err := known(tx, ca.BusinessID(b)); err != nil {
				return err
			} else if !ok {
				unknown = append(unknown, ca.BusinessID(b))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, b := range unknown {
		if err := d.ask(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// traderBucket keeps which opaque ids are those of sole traders who do
// business: business -> true.
const traderBucket = "complaints_traders"

// isSole reports whether the business is a sole trader's opaque id.
func isSole(b ca.BusinessID) bool { return strings.HasPrefix(string(b), "s-") }

// Introduce makes a sole trader known here, inside the transaction by which
// somebody found that there is one. No register could tell of an opaque id.
func Introduce(tx store.Tx, b ca.BusinessID) error {
	if ok, err := store.Has(tx, traderBucket, string(b)); ok || err != nil || !isSole(b) {
		return err
	}
	return store.Save(tx, traderBucket, string(b), true)
}

// known reports whether the business has a certificate of ours or a record, or
// is a sole trader who was introduced: then it was found to exist before, and
// no register is asked again.
func known(tx store.Tx, b ca.BusinessID) (bool, error) {
	if ok, err := store.Has(tx, businessBucket, businessKey(string(b))); ok || err != nil {
		return ok, err
	}
	if isSole(b) {
		return store.Has(tx, traderBucket, string(b))
	}
	return ca.Certified(tx, b)
}

// ask puts the question to the company register. One that is no longer active
// is known too: it may owe what it sold. A sole trader's opaque id is made
// here, so that no register could know it.
func (d *Desk) ask(ctx context.Context, b ca.BusinessID) error {
	if isSole(b) {
		return errBusinessUnknown(fault.NotFound)
	}
	a, err := d.Businesses.Legal(ctx, string(b))
	switch {
	case err != nil:
		return fmt.Errorf("look up business: %w", err)
	case a.Contradicts:
		return fault.New(fault.Unavailable, "complaint_business_unsure", "the company register says now that the business exists and now that it does not; try again later")
	case a.Value.Result != gateway.Match:
		return errBusinessUnknown(fault.NotFound)
	}
	return nil
}
