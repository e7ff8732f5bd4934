package lint

import (
	"encoding/asn1"

	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// real puts a certificate under a policy that is not for tests.
func real(statements ...[]byte) func(*cert) {
	return func(c *cert) {
		c.set(policy(realPolicy))
		c.set(qc(statements...))
	}
}

func under(statements ...[]byte) func(*cert) {
	return func(c *cert) { c.set(qc(statements...)) }
}

var iranian = stated(oidQcLegislation, seq(printable("IR")))

var qcCases = []certificateCase{
	{"all statements in their form", "", naturalSign, real(stated(oidQcCompliance), stated(oidQcLimit, seq(printable("IRR"), number(50), number(9))), stated(oidQcRetention, number(7)),
		stated(oidQcSSCD), iranian, stated(oidQcIdentification, oids(asn1.ObjectIdentifier{1, 2, 3})), signType, goodPDS, person)},
	{"critical statements", "qc_plain", naturalSign, func(c *cert) { c.critical(oidQCStatements, true) }},
	{"a statement twice", "qc_each_once", naturalSign, under(signType, signType, goodPDS, person)},
	{"statements with something after them", "readable", naturalSign, func(c *cert) {
		e := qc(signType, goodPDS, person)
		e.value = append(e.value, null...)
		c.set(e)
	}},
	{"a statement with two values", "readable", naturalSign, under(signType, goodPDS, stated(oidSemantics, oids(oidSemanticsNatural), null))},
	{"semantics as a bare identifier", "qc_semantics_sequence", naturalSign, under(signType, goodPDS, stated(oidSemantics, oid(oidSemanticsNatural)))},
	{"semantics without a value", "qc_semantics_sequence", naturalSign, under(signType, goodPDS, stated(oidSemantics))},
	{"semantics of two kinds", "qc_semantics_sequence", naturalSign, under(signType, goodPDS, stated(oidSemantics, oids(oidSemanticsNatural, oidSemanticsLegal)))},
	{"semantics that nobody knows", "qc_semantics_known", naturalSign, under(signType, goodPDS, stated(oidSemantics, oids(testPolicy)))},
	{"no type", "qc_type_one", naturalSign, under(goodPDS, person)},
	{"two types", "qc_type_one", naturalSign, under(stated(oidQcType, oids(oidQcTypeSign, oidQcTypeSeal)), goodPDS, person)},
	{"a type as a bare identifier", "qc_type_one", naturalSign, under(stated(oidQcType, oid(oidQcTypeSign)), goodPDS, person)},
	{"a type that does not exist", "qc_type_one", naturalSign, under(stated(oidQcType, oids(asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 9})), goodPDS, person)},
	{"a signature of a legal person", "qc_type_semantics", seal, under(signType, goodPDS, legal)},
	{"a seal of a natural person", "qc_type_semantics", naturalSign, under(sealType, goodPDS, person)},
	{"no disclosure statement", "qc_pds", naturalSign, under(signType, person)},
	{"a disclosure statement without TLS", "qc_pds", naturalSign, under(signType, pds(location("http://mohr.test/pds", "en")), person)},
	{"a disclosure statement in no language", "qc_pds", naturalSign, under(signType, pds(location("https://mohr.test/pds", "")), person)},
	{"a language in capitals", "qc_pds", naturalSign, under(signType, pds(location("https://mohr.test/pds", "EN")), person)},
	{"a language of three letters", "qc_pds", naturalSign, under(signType, pds(location("https://mohr.test/a", "en"), location("https://mohr.test/b", "fas")), person)},
	{"no disclosure statement in English", "qc_pds", naturalSign, under(signType, pds(location("https://mohr.test/pds", "fa")), person)},
	{"two disclosure statements in English", "qc_pds", naturalSign, under(signType, pds(location("https://mohr.test/a", "en"), location("https://mohr.test/b", "en")), person)},
	{"a URL in UTF8String", "qc_pds", naturalSign, under(signType, pds(seq(utf8String("https://mohr.test/a"), printable("en"))), person)},
	{"an empty list of disclosure statements", "qc_pds", naturalSign, under(signType, pds(), person)},
	{"a compliance under no law", "qc_law", naturalSign, real(stated(oidQcCompliance), signType, goodPDS, person)},
	{"a test certificate that complies", "qc_test_claims_nothing", naturalSign, under(stated(oidQcCompliance), iranian, signType, goodPDS, person)},
	{"a test certificate on a device", "qc_test_claims_nothing", naturalSign, under(stated(oidQcSSCD), signType, goodPDS, person)},
	{"a compliance with a value", "qc_form", naturalSign, real(stated(oidQcCompliance, null), iranian, signType, goodPDS, person)},
	{"a device with a value", "qc_form", naturalSign, real(stated(oidQcSSCD, null), signType, goodPDS, person)},
	{"a limit in small letters", "qc_form", naturalSign, real(stated(oidQcLimit, seq(printable("irr"), number(1), number(0))), signType, goodPDS, person)},
	{"a limit below nothing", "qc_form", naturalSign, real(stated(oidQcLimit, seq(printable("IRR"), number(-1), number(0))), signType, goodPDS, person)},
	{"a retention that is text", "qc_form", naturalSign, real(stated(oidQcRetention, printable("7")), signType, goodPDS, person)},
	{"a law of no country", "qc_form", naturalSign, real(stated(oidQcLegislation, seq()), signType, goodPDS, person)},
	{"a law in small letters", "qc_form", naturalSign, real(stated(oidQcLegislation, seq(printable("ir"))), signType, goodPDS, person)},
	{"a law in UTF8String", "qc_form", naturalSign, real(stated(oidQcLegislation, seq(wrap(cryptobyte_asn1.UTF8String, []byte("IR")))), signType, goodPDS, person)},
	{"two methods of identification", "qc_form", naturalSign, real(stated(oidQcIdentification, oids(testPolicy, realPolicy)), signType, goodPDS, person)},
}
