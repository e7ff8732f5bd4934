package complaints

import (
	"context"
	"crypto/x509"
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

// Case is a complaint at one business as an officer sees it. Contact is not in
// it either.
type Case struct {
	Complaint
	Tasks []Task    `json:"tasks" doc:"what an officer is to do"`
	Kinds []Kind    `json:"kinds" doc:"rulings that the state allows"`
	Same  []Similar `json:"same,omitempty" doc:"other complaints of this consumer about this order at this business: perhaps to be merged"`
}

// Similar is another complaint about the same purchase.
type Similar struct {
	Complaint string `json:"complaint"`
	State     State  `json:"state"`
}

// Case shows a complaint at the business, "" being its only one, to the officer
// whose certificate leaf is; Denied (complaint_own_business) if he acts for one
// of the businesses that it is against.
func (d *Desk) Case(ctx context.Context, leaf *x509.Certificate, id string, b ca.BusinessID) (c Case, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		c, err = d.caseFor(tx, leaf, id, b, now)
		return err
	})
	return c, err
}

// caseFor is Case inside a transaction, at now.
func (d *Desk) caseFor(tx store.Tx, leaf *x509.Certificate, id string, b ca.BusinessID, now time.Time) (Case, error) {
	c := Case{Tasks: []Task{}, Kinds: []Kind{}}
	if _, err := d.acting(tx, leaf, now); err != nil { // before it says what there is
		return c, err
	}
	m, events, err := loadMatter(tx, id, b)
	if err != nil {
		return c, err
	}
	if _, err := d.acting(tx, leaf, now, m.businesses()...); err != nil {
		return c, err
	}
	if c.Complaint, err = d.show(tx, m, events, now); err != nil {
		return c, err
	}
	s := Derive(events, notBefore(events, now))
	for _, t := range Tasks() {
		if _, ok := s.tasks()[t]; ok {
			c.Tasks = append(c.Tasks, t)
		}
	}
	for _, k := range RulingKinds() {
		if s.allows(k) == nil {
			c.Kinds = append(c.Kinds, k)
		}
	}
	c.Same, err = d.similar(tx, m, now)
	return c, err
}

// similar returns the other complaints about the purchase of m.
func (d *Desk) similar(tx store.Tx, m matter, now time.Time) (list []Similar, err error) {
	p, err := d.unseal(m.file)
	if err != nil {
		return nil, err
	}
	ids, err := samePurchase(tx, d.sameKeys(p, m.Business), m.ID)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		_, events, err := loadMatter(tx, id, m.Business)
		if err != nil {
			return nil, err
		}
		list = append(list, Similar{Complaint: id, State: Derive(events, notBefore(events, now)).State})
	}
	return list, nil
}
