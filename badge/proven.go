package badge

import (
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

// Proven reports whether the business has a badge for exactly this domain (in
// A-labels) that counts at now and whose facts were looked at within two
// recheck intervals.
func Proven(tx store.Tx, b ca.BusinessID, domain string, now time.Time) (found bool, err error) {
	err = eachOfDomain(tx, domain, now, func(g Badge) error {
		if g.Business == b && g.State == Active && now.Sub(g.CheckedAt) < 2*recheckActive {
			found = true
			return store.Stop
		}
		return nil
	})
	return found, err
}
