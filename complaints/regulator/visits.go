package regulator

import (
	"context"
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

// Visits are visits to an office that were not needed.
type Visits struct {
	Method      string `json:"method"`
	Enrollments int    `json:"enrollments"`
	Renewals    int    `json:"renewals"`
}

// VisitsAvoided counts certificates of holders that were issued until at. It
// reads the whole register of certificates.
func VisitsAvoided(ctx context.Context, s store.Store, at time.Time) (v Visits, err error) {
	err = s.View(ctx, func(tx store.Tx) error {
		v = Visits{Method: "One visit for each certificate of a holder that was issued online, on an application or a renewal, and is not void."}
		return ca.EachCertificate(tx, "", func(c ca.Certificate) error {
			switch {
			case c.Holder == "" || c.State != ca.Issued || c.NotBefore.After(at):
			case c.Replaces != "":
				v.Renewals++
			default:
				v.Enrollments++
			}
			return nil
		})
	})
	return v, err
}
