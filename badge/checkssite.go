package badge

import (
	"slices"
	"time"
)

// companyActive2: a sole trader is no company and is not asked for one.
func companyActive2(r Rules, f Facts) Finding {
	if f.Company.Sole {
		return valid("sole_trader")
	}
	return companyActive(r, f)
}

// signerAuthority2: a sole trader acts for nobody else.
func signerAuthority2(r Rules, f Facts) Finding {
	if f.Company.Sole {
		return valid("signer_acts_for_himself")
	}
	return signerAuthority(r, f)
}

// licenceValid2: every licence that the request names is in force, by its own
// registry, and there is one at least.
func licenceValid2(r Rules, f Facts) Finding {
	if len(f.Licences) == 0 {
		return invalid("licence_not_named")
	}
	worst := valid("licence_in_force")
	for _, l := range f.Licences {
		one := f
		one.Licence = l
		switch found := licenceValid(r, one); found.Result {
		case Invalid:
			return found
		case Unknown:
			worst = found
		}
	}
	return worst
}

// domainControl2: by one of the methods the proof was seen from as many
// places as the quorum asks, and every other place was blind.
func domainControl2(r Rules, f Facts) Finding {
	if f.Granted {
		return valid("domain_proven_before")
	}
	matched, undecided := false, false
	for _, m := range methods() {
		match, blind, all := f.Domain.count(m)
		if match >= r.Quorum && match+blind == all {
			return valid(m.proven())
		}
		matched = matched || match > 0
		// Those who were blind might have made up the quorum.
		undecided = undecided || blind > 0 && match+blind >= r.Quorum
	}
	switch {
	case undecided || len(f.Domain.Views) == 0:
		return unknown("domain_not_looked_up", ForUs)
	case f.At.Sub(f.Requested) > r.ChallengeLife:
		return invalid("domain_not_proven_in_time")
	case matched:
		return unknown("domain_views_differ", ForApplicant)
	}
	return unknown(f.Domain.missing(), ForApplicant)
}

// count returns how many views of the method match, are blind, and are.
func (d DomainViews) count(m Method) (match, blind, all int) {
	for _, v := range d.Views {
		if v.Method != m {
			continue
		}
		all++
		switch v.Sight {
		case SightMatch:
			match++
		case SightBlind:
			blind++
		}
	}
	return match, blind, all
}

// missing says what the merchant has to mend: a proof that is there and wrong
// before one that is not there.
func (d DomainViews) missing() Why {
	for _, v := range d.Views {
		switch {
		case v.Sight != SightWrong:
		case v.Method == ByTXT:
			return "domain_txt_wrong"
		case v.Method == ByMeta:
			return "domain_meta_wrong"
		}
	}
	for _, v := range d.Views {
		if v.Method == ByFile && v.Sight != SightBlind {
			return v.Sight.why()
		}
	}
	return "domain_unreachable"
}

// domainAlive: the name still leads somewhere public. It is watched as long
// as the badge lives: a name that was given up is soon another's.
func domainAlive(r Rules, f Facts) Finding {
	match, blind, all := f.Domain.count(byName)
	bad := func(why Why) Finding {
		if f.Granted {
			return invalid(why)
		}
		return unknown(why, ForApplicant)
	}
	switch {
	case all-blind < r.Quorum:
		return unknown("domain_not_looked_up", ForUs)
	case match > 0:
		return valid("domain_alive")
	case slices.ContainsFunc(f.Domain.Views, func(v View) bool { return v.Method == byName && v.Sight == SightPrivate }):
		return bad("domain_private_address")
	}
	return bad("domain_gone")
}

// siteTLS: the shop answers over TLS with a certificate that browsers take.
func siteTLS(_ Rules, f Facts) Finding {
	switch f.Site.TLS {
	case tlsValid:
		if f.Site.NotAfter.Before(f.At) {
			return invalid("site_certificate_expired")
		}
		return valid("site_certificate_valid")
	case tlsExpired:
		return invalid("site_certificate_expired")
	case tlsOtherName:
		return invalid("site_certificate_other_name")
	case tlsUntrusted:
		return invalid("site_certificate_untrusted")
	case tlsUnreachable:
		return unknown("site_unreachable", ForApplicant)
	}
	return unknown("site_not_looked_up", ForUs)
}

// siteContact: the page that says how to reach the shop is there.
func siteContact(_ Rules, f Facts) Finding {
	switch f.Site.Contact {
	case SightMatch:
		return valid("site_contact_found")
	case SightMissing, SightRedirected:
		return invalid("site_contact_missing")
	case SightFailing, SightUnreachable, SightWrong:
		return unknown("site_contact_unreachable", ForApplicant)
	}
	return unknown("site_not_looked_up", ForUs)
}

// siteEnds is when the site's certificate ends; zero if it is not known.
func (f Facts) siteEnds() time.Time {
	if f.Site.TLS == tlsValid {
		return f.Site.NotAfter
	}
	return time.Time{}
}
