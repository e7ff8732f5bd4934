package enroll

import (
	"fmt"
	"slices"
	"time"

	"mohr/ca/evidence"
)

// ownTypes are the proofs that only the applicant can give.
func ownTypes() []evidence.Type {
	return []evidence.Type{evidence.OTPSMS, evidence.EMRTDChip, evidence.FaceMatch, evidence.DocumentVideo, evidence.EIDOIDC, evidence.DeviceAttestation}
}

// offered reports whether this service is set up to take proofs of the type.
func (c *Config) offered(t evidence.Type) bool {
	switch t {
	case evidence.EIDOIDC:
		return c.EID != nil
	case evidence.EMRTDChip:
		return c.Chips != nil
	case evidence.DocumentVideo:
		return c.Vendors[t] != nil
	case evidence.DeviceAttestation:
		return c.Attestation != nil
	}
	return true
}

// givable reports whether there is who takes a proof of the type now.
func (d *Desk) givable(t evidence.Type, now time.Time) bool {
	return d.offered(t) && (t != evidence.DocumentVideo || d.Vendors[t].Certified(now) == nil)
}

// ownSet returns the set of evidence, of those that the policy takes for the
// profile, to which the applicant has least to add; the first of equals.
func (d *Desk) ownSet(a Application, now time.Time) []evidence.Type {
	rules, _ := d.Policy.Rules(a.Profile)
	var best []evidence.Type
	least := -1
	for _, set := range rules.Sets(a.Home) {
		n := 0
		for _, t := range ownTypes() {
			switch {
			case !slices.Contains(set, t) || !d.lacking(a, t, now):
			case d.givable(t, now):
				n++
			default:
				n += len(ownTypes()) // only if there is no other
			}
		}
		if least < 0 || n < least {
			best, least = set, n
		}
	}
	return best
}

// lacking reports whether the applicant's proof of the type is not there, or
// no longer fresh.
func (d *Desk) lacking(a Application, t evidence.Type, now time.Time) bool {
	p, _ := a.latest(t)
	return !a.proven(t) || t == evidence.OTPSMS && now.Sub(p.CheckedAt) > codeFresh
}

// ways returns the proofs that would do in place of some of own, by another
// set of the policy.
func (d *Desk) ways(a Application, own []evidence.Type, now time.Time) (list []evidence.Type) {
	rules, _ := d.Policy.Rules(a.Profile)
	for _, set := range rules.Sets(a.Home) {
		if !slices.ContainsFunc(own, func(t evidence.Type) bool { return !slices.Contains(set, t) }) {
			continue // it asks for all of it too
		}
		for _, t := range ownTypes() {
			if ofFace(t) && d.faceUnclear(a) {
				continue // persons look at it
			}
			if slices.Contains(set, t) && !slices.Contains(own, t) && !slices.Contains(list, t) && d.lacking(a, t, now) && d.givable(t, now) {
				list = append(list, t)
			}
		}
	}
	return list
}

// lackingNow returns the applicant's own proofs that an application that
// collects or waits still lacks, and those that would do instead.
func (d *Desk) lackingNow(a Application, now time.Time) (own, ways []evidence.Type, err error) {
	if a.Stage != Collecting && a.Stage != Waiting {
		return nil, nil, nil
	}
	decision, err := d.judge(a, now)
	if err != nil {
		return nil, nil, err
	}
	own, _ = d.wanted(a, decision, now)
	return own, d.ways(a, own, now), nil
}

// checkWays refuses a policy with a profile that nobody could get here.
func (c *Config) checkWays() error {
	if c.Policy == nil {
		return nil
	}
	for _, profile := range c.Policy.Profiles() {
		rules, _ := c.Policy.Rules(profile)
		possible := slices.ContainsFunc(rules.AnyOf, func(set []evidence.Type) bool {
			return !slices.ContainsFunc(set, func(t evidence.Type) bool { return !c.offered(t) })
		})
		if !possible {
			return fmt.Errorf("enroll: each set of %s asks for an eID login, a chip or a vendor, and no provider is configured", profile)
		}
	}
	return nil
}
