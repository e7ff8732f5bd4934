package mandate

import (
	"context"
	"fmt"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/store"
)

// company is what the register says of a legal person, its people by their
// opaque ids.
type company struct {
	active      bool
	signatories []signatory
	jointly     int
	environment evidence.Environment
	sum         string // hex SHA-256 of the answer as received
	raw         []byte
}

// errSilent is what a register that gives no clear answer means here.
func errSilent() error {
	return fault.New(fault.Unavailable, "mandate_registry_unavailable", "the company register, which has to be asked, gives no clear answer at the moment; nothing was used up, sign again later")
}

// ask asks the company register who binds the legal person. A register that
// is down, or contradicts itself, is Unavailable; an unknown id is Denied.
func (d *Desk) ask(ctx context.Context, legalID string) (company, error) {
	a, err := d.Registry.Legal(ctx, legalID)
	if err != nil {
		return company{}, fmt.Errorf("%w: ask company register: %w", errSilent(), err)
	}
	switch {
	case a.Contradicts || a.Value.Result != gateway.Match && a.Value.Result != gateway.Mismatch:
		return company{}, errSilent()
	case a.Value.Result == gateway.Mismatch || a.Value.LegalID != legalID:
		return company{}, fault.New(fault.Denied, "mandate_company_unknown", "the company register knows no legal person with this id; compare it with the company's papers")
	}
	c := company{active: a.Value.Status == evidence.LegalActive, jointly: a.Value.Jointly, environment: evidence.Environment(a.Environment), sum: a.SHA256, raw: a.Raw}
	for _, s := range a.Value.Signatories {
		c.signatories = append(c.signatories, signatory{d.CA.Holder(s.NationalCode), s.Alone})
	}
	return c, nil
}

// mayAct is Denied for a legal person that is not active.
func (c company) mayAct() error {
	if !c.active {
		return fault.New(fault.Denied, "mandate_company_not_active", "by the company register the legal person is not active, so nobody is let act for it; have the register corrected")
	}
	return nil
}

// askBucket counts questions to the register: hour/holder -> number.
const askBucket = "mandate_asks"

// maxForgotten is how many counts of hours gone by one question deletes.
const maxForgotten = 8

// count counts a question to the register that the person causes; Limited
// above PerHour. Whoever has a certificate could have us ask for others.
func (d *Desk) count(ctx context.Context, holder string, now time.Time) error {
	const layout = "2006-01-02T15"
	key, keep := now.Format(layout)+"/"+holder, now.Add(-2*time.Hour).Format(layout)
	return d.Store.Update(ctx, func(tx store.Tx) error {
		var n int
		var gone []string
		err := store.Each(tx, askBucket, "", "", func(k string, had int) error {
			if k >= keep {
				return store.Stop
			}
			gone = append(gone, k)
			if len(gone) == maxForgotten {
				return store.Stop
			}
			return nil
		})
		for _, k := range gone {
			if err == nil {
				err = tx.Delete(askBucket, k)
			}
		}
		if err != nil {
			return err
		}
		if had, err := store.Has(tx, askBucket, key); err != nil {
			return err
		} else if had {
			if n, err = store.Load[int](tx, askBucket, key); err != nil {
				return err
			}
		}
		if n >= d.PerHour {
			return fault.New(fault.Limited, "mandate_limit", "you have caused %[1]d questions to the company register in this hour, and more are not put; go on in an hour", d.PerHour)
		}
		return store.Save(tx, askBucket, key, n+1)
	})
}
