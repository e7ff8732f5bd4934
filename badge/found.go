package badge

import (
	"strings"
	"time"

	"mohr/complaints"
	"mohr/internal/store"
)

// foundBy names what a rule's finding tells the complaint record of the
// business; "" is nothing.
func foundBy(rule string) complaints.Measure {
	name, _, _ := strings.Cut(rule, "@")
	switch name {
	case "company.active":
		return complaints.MeasureActive
	case "licence.valid":
		return complaints.MeasureLicence
	case "domain.control", "domain.alive":
		return complaints.MeasureDomain
	case "site.tls":
		return complaints.MeasureTLS
	}
	return ""
}

// looked reports whether the finding rests on a look of this day. A proof of
// before says nothing of today; of a licence that was not named, or is of a
// kind we do not take, nobody was asked, nor of the company of a sole trader.
func (f Finding) looked() bool {
	switch f.Why {
	case "domain_proven_before", "licence_not_named", "licence_type_not_accepted", "sole_trader":
		return false
	}
	return f.Result != Unknown
}

// tellFound tells the record what a look at the business found, once its badge
// was granted. What nobody could say counts for nothing.
func (b *Badge) tellFound(tx store.Tx, findings []Finding, at time.Time) error {
	if b.ValidFrom.IsZero() {
		return nil
	}
	for _, f := range findings {
		if m := foundBy(f.Rule); m != "" && f.looked() {
			if err := complaints.Found(tx, b.Business, m, f.Result == Valid, at); err != nil {
				return err
			}
		}
	}
	return nil
}
