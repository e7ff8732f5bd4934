package complaints

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"mohr/ca"
	"mohr/internal/store"
)

// RestClocks goes on with outages whose work was broken off. It is a job, safe
// to repeat.
func (d *Desk) RestClocks(ctx context.Context) error {
	var ids []string
	err := d.Store.View(ctx, func(tx store.Tx) error {
		ids = nil
		return tx.Scan(restingBucket, "", "", func(id string, _ []byte) error {
			ids = append(ids, id)
			return nil
		})
	})
	for _, id := range ids {
		if err == nil {
			_, err = d.rest(ctx, id)
		}
	}
	return err
}

// rest moves clocks on, a batch a transaction, until the outage is done.
func (d *Desk) rest(ctx context.Context, id string) (o Outage, err error) {
	for {
		now, salts := d.now(), make([][]byte, outageBatch)
		for i := range salts {
			salts[i] = newSalt()
		}
		err = d.Store.Update(ctx, func(tx store.Tx) error {
			if o, err = loadOutage(tx, id, now); err != nil || o.State != OutageRunning {
				return err
			}
			return d.restBatch(tx, &o, salts)
		})
		if err != nil {
			return o, fmt.Errorf("outage %s: %w", id, err)
		}
		if o.State != OutageRunning {
			return o, nil
		}
	}
}

// restBatch deals with the complaints after the cursor. All have the same
// time of record, at which no clock of the outage had rested before.
func (d *Desk) restBatch(tx store.Tx, o *Outage, salts [][]byte) error {
	page, err := rowsAfter(tx, o.Cursor)
	if err != nil {
		return err
	}
	for i, r := range page {
		o.Cursor = r.key
		if !r.row.restsFor(o.rest(o.Recorded)) {
			continue
		}
		business, id, _ := strings.Cut(r.key, "/")
		name, err := url.PathUnescape(business)
		if err != nil {
			return fmt.Errorf("key %s: %w", r.key, err)
		}
		m, events, err := loadMatter(tx, id, ca.BusinessID(name))
		if err != nil {
			return err
		}
		if len(events) >= maxRested {
			continue
		}
		e := Event{Kind: KindRested, At: o.Recorded, Actor: "service", Of: o.Plan.ID, From: o.Plan.From, To: o.Plan.To, Salt: salts[i]}
		if _, err := m.add(tx, events, e); err != nil {
			return err
		}
		o.Moved++
	}
	if len(page) < outageBatch {
		o.State = OutageDone
		if err := tx.Delete(restingBucket, o.Plan.ID); err != nil {
			return err
		}
	}
	return store.Save(tx, outageBucket, o.Plan.ID, *o)
}

// Outages returns all outages, planned and recorded, by id.
func (d *Desk) Outages(ctx context.Context) ([]Outage, error) {
	list, now := []Outage{}, d.now()
	err := d.Store.View(ctx, func(tx store.Tx) error {
		list = list[:0]
		return store.Each(tx, outageBucket, "", "", func(id string, _ Outage) error {
			o, err := loadOutage(tx, id, now)
			list = append(list, o)
			return err
		})
	})
	return list, err
}
