package complaints

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mohr/ca"
	"mohr/complaints/score"
	"mohr/internal/store"
)

// Measure is what somebody who looks at businesses regularly can say of one
// besides its complaints.
type Measure string

// The measures, and what they are of.
const (
	MeasureActive  Measure = "company_active_days" // capability: its register has it as active
	MeasureLicence Measure = "licence_valid_days"  // capability: its licences hold
	MeasureDomain  Measure = "domain_held_days"    // security: it controls its domain
	MeasureTLS     Measure = "tls_valid_days"      // security: its site answers over TLS with a good certificate
)

// dimension returns what the measure is of.
func (m Measure) dimension() Dimension {
	switch m {
	case MeasureActive, MeasureLicence:
		return "capability"
	}
	return "security"
}

// measures are all of them, in order.
func measures() []Measure {
	return []Measure{MeasureActive, MeasureLicence, MeasureDomain, MeasureTLS}
}

// measuredBucket keeps what was found: business/measure/day -> whether it held
// each time that day.
const measuredBucket = "complaints_measured"

func measuredKey(b ca.BusinessID, m Measure, day string) string {
	return fmt.Sprintf("%s/%s/%s", businessKey(string(b)), m, day)
}

// Found notes what was found of the business at an instant, inside the
// transaction that records the look at it. A day (UTC) counts once: it is good
// if all that was found that day was.
func Found(tx store.Tx, b ca.BusinessID, m Measure, good bool, at time.Time) error {
	key := measuredKey(b, m, at.UTC().Format(time.DateOnly))
	had, err := store.Load[bool](tx, measuredBucket, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Save(tx, measuredBucket, key, good)
	case err != nil || !had || good:
		return err
	}
	return store.Save(tx, measuredBucket, key, false)
}

// measured returns what was found of the business in the 365 whole days (UTC)
// before the day of an instant, of each measure for which there were days
// enough. That day itself is not over: what is found later in it would change
// what was said as of the instant.
func measured(tx store.Tx, b ca.BusinessID, at time.Time) (map[Dimension][]Input, error) {
	today := at.UTC().Format(time.DateOnly)                                             // not counted yet
	first := at.UTC().Add(-time.Duration(Year)).AddDate(0, 0, -1).Format(time.DateOnly) // not counted any more
	found := map[Dimension][]Input{}
	for _, m := range measures() {
		prefix, good, days := measuredKey(b, m, ""), 0, 0
		err := store.Each(tx, measuredBucket, prefix, prefix+first, func(key string, held bool) error {
			if strings.TrimPrefix(key, prefix) >= today {
				return store.Stop
			}
			if days++; held {
				good++
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if days >= enoughForAll {
			d := m.dimension()
			found[d] = append(found[d], Input{Name: string(m), Share: score.Rounded(float64(good) / float64(days)), Of: days})
		}
	}
	return found, nil
}

// Measured returns what others found of a business by an instant, for Rate.
func (g *Register) Measured(ctx context.Context, business string, at time.Time) (found map[Dimension][]Input, err error) {
	err = g.Store.View(ctx, func(tx store.Tx) error {
		found, err = measured(tx, ca.BusinessID(business), at)
		return err
	})
	return found, err
}

// MeasuredAll is Measured for every business of which anything was found.
func (g *Register) MeasuredAll(ctx context.Context, at time.Time) (all map[string]map[Dimension][]Input, err error) {
	err = g.Store.View(ctx, func(tx store.Tx) error {
		all = map[string]map[Dimension][]Input{}
		for after := ""; ; {
			next := ""
			err := tx.Scan(measuredBucket, "", after, func(key string, _ []byte) error {
				next = key
				return store.Stop
			})
			if err != nil || next == "" {
				return err
			}
			business := businessOf(next)
			if all[business], err = measured(tx, ca.BusinessID(business), at); err != nil {
				return err
			}
			after = businessKey(business) + "/~" // after all of its measures
		}
	})
	return all, err
}
