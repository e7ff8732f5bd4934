package mandate

import (
	"slices"

	"mohr/ca"
	"mohr/internal/store"
)

// ActsFor reports whether the person acts for the business or once did: as the
// sole trader it is, by a certificate that names it, by a mandate of any state,
// or by having signed one for it. Who does decides of nothing that concerns the
// business. What ended counts too: it could be ended for the day of a decision.
// Whom the company register alone lists is not known here. It is false for "".
// It is for the transaction of the deed.
func ActsFor(tx store.Tx, a *ca.Authority, h ca.HolderID, b ca.BusinessID) (acts bool, err error) {
	if h == "" || b == "" {
		return false, nil
	}
	if a.Trader(h) == b {
		return true, nil
	}
	err = ca.EachOfHolder(tx, h, func(c ca.Certificate) error {
		if acts = c.Business == b; acts {
			return store.Stop
		}
		return nil
	})
	if acts || err != nil {
		return acts, err
	}
	err = ofBusiness(tx, b, func(m Mandate) error {
		acts = m.Holder == h || slices.ContainsFunc(m.Signatures, func(s Signature) bool { return s.Holder == h })
		if acts {
			return store.Stop
		}
		return nil
	})
	return acts, err
}
