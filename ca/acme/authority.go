package acme

import (
	"strings"

	"mohr/ca"
	"mohr/ca/mandate"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// actsFor returns the business that a certificate acts for: that of a person
// in an organisation, or the seal of one.
func actsFor(s ca.Standing) (ca.BusinessID, error) {
	profile, _, _ := strings.Cut(s.Record().Profile, "@")
	if b := s.Record().Business; b != "" && (profile == ca.OrganisationSign || profile == ca.OrganisationSeal) {
		return b, s.Fault()
	}
	return "", fault.New(fault.Denied, "acme_certificate_usage", "an external account key is given to a business; sign with a certificate that acts for one")
}

// mayStill is Denied for who acts for the business by a mandate that does not
// let him administer it: who has a key gets certificates in its name.
func (s statement) mayStill(tx store.Tx) error {
	_, err := mandate.SpeaksFor(tx, s.signed.Standing().Record(), s.business, mandate.Administer, s.at)
	return err
}
