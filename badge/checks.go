package badge

import (
	"fmt"
	"slices"
	"time"
)

// Result is what a rule says of the facts. Unknown never grants and never
// rejects: the request waits.
type Result string

// The results.
const (
	Valid   Result = "valid"
	Invalid Result = "invalid"
	Unknown Result = "unknown"
)

// Party is somebody a request can wait for.
type Party string

// The parties.
const (
	ForApplicant Party = "applicant"
	ForRegistry  Party = "registry"
	ForUs        Party = "us"
)

// Why is the reason of a finding or a state, from a closed set; texts.yaml
// has its words under "badge_why_" and the reason.
type Why string

// Finding is what one rule says.
type Finding struct {
	Rule       string `json:"rule"` // with its version: "domain.control@1"
	Result     Result `json:"result"`
	Why        Why    `json:"why"`
	WaitingFor Party  `json:"waiting_for,omitempty"` // when Unknown
}

// Rules is which rules judge, and their thresholds. It is data: a change is a
// new version, and each decision keeps the one it was made by.
type Rules struct {
	Version       string        `json:"version"`
	Apply         []string      `json:"apply"`          // names of rules, in order
	Validity      time.Duration `json:"validity"`       // of a badge
	ChallengeLife time.Duration `json:"challenge_life"` // after this a request without proof of its domain is refused
	Quorum        int           `json:"quorum"`         // views of the domain that must agree
	LicenceTypes  []string      `json:"licence_types"`  // accepted; empty means any
	UnansweredFor time.Duration `json:"unanswered_for"` // a complaint unanswered since it was served longer ago than this is an open duty
}

// DefaultRules are the rules in force.
func DefaultRules() Rules {
	return Rules{
		Version:       "badge-rules/1",
		Apply:         []string{"signer.certificate@1", "company.active@1", "signer.authority@1", "licence.valid@1", "domain.control@1", "duties.open@1"},
		Validity:      365 * 24 * time.Hour,
		ChallengeLife: 7 * 24 * time.Hour,
		Quorum:        2,
		UnansweredFor: 30 * 24 * time.Hour,
	}
}

// rule judges the facts. It is pure.
type rule func(Rules, Facts) Finding

// ruleOf returns the rule of the name. A rule that changes gets a new version
// and the old one stays, so that old decisions can be replayed.
func ruleOf(name string) (rule, bool) {
	switch name {
	case "signer.certificate@1":
		return signerCertificate, true
	case "company.active@1":
		return companyActive, true
	case "signer.authority@1":
		return signerAuthority, true
	case "licence.valid@1":
		return licenceValid, true
	case "domain.control@1":
		return domainControl, true
	case "duties.open@1":
		return dutiesOpen, true
	}
	return nil, false
}

// Validate reports a set of rules that cannot judge.
func (r Rules) Validate() error {
	if r.Version == "" || len(r.Apply) == 0 || r.Validity <= 0 || r.ChallengeLife <= 0 || r.Quorum < 1 {
		return fmt.Errorf("badge rules %q: version, rules, validity, challenge life or quorum is missing", r.Version)
	}
	for _, name := range r.Apply {
		if _, ok := ruleOf(name); !ok {
			return fmt.Errorf("badge rules %q: there is no rule %q", r.Version, name)
		}
	}
	return nil
}

// Judge applies the rules to the facts, one finding each. It is pure.
func (r Rules) Judge(f Facts) []Finding {
	findings := make([]Finding, 0, len(r.Apply))
	for _, name := range r.Apply {
		judge, ok := ruleOf(name)
		if !ok {
			findings = append(findings, Finding{Rule: name, Result: Unknown, Why: "rule_unknown", WaitingFor: ForUs})
			continue
		}
		finding := judge(r, f)
		finding.Rule = name
		findings = append(findings, finding)
	}
	return findings
}

// Outcome is what findings come to.
type Outcome string

// The outcomes.
const (
	Grant  Outcome = "grant"
	Refuse Outcome = "refuse"
	Wait   Outcome = "wait"
)

// Decide joins findings: one invalid refuses, else one unknown waits. why is
// the reason of the first finding that decided.
func Decide(findings []Finding) (o Outcome, why Why, waitingFor []Party) {
	o, why = Grant, "all_checks_hold"
	if len(findings) == 0 {
		return Wait, "not_checked", []Party{ForUs}
	}
	for _, f := range findings {
		switch f.Result {
		case Valid:
		case Invalid:
			return Refuse, f.Why, nil
		default:
			if o == Grant {
				o, why = Wait, f.Why
			}
			if !slices.Contains(waitingFor, f.WaitingFor) {
				waitingFor = append(waitingFor, f.WaitingFor)
			}
		}
	}
	return o, why, waitingFor
}

func valid(why Why) Finding            { return Finding{Result: Valid, Why: why} }
func invalid(why Why) Finding          { return Finding{Result: Invalid, Why: why} }
func unknown(why Why, p Party) Finding { return Finding{Result: Unknown, Why: why, WaitingFor: p} }

// signerCertificate: the line of certificates that the request was signed in
// is alive.
func signerCertificate(_ Rules, f Facts) Finding {
	switch f.Signer.Life {
	case lifeGood:
		return valid("certificate_good")
	case lifeRevoked:
		return invalid("certificate_revoked")
	case lifeHeld:
		return invalid(certificateHeld)
	case lifeExpired:
		return invalid("certificate_expired")
	}
	return unknown("certificate_not_looked_up", ForUs)
}

// companyActive: the company registry knows the business and says it is active.
func companyActive(_ Rules, f Facts) Finding {
	switch {
	case !f.Company.Answered:
		return unknown("company_registry_silent", ForRegistry)
	case !f.Company.Found:
		return invalid("company_unknown")
	case f.Company.Status != "active":
		return invalid("company_not_active")
	}
	return valid("company_active")
}

// signerAuthority: the person who signed may still bind the business alone, or
// has a mandate that stands.
func signerAuthority(_ Rules, f Facts) Finding {
	switch {
	case !f.Company.Answered:
		return unknown("company_registry_silent", ForRegistry)
	case f.Company.Signs == signsAlone:
		return valid("signer_signs_alone")
	case f.Company.Signs == signsMandate: // facts from before mandates have no such
		return valid("signer_has_mandate")
	case f.Company.Signs == signsJointly:
		return invalid("signer_signs_jointly")
	}
	return invalid("signer_not_signatory")
}

// licenceValid: a licence of an accepted type is in force.
func licenceValid(r Rules, f Facts) Finding {
	switch l := f.Licence; {
	case len(r.LicenceTypes) > 0 && !slices.Contains(r.LicenceTypes, l.Asked.Type):
		return invalid("licence_type_not_accepted")
	case !l.Answered:
		return unknown("licence_registry_silent", ForRegistry)
	case !l.Found:
		return invalid("licence_unknown")
	case l.Asked.Number != "" && l.Asked.Number != l.Number:
		return invalid("licence_other_number")
	default:
		end, err := time.Parse(time.DateOnly, l.ValidTo)
		if err != nil {
			return unknown("licence_without_end", ForRegistry)
		}
		// The day named is the last one on which the licence holds.
		if !f.At.Before(end.AddDate(0, 0, 1)) {
			return invalid("licence_expired")
		}
	}
	return valid("licence_in_force")
}

// domainControl: the proof was seen in the same way from as many places as
// the quorum asks, and from none in another way. A missing proof is never a
// reason to refuse before its time is over: the merchant may still put it.
func domainControl(r Rules, f Facts) Finding {
	seen := map[Sight]int{}
	for _, v := range f.Domain.Views {
		seen[v.Sight]++
	}
	views := len(f.Domain.Views)
	switch {
	case f.Granted:
		return valid("domain_proven_before")
	case views < r.Quorum:
		return unknown("domain_not_looked_up", ForUs)
	case seen[SightMatch] == views:
		return valid("domain_proven")
	case seen[SightBlind] > 0:
		return unknown("domain_not_looked_up", ForUs)
	case f.At.Sub(f.Requested) > r.ChallengeLife:
		return invalid("domain_not_proven_in_time")
	case seen[SightMatch] > 0:
		return unknown("domain_views_differ", ForApplicant)
	}
	return unknown(f.Domain.Views[0].Sight.why(), ForApplicant)
}

// dutiesOpen: no complaint is unanswered and older than allowed.
func dutiesOpen(r Rules, f Facts) Finding {
	switch {
	case !f.Duties.Answered:
		return unknown("complaints_not_looked_up", ForUs)
	case f.Duties.Unanswered > 0 && f.At.Sub(f.Duties.Oldest) > r.UnansweredFor:
		return invalid("complaints_unanswered")
	}
	return valid("complaints_answered")
}
