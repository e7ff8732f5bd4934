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

// Look is what was found of a measure on a day.
type Look struct {
	Measure Measure
	Day     string // UTC: 2026-03-01
	Held    bool   // each time that day
}

// lookSpan returns the first day whose looks count as of an instant, and the
// first that does not count yet: the day of the instant. That one is not over:
// what is found later in it would change what was said as of the instant.
func lookSpan(at time.Time) (first, today string) {
	return at.UTC().Add(-time.Duration(Year)).AddDate(0, 0, -1).Format(time.DateOnly), at.UTC().Format(time.DateOnly)
}

// Looks returns what was found of the business in the 365 whole days (UTC)
// before the day of an instant, each measure's by day.
func Looks(tx store.Tx, b ca.BusinessID, at time.Time) (list []Look, err error) {
	first, today := lookSpan(at)
	for _, m := range measures() {
		prefix := measuredKey(b, m, "")
		err := store.Each(tx, measuredBucket, prefix, prefix+first, func(key string, held bool) error {
			day := strings.TrimPrefix(key, prefix)
			if day >= today {
				return store.Stop
			}
			list = append(list, Look{m, day, held})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// CountLooks returns what looks measure as of an instant: the share of the days
// on which it held, for each measure of which there were days enough. Looks of
// days that do not count then are passed over; the order does not matter.
func CountLooks(list []Look, at time.Time) map[Dimension][]Input {
	first, today := lookSpan(at)
	good, days := map[Measure]int{}, map[Measure]int{}
	for _, l := range list {
		if l.Day <= first || l.Day >= today {
			continue
		}
		if days[l.Measure]++; l.Held {
			good[l.Measure]++
		}
	}
	found := map[Dimension][]Input{}
	for _, m := range measures() {
		if n := days[m]; n >= enoughForAll {
			found[m.dimension()] = append(found[m.dimension()], Input{Name: string(m), Share: score.Rounded(float64(good[m]) / float64(n)), Of: n})
		}
	}
	return found
}

// measured returns what was found of the business, of each measure for which
// there were days enough.
func measured(tx store.Tx, b ca.BusinessID, at time.Time) (map[Dimension][]Input, error) {
	list, err := Looks(tx, b, at)
	return CountLooks(list, at), err
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
