package lint

import (
	"slices"
	"strings"

	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// nameRules hold of all certificates.
var nameRules = []rule[*certificate]{
	{"readable", "RFC 5280 4.1", func(c *certificate) string {
		return unless(c.malformed == "", c.malformed+" cannot be read")
	}},
	{"issuer_names", "EN 319 412-2 4.2.3.1", func(c *certificate) string { return authorityName(c.issuer) }},
	{"subject_there", "RFC 5280 4.1.2.6; ours", func(c *certificate) string {
		return unless(len(c.subject) > 0, "the subject is empty")
	}},
	{"subject_one_a_set", "ours", func(c *certificate) string {
		for i := 1; i < len(c.subject); i++ {
			if c.subject[i].rdn == c.subject[i-1].rdn {
				return "two attributes share a RelativeDistinguishedName"
			}
		}
		return ""
	}},
	{"subject_each_once", "EN 319 412-2 4.2.4; ours", func(c *certificate) string {
		for i, a := range c.subject {
			if slices.ContainsFunc(c.subject[:i], func(b attribute) bool { return b.id.Equal(a.id) }) {
				return a.id.String() + " is there twice"
			}
		}
		return ""
	}},
	{"subject_printable", "RFC 5280 A.1", func(c *certificate) string {
		for _, a := range c.subject {
			if (a.id.Equal(oidCountry) || a.id.Equal(oidSerialNumber)) && a.tag != cryptobyte_asn1.PrintableString {
				return a.id.String() + " is not a PrintableString"
			}
		}
		return ""
	}},
	{"subject_country", "ISO 3166-1", func(c *certificate) string {
		for _, v := range values(c.subject, oidCountry) {
			if !letters(v, 2, 'A', 'Z') {
				return "the country is not two capital letters"
			}
		}
		return ""
	}},
}

// authorityName asks the name of a CA.
func authorityName(name []attribute) string {
	if !once(name, oidCountry, oidOrganisation, oidCommonName) {
		return "a CA is not named by one country, one organisation and one common name"
	}
	id := values(name, oidOrgID)
	if len(id) > 1 || len(id) == 1 && id[0] == values(name, oidOrganisation)[0] {
		return "a CA's organizationIdentifier is there twice or is its organisation"
	}
	return ""
}

// personRules hold of the subjects of end entities. Whether one is a natural
// or a legal person, its type and its semantics say.
var personRules = []rule[*certificate]{
	{"person_names", "EN 319 412-2 4.2.4", func(c *certificate) string {
		if !c.natural() {
			return ""
		}
		return unless(once(c.subject, oidCountry, oidCommonName), "a person has not one country and one common name")
	}},
	{"person_pseudonym", "EN 319 412-2 4.2.4", func(c *certificate) string {
		if !c.natural() {
			return ""
		}
		names, pseudonym := hasAny(c.subject, oidGivenName, oidSurname), hasAny(c.subject, oidPseudonym)
		switch {
		case names && pseudonym:
			return "a pseudonym beside a given name or a surname"
		case !names && !pseudonym:
			return "neither a given name, a surname nor a pseudonym"
		}
		return ""
	}},
	{"person_number", "EN 319 412-1 5.1.3", func(c *certificate) string {
		if !c.semantics().Equal(oidSemanticsNatural) {
			return ""
		}
		n := values(c.subject, oidSerialNumber)
		return unless(len(n) == 1 && semanticsForm(n[0], "PAS", "IDC", "PNO", "TIN"), "serialNumber is missing or not like PNOIR-0012345679")
	}},
	{"person_number_explained", "EN 319 412-1 5.1.1; ours", func(c *certificate) string {
		n := values(c.subject, oidSerialNumber)
		stray := len(n) == 1 && semanticsForm(n[0], "PAS", "IDC", "PNO", "TIN") && !c.semantics().Equal(oidSemanticsNatural)
		return unless(!stray, "serialNumber is a person's and no semantics say so")
	}},
	{"member_organisation", "EN 319 412-2 4.2.4", func(c *certificate) string {
		if !c.natural() {
			return ""
		}
		o, id := values(c.subject, oidOrganisation), values(c.subject, oidOrgID)
		switch {
		case len(o) != len(id):
			return "an organisation without organizationIdentifier, or the other way round"
		case len(o) > 0 && !organisationForm(id[0], o[0]):
			return "organizationIdentifier is the organisation or not like NTRIR-14003456780"
		}
		return ""
	}},
	{"legal_names", "EN 319 412-3 4.2.1", func(c *certificate) string {
		if !c.legal() {
			return ""
		}
		return unless(once(c.subject, oidCountry, oidOrganisation, oidOrgID, oidCommonName), "a legal person has not one country, organisation, organizationIdentifier and common name")
	}},
	{"legal_number", "EN 319 412-1 5.1.4", func(c *certificate) string {
		o, id := values(c.subject, oidOrganisation), values(c.subject, oidOrgID)
		if !c.legal() || len(o) != 1 || len(id) != 1 {
			return ""
		}
		return unless(organisationForm(id[0], o[0]), "organizationIdentifier is the organisation or not like NTRIR-14003456780")
	}},
	{"legal_names_no_person", "ours", func(c *certificate) string {
		stray := c.legal() && hasAny(c.subject, oidGivenName, oidSurname, oidPseudonym, oidSerialNumber)
		return unless(!stray, "a legal person's certificate names a natural one")
	}},
}

// natural reports whether the subject is a natural person.
func (c *certificate) natural() bool {
	return c.qcType().Equal(oidQcTypeSign) || c.semantics().Equal(oidSemanticsNatural)
}

// legal reports whether the subject is a legal person.
func (c *certificate) legal() bool {
	return c.qcType().Equal(oidQcTypeSeal) || c.semantics().Equal(oidSemanticsLegal)
}

func organisationForm(id, organisation string) bool {
	return id != organisation && semanticsForm(id, "NTR", "VAT", "PSD")
}

// semanticsForm reports whether s is a type of the list, or a national one as
// "XX:", a country, a hyphen and a reference (EN 319 412-1 sections 5.1.3 and
// 5.1.4).
func semanticsForm(s string, types ...string) bool {
	head, reference, ok := strings.Cut(s, "-")
	if !ok || reference == "" || len(head) != 5 || !letters(head[3:], 2, 'A', 'Z') {
		return false
	}
	return slices.Contains(types, head[:3]) || letters(head[:2], 2, 'A', 'Z') && head[2] == ':'
}
