package badge

import (
	"context"
	"errors"
	"slices"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// How often a badge may be checked on demand: by a client that asks every two
// seconds, and little more.
const (
	triesAllowed = 40
	triesWithin  = time.Minute
)

// CheckOnDemand is Check for whoever asks. It is Limited where the same badge
// was asked for too often: each check looks at the merchant's server.
func (d *Desk) CheckOnDemand(ctx context.Context, id ID) (Badge, error) {
	now := d.now()
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := LoadBadge(tx, id); err != nil {
			return err
		}
		// Not in the badge's record: asking often must not get in the way of
		// a check under way, which records only what nobody changed meanwhile.
		tries, err := store.Load[[]time.Time](tx, triesBucket, string(id))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		tries = slices.DeleteFunc(tries, func(at time.Time) bool { return now.Sub(at) >= triesWithin })
		if len(tries) >= triesAllowed {
			return fault.New(fault.Limited, "badge_checks_limited", "this badge was checked %d times within the last minute; wait a minute", triesAllowed)
		}
		return store.Save(tx, triesBucket, string(id), append(tries, now))
	})
	if err != nil {
		return Badge{}, err
	}
	return d.Check(ctx, id)
}
