package badge

import (
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
	case "company.active@2":
		return companyActive2, true
	case "signer.alive@1":
		return signerAlive, true
	case "signer.authority@1":
		return signerAuthority, true
	case "signer.authority@2":
		return signerAuthority2, true
	case "licence.valid@1":
		return licenceValid, true
	case "licence.valid@2":
		return licenceValid2, true
	case "domain.control@1":
		return domainControl, true
	case "domain.control@2":
		return domainControl2, true
	case "domain.alive@1":
		return domainAlive, true
	case "duties.open@1":
		return dutiesOpen, true
	case "site.tls@1":
		return siteTLS, true
	case "site.contact@1":
		return siteContact, true
	}
	return nil, false
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
	// Views by other methods are for domain.control@2.
	file := slices.DeleteFunc(slices.Clone(f.Domain.Views), func(v View) bool { return v.Method != "" && v.Method != ByFile })
	seen := map[Sight]int{}
	for _, v := range file {
		seen[v.Sight]++
	}
	views := len(file)
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
	return unknown(file[0].Sight.why(), ForApplicant)
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
