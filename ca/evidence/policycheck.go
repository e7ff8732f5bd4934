package evidence

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Bounds of what a policy may say. They are ours and wide: a policy is to be
// stricter than they are.
const (
	maxValidity    = 3 * 366 * day // of a certificate
	maxShort       = day           // of one that is never revoked
	maxGrace       = 90 * day      // overlap, and renewal after the end
	maxApproval    = day
	maxDepth       = 10
	maxProofAge    = 6 * 366 * day
	maxEvidenceAge = 3 * 366 * day
	maxKnownAge    = 366 * day // of what an earlier application proved
	maxSIMQuiet    = 90 * day
	maxStampWait   = 7 * day
	maxOfficers    = 5
)

// check collects what is wrong with one profile of a policy.
type check struct {
	profile string
	wrong   []string
}

func (c *check) need(ok bool, format string, args ...any) {
	if !ok {
		c.wrong = append(c.wrong, c.profile+": "+fmt.Sprintf(format, args...))
	}
}

func (c *check) within(what string, d span, low, high time.Duration) {
	c.need(time.Duration(d) >= low && time.Duration(d) <= high, "%s is not between %v and %v", what, low, high)
}

func (c *check) level(p profile) {
	c.need(p.Level == Low || p.Level.signs(), "level is not low, substantial or high")
	if slices.Contains(signing, c.profile) {
		c.need(p.Level.signs(), "a signing profile needs level substantial or high")
	}
	c.need(isVersion(p.TermsVersion), "terms_version is missing or no version")
}

// oids keeps simulated evidence under the test arc and everything else out of
// it; one OID means one level and key home.
func (c *check) oids(p profile, e Environment, levels map[string]string) {
	c.need(len(p.PolicyOIDs) > 0, "policy_oids is empty")
	for _, home := range slices.Sorted(maps.Keys(p.PolicyOIDs)) {
		oid := p.PolicyOIDs[home]
		c.need(home == Software || home == Token || home == HSM, "%q is no key home", home)
		parsed, err := x509.ParseOID(oid)
		c.need(err == nil && parsed.String() == oid, "%q is no object identifier", oid)
		switch e {
		case Simulated:
			c.need(IsTestPolicy(oid), "%s is not below the test policies %s, where simulated evidence belongs", oid, TestPolicyArc)
		default:
			c.need(oid != exampleArc && !strings.HasPrefix(oid, exampleArc+"."), "%s is an example, not for production", oid)
		}
		means := string(p.Level) + " " + string(home)
		c.need(levels[oid] == "" || levels[oid] == means, "%s already stands for another level or key home", oid)
		levels[oid] = means
	}
}

func (c *check) sets(p profile) {
	c.need(len(p.Evidence.AnyOf) > 0, "evidence.any_of is empty")
	for i, set := range p.Evidence.AnyOf {
		has := func(t Type) bool { return slices.Contains(set, t) }
		c.types(fmt.Sprintf("set %d", i+1), set)
		c.need(has(CivilRegistry), "set %d has no civil_registry, which names the person", i+1)
		c.need(!has(CertSignature), "set %d has cert_signature, which is for renewal only", i+1)
		c.need(!has(OfficerReview), "set %d has officer_review, which answers for doubts and completes no set", i+1)
		c.need(!has(OTPSMS) || has(MobileOwnership), "set %d has otp_sms without mobile_ownership, which says whose mobile it is", i+1)
		c.need(!p.Level.signs() || slices.ContainsFunc(set, Type.binding), "set %d has no binding evidence (face_match, document_video or eid_oidc) and must not reach level %s", i+1, p.Level)
		c.need(!natural(c.profile) || !has(LegalRegistry), "set %d has legal_registry, but the profile names no organisation", i+1)
		c.need(!organised(c.profile) || has(LegalRegistry), "set %d has no legal_registry, which names the organisation", i+1)
		c.need(!has(Mandate) || organised(c.profile) && has(LegalRegistry), "set %d has mandate without legal_registry, by which it is judged", i+1)
	}
	face := slices.ContainsFunc(p.Evidence.AnyOf, func(s []Type) bool { return slices.ContainsFunc(s, Type.scored) })
	c.need(!face || (p.Evidence.FaceScore >= 50 && p.Evidence.FaceScore <= 100), "evidence.face_score is not between 50 and 100")
	c.need(p.Evidence.Officers >= 0 && p.Evidence.Officers <= maxOfficers, "evidence.officers is not between 0 and %d", maxOfficers)
	c.need(p.Evidence.Officers != 1 || !p.Level.signs(), "evidence.officers is 1: four eyes decide where certificates sign")
	c.need(p.Evidence.ChipUnproven.known(), "evidence.chip_unproven is neither review nor reject")
	c.need(p.Evidence.ChipCopied.known(), "evidence.chip_copied is neither review nor reject")
	c.within("evidence.sim_quiet", p.Evidence.SIMQuiet, 0, maxSIMQuiet)
	c.within("evidence.stamp_within", p.Evidence.Stamp, 0, maxStampWait)
}

// known keeps what an earlier application proved to what binds a person: the
// registers, the phone and the organisation are asked each time.
func (c *check) known(p profile) {
	asks := p.rules("").Asks
	for _, t := range slices.Sorted(maps.Keys(p.Evidence.Known)) {
		c.need(t == FaceMatch && asks(t), "evidence.known has %q; of an earlier application only face_match counts, where a set asks for it", t)
		c.within("evidence.known of "+string(t), p.Evidence.Known[t], time.Second, maxKnownAge)
	}
}

// types refuses an empty list, strangers and repetitions.
func (c *check) types(what string, list []Type) {
	c.need(len(list) > 0, "%s is empty", what)
	for i, t := range list {
		c.need(t.known(), "%s has %q, which is no type of evidence", what, t)
		c.need(!slices.Contains(list[:i], t), "%s has %s twice", what, t)
	}
}

// ages wants an age for each type asked, so that none is good for ever.
func (c *check) ages(p profile) {
	asks := p.rules("").Asks
	for _, t := range types {
		age, ok := p.Evidence.MaxAge[t]
		asked := asks(t) || t == OfficerReview && p.Evidence.Officers > 0 || t == DeviceAttestation && p.PolicyOIDs[Token] != ""
		c.need(ok || !asked, "evidence.max_age has no %s", t)
		if ok {
			c.within("evidence.max_age of "+string(t), age, time.Second, maxEvidenceAge)
		}
	}
	for _, t := range slices.Sorted(maps.Keys(p.Evidence.MaxAge)) {
		c.need(t.known(), "evidence.max_age has %q, which is no type of evidence", t)
	}
}

func (c *check) times(p profile) {
	longest := maxValidity
	if c.profile == naturalShort {
		longest = maxShort
	}
	c.within("validity", p.Validity, time.Second, longest)
	c.within("approved_for", p.ApprovedFor, time.Second, maxApproval)
	c.within("renewal.overlap", p.Renewal.Overlap, 0, min(maxGrace, time.Duration(p.Validity)))
	c.within("renewal.closes_after", p.Renewal.ClosesAfter, 0, maxGrace)
	c.within("renewal.opens_before", p.Renewal.OpensBefore, 0, time.Duration(p.Validity))
}

// renewal wants the registers asked again (R13).
func (c *check) renewal(p profile) {
	r := p.Renewal
	c.need(r.MaxDepth >= 0 && r.MaxDepth <= maxDepth, "renewal.max_depth is not between 0 and %d", maxDepth)
	if r.MaxDepth <= 0 {
		return
	}
	c.within("renewal.max_age", r.MaxAge, time.Second, maxProofAge)
	c.types("renewal.evidence", r.Evidence)
	c.need(slices.Contains(r.Evidence, CivilRegistry), "renewal.evidence has no civil_registry, which is asked again each time")
	c.need(!organised(c.profile) || slices.Contains(r.Evidence, LegalRegistry), "renewal.evidence has no legal_registry, which is asked again each time")
	c.need(!slices.Contains(r.Evidence, Mandate), "renewal.evidence has mandate, which is asked of those alone who need one")
	c.need(!natural(c.profile) || !slices.Contains(r.Evidence, LegalRegistry), "renewal.evidence has legal_registry, but the profile names no organisation")
}
