package enroll

import (
	"fmt"
	"slices"

	"mohr/ca/evidence"
)

// offered reports whether this service can take evidence of the type.
func (d *Desk) offered(t evidence.Type) bool { return t != evidence.EIDOIDC || d.EID != nil }

// ways are the sets of the profile that can be completed here, in the order of
// the policy.
func (d *Desk) ways(profile string) [][]evidence.Type {
	rules, _ := d.Policy.Rules(profile)
	return slices.DeleteFunc(rules.AnyOf, func(set []evidence.Type) bool {
		return slices.ContainsFunc(set, func(t evidence.Type) bool { return !d.offered(t) })
	})
}

// unproven returns the applicant's own proofs of the set that are not there.
func (a *Application) unproven(set []evidence.Type) []evidence.Type {
	return slices.DeleteFunc(ownTypes(), func(t evidence.Type) bool { return !slices.Contains(set, t) || a.proven(t) })
}

// pursued returns the set that the application goes for: the one that lacks
// the fewest of the applicant's own proofs, the first of equals.
func (d *Desk) pursued(a Application) []evidence.Type {
	var best []evidence.Type
	for i, set := range d.ways(a.Profile) {
		if i == 0 || len(a.unproven(set)) < len(a.unproven(best)) {
			best = set
		}
	}
	return best
}

// instead returns the proofs that may be given in place of some of own: those
// of the other sets that lack no more.
func (d *Desk) instead(a Application, own []evidence.Type) []evidence.Type {
	var list []evidence.Type
	least := len(a.unproven(d.pursued(a)))
	for _, set := range d.ways(a.Profile) {
		lacks := a.unproven(set)
		if len(lacks) > least {
			continue
		}
		for _, t := range lacks {
			if !slices.Contains(own, t) && !slices.Contains(list, t) {
				list = append(list, t)
			}
		}
	}
	return list
}

// checkWays refuses a policy with a profile that nobody could get here.
func (d *Desk) checkWays() error {
	for _, profile := range d.Policy.Profiles() {
		if len(d.ways(profile)) == 0 {
			return fmt.Errorf("enroll: each set of %s asks for a login with an eID, and no provider is configured", profile)
		}
	}
	return nil
}
