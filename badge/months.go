package badge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mohr/complaints"
	"mohr/internal/store"
)

// Month is what became of badges in a month of the Solar Hijri calendar, as
// their histories say it. Each counts changes, not badges: one that was
// suspended twice counts twice.
type Month struct {
	Month      string `json:"month"` // 1405-09
	Requested  int    `json:"requested"`
	Granted    int    `json:"granted"`
	Refused    int    `json:"refused"`
	Suspended  int    `json:"suspended"`
	Reinstated int    `json:"reinstated" doc:"that were suspended or revoked, and count again"`
	Revoked    int    `json:"revoked"`
	Withdrawn  int    `json:"withdrawn" doc:"by the business itself: badges given back and requests given up, in no other count"`
	Expired    int    `json:"expired"`
	InForce    int    `json:"in_force" doc:"at the end of the month; of the last one, now"`
}

// monthsCounted is the counter that says that all history is in the months:
// from then on each change is added as it is made. Its number is that of the
// way of counting: with another one, all history is counted again. The first
// was months_counted and took what was withdrawn for revoked or refused.
const monthsCounted = "months_counted_2"

// add counts a change from one state to another and why it was made.
func (m *Month) add(from, to State, why Why) {
	switch {
	case to == from:
		return // the reason changed, not the state
	case to == Checking && from == "":
		m.Requested++
	case why == whyWithdrawn && (to == Refused || to == Revoked):
		m.Withdrawn++
	case to == Refused:
		m.Refused++
	case to == Active && from.Open():
		m.Granted++
	case to == Active:
		m.Reinstated++
	case to == Suspended:
		m.Suspended++
	case to == Revoked:
		m.Revoked++
	case to == Expired:
		m.Expired++
	}
	// InForce is the month's own change here; Months sums it up.
	if to == Active {
		m.InForce++
	}
	if from == Active {
		m.InForce--
	}
}

func monthKey(at time.Time) string { return complaints.PeriodOf(at).String() }

// countMove adds a change to its month, where all before it is in the months.
func countMove(tx store.Tx, from, to State, why Why, at time.Time) error {
	if counted, err := store.Has(tx, counterBucket, monthsCounted); err != nil || !counted {
		return err
	}
	key := monthKey(at)
	m, err := store.Load[Month](tx, monthBucket, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	m.Month = key
	m.add(from, to, why)
	return store.Save(tx, monthBucket, key, m)
}

// CountMonths is a job: it counts all histories into their months, once. A
// store of before there were months has histories that nobody has counted, and
// one of before the present way of counting has months to be replaced.
func (d *Desk) CountMonths(ctx context.Context) error {
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		if counted, err := store.Has(tx, counterBucket, monthsCounted); err != nil || counted {
			return err
		}
		months, err := batchMonths(tx)
		if err != nil {
			return err
		}
		for key, m := range months {
			if err := store.Save(tx, monthBucket, key, m); err != nil {
				return err
			}
		}
		return store.Save(tx, counterBucket, monthsCounted, 1)
	})
	if err != nil {
		return fmt.Errorf("count months of badges: %w", err)
	}
	return nil
}

// batchMonths counts the histories of all badges.
func batchMonths(tx store.Tx) (map[string]Month, error) {
	months := map[string]Month{}
	var of string
	var last State
	err := store.Each(tx, historyBucket, "", "", func(key string, c Change) error {
		id, _, _ := strings.Cut(key, "/")
		if id != of { // histories come one after the other
			of, last = id, ""
		}
		month := monthKey(c.At)
		m := months[month]
		m.Month = month
		m.add(last, c.State, c.Why)
		months[month], last = m, c.State
		return nil
	})
	return months, err
}

// Months returns the months since the first request, oldest first, without
// gaps; none is none counted yet.
func (d *Desk) Months(ctx context.Context) (list []Month, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list = []Month{}
		had := map[string]Month{}
		first := ""
		err := store.Each(tx, monthBucket, "", "", func(key string, m Month) error {
			if first == "" {
				first = key
			}
			had[key] = m
			return nil
		})
		if err != nil || first == "" {
			return err
		}
		var p complaints.Period
		if _, err := fmt.Sscanf(first, "%d-%d", &p.Year, &p.Month); err != nil {
			return fmt.Errorf("month %q: %w", first, err)
		}
		inForce := 0
		for from, _ := p.Bounds(); !from.After(now); from, _ = p.Bounds() {
			m := had[p.String()]
			inForce += m.InForce
			m.Month, m.InForce = p.String(), inForce
			list, p = append(list, m), p.Next()
		}
		return nil
	})
	return list, err
}
