package lint

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// statement is a QCStatement (RFC 3739 section 3.2.6); info is the whole
// element, nil where there is none.
type statement struct {
	id   asn1.ObjectIdentifier
	info cryptobyte.String
}

// parseStatements reads qcStatements:
//
//	QCStatements ::= SEQUENCE OF SEQUENCE {
//	    statementId OBJECT IDENTIFIER, statementInfo ANY OPTIONAL }
func parseStatements(der []byte) ([]statement, bool) {
	input := cryptobyte.String(der)
	var all, one cryptobyte.String
	if !input.ReadASN1(&all, cryptobyte_asn1.SEQUENCE) || !input.Empty() || all.Empty() {
		return nil, false
	}
	list := []statement{}
	for !all.Empty() {
		var s statement
		if !all.ReadASN1(&one, cryptobyte_asn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&s.id) {
			return nil, false
		}
		if !one.Empty() {
			var tag cryptobyte_asn1.Tag
			if !one.ReadAnyASN1Element(&s.info, &tag) || !one.Empty() {
				return nil, false
			}
		}
		list = append(list, s)
	}
	return list, true
}

// stated returns the statement of the id, and whether it is there.
func (c *certificate) stated(id asn1.ObjectIdentifier) (statement, bool) {
	i := slices.IndexFunc(c.statements, func(s statement) bool { return s.id.Equal(id) })
	if i < 0 {
		return statement{}, false
	}
	return c.statements[i], true
}

// qcType returns the one type that is stated; nil if there is none.
func (c *certificate) qcType() asn1.ObjectIdentifier { return c.only(oidQcType) }

// semantics returns the semantics identifier that is stated; nil if there is none.
func (c *certificate) semantics() asn1.ObjectIdentifier { return c.only(oidSemantics) }

// only returns the one object identifier in the SEQUENCE that a statement
// holds; nil if it holds something else.
func (c *certificate) only(id asn1.ObjectIdentifier) asn1.ObjectIdentifier {
	s, ok := c.stated(id)
	if !ok {
		return nil
	}
	if list, ok := parseObjectIDs(s.info); ok && len(list) == 1 {
		return list[0]
	}
	return nil
}

var qcRules = []rule[*certificate]{
	{"qc_plain", "EN 319 412-5 4.1", func(c *certificate) string {
		return unless(c.statements == nil || c.plain(oidQCStatements), "qcStatements is critical")
	}},
	{"qc_each_once", "EN 319 412-5 4.1", func(c *certificate) string {
		for i, s := range c.statements {
			if slices.ContainsFunc(c.statements[:i], func(t statement) bool { return t.id.Equal(s.id) }) {
				return "statement " + s.id.String() + " is there twice"
			}
		}
		return ""
	}},
	{"qc_form", "EN 319 412-5 4.2, 4.3", qcForm},
	{"qc_semantics_sequence", "RFC 3739 3.2.6.1", func(c *certificate) string {
		if _, ok := c.stated(oidSemantics); !ok {
			return ""
		}
		id := c.semantics()
		return unless(id != nil, "SemanticsInformation is not a SEQUENCE of one identifier")
	}},
	{"qc_semantics_known", "EN 319 412-1 5.1", func(c *certificate) string {
		id := c.semantics()
		return unless(id == nil || id.Equal(oidSemanticsNatural) || id.Equal(oidSemanticsLegal), "the semantics are of neither a natural nor a legal person")
	}},
	{"qc_type_one", "EN 319 412-5 4.2.3", func(c *certificate) string {
		if !slices.ContainsFunc(c.statements, func(s statement) bool { return isETSI(s.id) }) {
			return ""
		}
		id := c.qcType()
		known := id != nil && (id.Equal(oidQcTypeSign) || id.Equal(oidQcTypeSeal) || id.Equal(oidQcTypeWeb))
		return unless(known, "QcType does not name exactly one of signature, seal and website")
	}},
	{"qc_type_semantics", "EN 319 412-2 4.2, 412-3 4.2", func(c *certificate) string {
		t, s := c.qcType(), c.semantics()
		switch {
		case t.Equal(oidQcTypeSign):
			return unless(s.Equal(oidSemanticsNatural), "a signature without the semantics of a natural person")
		case t.Equal(oidQcTypeSeal):
			return unless(s.Equal(oidSemanticsLegal), "a seal without the semantics of a legal person")
		}
		return ""
	}},
	{"qc_pds", "EN 319 412-5 4.3.4", qcPDS},
	{"qc_law", "EN 319 412-5 4.2.1; ours", func(c *certificate) string {
		_, compliance := c.stated(oidQcCompliance)
		_, law := c.stated(oidQcLegislation)
		return unless(!compliance || law, "compliance is claimed and no country's law named")
	}},
	{"qc_test_claims_nothing", "ours", func(c *certificate) string {
		if !slices.ContainsFunc(c.Policies, isTest) {
			return ""
		}
		for _, id := range []asn1.ObjectIdentifier{oidQcCompliance, oidQcSSCD, oidQcLegislation} {
			if _, ok := c.stated(id); ok {
				return "a test policy and statement " + id.String()
			}
		}
		return ""
	}},
}

func isETSI(id asn1.ObjectIdentifier) bool {
	return len(id) == len(oidETSI)+1 && id[:len(oidETSI)].Equal(oidETSI)
}

// isTest reports whether a policy lies in the example arc {2 999}, where no
// production policy is.
func isTest(policy x509.OID) bool {
	return strings.HasPrefix(policy.String(), "2.999.")
}

// qcForm asks each statement that EN 319 412-5 defines for its syntax.
func qcForm(c *certificate) string {
	for _, s := range c.statements {
		form, ok := qcForms[s.id.String()]
		if !ok {
			continue
		}
		if rest := s.info; !form(&rest) || !rest.Empty() {
			return "the syntax of statement " + s.id.String()
		}
	}
	return ""
}

// qcForms read the statementInfo, which is empty where there is none.
var qcForms = map[string]func(*cryptobyte.String) bool{
	oidQcCompliance.String(): func(s *cryptobyte.String) bool { return s.Empty() },
	oidQcSSCD.String():       func(s *cryptobyte.String) bool { return s.Empty() },
	oidQcLimit.String(): func(s *cryptobyte.String) bool {
		// MonetaryValue ::= SEQUENCE { currency, amount INTEGER, exponent INTEGER }
		var v, currency cryptobyte.String
		var number, amount, exponent int64
		return s.ReadASN1(&v, cryptobyte_asn1.SEQUENCE) &&
			(v.ReadASN1(&currency, cryptobyte_asn1.PrintableString) && letters(string(currency), 3, 'A', 'Z') ||
				v.ReadASN1Integer(&number) && number >= 1 && number <= 999) &&
			v.ReadASN1Integer(&amount) && amount >= 0 && v.ReadASN1Integer(&exponent) && v.Empty()
	},
	oidQcRetention.String(): func(s *cryptobyte.String) bool {
		var years int64
		return s.ReadASN1Integer(&years) && years >= 0
	},
	oidQcLegislation.String(): func(s *cryptobyte.String) bool {
		// QcCClegislation ::= SEQUENCE SIZE (1..MAX) OF PrintableString (SIZE (2))
		var list, country cryptobyte.String
		if !s.ReadASN1(&list, cryptobyte_asn1.SEQUENCE) || list.Empty() {
			return false
		}
		for !list.Empty() {
			if !list.ReadASN1(&country, cryptobyte_asn1.PrintableString) || !letters(string(country), 2, 'A', 'Z') {
				return false
			}
		}
		return true
	},
	oidQcIdentification.String(): func(s *cryptobyte.String) bool {
		var list cryptobyte.String
		var id asn1.ObjectIdentifier
		return s.ReadASN1(&list, cryptobyte_asn1.SEQUENCE) && list.ReadASN1ObjectIdentifier(&id) && list.Empty()
	},
}

// letters reports whether s is n letters from low to high.
func letters(s string, n int, low, high byte) bool {
	for _, c := range []byte(s) {
		if c < low || c > high {
			return false
		}
	}
	return len(s) == n
}

// qcPDS wants disclosure statements where a type is stated:
//
//	PdsLocations ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE { url IA5String, language PrintableString (SIZE (2)) }
func qcPDS(c *certificate) string {
	s, ok := c.stated(oidQcPDS)
	if !ok {
		return unless(c.qcType() == nil, "there is no disclosure statement")
	}
	var list, one, url, lang cryptobyte.String
	if !s.info.ReadASN1(&list, cryptobyte_asn1.SEQUENCE) || !s.info.Empty() || list.Empty() {
		return "QcEuPDS is not a SEQUENCE of locations"
	}
	seen := map[string]bool{}
	for !list.Empty() {
		if !list.ReadASN1(&one, cryptobyte_asn1.SEQUENCE) || !one.ReadASN1(&url, cryptobyte_asn1.IA5String) ||
			!one.ReadASN1(&lang, cryptobyte_asn1.PrintableString) || !one.Empty() {
			return "a location is not a URL and a language"
		}
		switch {
		case !strings.HasPrefix(string(url), "https://") || len(url) < len("https://a/"):
			return "a disclosure statement is not at an https URL"
		case !letters(string(lang), 2, 'a', 'z'):
			return "a language is not two small letters"
		case seen[string(lang)]:
			return "two disclosure statements in " + string(lang)
		}
		seen[string(lang)] = true
	}
	return unless(seen["en"], "there is no disclosure statement in English")
}
