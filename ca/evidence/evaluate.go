package evidence

import (
	"fmt"
	"slices"
	"time"
)

// clockSkew is how far ahead of ours the clock of a source may be.
const clockSkew = 5 * time.Second

// Evaluate judges the case at now. It is pure.
//
// Every rule that applies adds a Step. One that fails rejects the case; else
// one that wants a person's eye sends it to review; else one that lacks
// something lets it wait; only a case that passes all is approved.
func (p *Policy) Evaluate(c Case, now time.Time) Decision {
	now = now.UTC().Truncate(time.Second)
	d := Decision{profile: c.Profile, home: c.Home, policy: p.version, environment: p.environment, at: now}
	rules, ok := p.rules[c.Profile]
	if !ok {
		return d.closed([]Step{{ruleProfile, stepFail, "the policy knows no profile of this name"}})
	}
	rules = rules.at(c.Home)
	d.policyOID, d.validity, d.qc = rules.PolicyOIDs[c.Home], rules.Validity, rules.QC.clone()
	j := &judge{rules: rules, c: c, now: now, counted: map[Type]counted{}}
	j.admission()
	if c.Renewal != nil {
		j.renewable()
	}
	j.officers()
	j.sources()
	set := j.choose()
	j.person()
	j.mobile()
	j.chip()
	j.organisation()
	if c.Renewal != nil {
		j.changes()
	}
	d = d.closed(j.trace)
	switch d.outcome {
	case Waiting:
		d.missing = j.missing(set)
	case Approved:
		d.fill(j, set)
	}
	return d
}

// closed draws the outcome from the trace.
func (d Decision) closed(trace []Step) Decision {
	has := func(outcome string) bool {
		return slices.ContainsFunc(trace, func(s Step) bool { return s.Outcome == outcome })
	}
	d.trace = trace
	switch {
	case has(stepFail) || len(trace) == 0:
		d.outcome = Rejected
	case has(stepReview):
		d.outcome = Review
	case has(stepWait):
		d.outcome = Waiting
	default:
		d.outcome = Approved
	}
	return d
}

// fill writes what an approval rests on.
func (d *Decision) fill(j *judge, set []Type) {
	for _, t := range set {
		r := j.counted[t]
		d.evidence = append(d.evidence, r.hash)
		if r.Environment == Simulated {
			d.environment = Simulated
		}
		if d.proofAt.IsZero() || r.CheckedAt.Before(d.proofAt) {
			d.proofAt = r.CheckedAt.UTC()
		}
	}
	if j.rested {
		d.evidence = append(d.evidence, j.review.Hash())
		if j.review.Environment == Simulated {
			d.environment = Simulated
		}
	}
	if j.c.Renewal != nil {
		d.depth, d.proofAt = j.c.Renewal.Depth, j.c.Renewal.ProofAt.UTC()
	}
	d.identity = j.identity
	device := j.counted[DeviceAttestation].Claims
	d.attested, d.attestedBy = device.SPKISHA256, device.Attestation
	if m, ok := j.counted[Mandate]; ok {
		// What rests on a mandate ends with it.
		d.mandate, d.validity = m.Claims.Mandate, min(d.validity, m.ValidTo.Sub(j.now))
	}
}

// The outcomes of a step.
const (
	stepPass   = "pass"
	stepFail   = "fail"
	stepWait   = "wait"
	stepReview = "review"
)

// judge goes through one case.
type judge struct {
	rules    Rules
	c        Case
	now      time.Time
	counted  map[Type]counted // the one good record of each type
	review   *Record          // of officers who answer for this case; nil: none
	rested   bool             // a rule passed because they do
	trace    []Step
	identity Identity
}

// counted is a record that counts, with its hash.
type counted struct {
	Record
	hash string
}

// step notes what a rule came to. One for which officers answer passes.
func (j *judge) step(rule, outcome, why string, args ...any) {
	if outcome == stepReview && j.answered(rule) {
		outcome, why = stepPass, why+"; officers answer for it"
	}
	j.trace = append(j.trace, Step{Rule: rule, Outcome: outcome, Why: fmt.Sprintf(why, args...)})
}

// rule notes a rule that passes with one text and ends otherwise with another.
func (j *judge) rule(name string, ok bool, pass, otherwise, why string) bool {
	if ok {
		j.step(name, stepPass, "%s", pass)
	} else {
		j.step(name, otherwise, "%s", why)
	}
	return ok
}

// admission asks what needs no evidence.
func (j *judge) admission() {
	_, allowed := j.rules.PolicyOIDs[j.c.Home]
	j.rule(ruleHome, allowed, "the profile allows this home of the key", stepFail, "the profile does not allow this home of the key")
	simulated := slices.ContainsFunc(j.c.Records, func(r Record) bool { return r.Environment != Production })
	if j.rules.Environment == Production {
		j.rule(ruleEnvironment, !simulated, "all evidence is from real sources", stepFail, "simulated evidence never counts under a production policy")
		return
	}
	j.step(ruleEnvironment, stepPass, "the policy is for tests; the certificate will say so")
}

// accepts returns the types of evidence that may count in this case, in a
// fixed order.
func (j *judge) accepts() []Type {
	var list []Type
	for _, t := range []Type{CivilRegistry, MobileOwnership, OTPSMS, FaceMatch, DocumentVideo, EIDOIDC, LegalRegistry, Mandate, DeviceAttestation, EMRTDChip} {
		if j.rules.Asks(t) {
			list = append(list, t)
		}
	}
	if j.c.Renewal != nil {
		list = append(list, CertSignature)
	}
	return list
}

// sets returns the sets of which one must be complete. Who does not bind the
// organisation alone and has a mandate needs one with that.
func (j *judge) sets() [][]Type {
	switch {
	case j.c.Renewal != nil && j.byMandate():
		return [][]Type{append(slices.Clone(j.rules.RenewalAsks), Mandate)}
	case j.c.Renewal != nil:
		return [][]Type{j.rules.RenewalAsks}
	case j.byMandate():
		return slices.DeleteFunc(slices.Clone(j.rules.AnyOf), func(set []Type) bool { return !slices.Contains(set, Mandate) })
	}
	return j.rules.AnyOf
}

// choose picks the first complete set, else the one that lacks least, of
// equals the one most of whose answers are there, though they do not count,
// and says what it lacks. At renewal all else that counts is added to it.
func (j *judge) choose() []Type {
	var best []Type
	for i, set := range j.sets() {
		lacks, fewest := j.missing(set), j.missing(best)
		if i == 0 || len(lacks) < len(fewest) || len(lacks) == len(fewest) && j.answers(lacks) > j.answers(fewest) {
			best = set
		}
	}
	best = slices.Clone(best)
	lacks := j.missing(best)
	for _, t := range lacks {
		j.lack(t)
	}
	if len(best) > 0 && len(lacks) == 0 {
		j.step(ruleComplete, stepPass, "all evidence that the policy asks for is there")
	} else {
		j.step(ruleComplete, stepWait, "the evidence is not complete")
	}
	if j.c.Renewal != nil {
		for _, t := range j.accepts() {
			if _, ok := j.counted[t]; ok && !slices.Contains(best, t) {
				best = append(best, t)
			}
		}
	}
	// What is not in the set proves nothing.
	for t := range j.counted {
		if !slices.Contains(best, t) {
			delete(j.counted, t)
		}
	}
	return best
}

// answers counts the types that have a match, whether it counts or not.
func (j *judge) answers(types []Type) (n int) {
	for _, t := range types {
		if len(having(j.of(t), Match)) > 0 {
			n++
		}
	}
	return n
}

// missing returns the types of the set without a record that counts.
func (j *judge) missing(set []Type) []Type {
	var list []Type
	for _, t := range set {
		if _, ok := j.counted[t]; !ok {
			list = append(list, t)
		}
	}
	return list
}
