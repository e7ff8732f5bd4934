package lint

import (
	"encoding/asn1"

	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var authorityCases = []certificateCase{
	{"a root", "", root, nil},
	{"a cross-certificate", "", cross, nil},
	{"an issuing CA", "", issuing, nil},
	{"a root without a country", "ca_names", root, func(c *cert) {
		c.subject = name(attr(oidOrganisation, utf8String("Mohr")), attr(oidCommonName, utf8String("Mohr")))
		c.issuer = c.subject
	}},
	{"a root without constraints", "ca_constraints", root, func(c *cert) { c.drop(oidBasicConstraints) }},
	{"a root with constraints that are not critical", "ca_constraints", root, func(c *cert) { c.critical(oidBasicConstraints, false) }},
	{"an issuing CA that is none", "ca_constraints", issuing, func(c *cert) { c.set(constraints()) }},
	{"a root with a path length", "ca_path_length", root, func(c *cert) { c.set(constraints(isCA, number(1))) }},
	{"an issuing CA with a path length of 1", "ca_path_length", issuing, func(c *cert) { c.set(constraints(isCA, number(1))) }},
	{"a CA that signs data too", "ca_key_usage", issuing, func(c *cert) { c.set(keyUsage(1, 0x86)) }},
	{"a CA that signs no CRL", "ca_key_usage", issuing, func(c *cert) { c.set(keyUsage(2, 0x04)) }},
	{"a root of 40 years", "ca_life", root, func(c *cert) { c.to = c.from.Add(40 * 365 * day) }},
	{"a CA with an unknown critical extension", "ca_critical", issuing, func(c *cert) { c.set(extn{asn1.ObjectIdentifier{2, 999, 5}, true, null}) }},
	{"a root with an extended key usage", "root_no_extended_key_usage", root, func(c *cert) { c.set(ekuOf(oidServerAuth)) }},
	{"a root without a subject key identifier", "subject_key_identifier", root, func(c *cert) { c.drop(oidSKI) }},
	{"an issuing CA without an authority key identifier", "ca_authority_key_identifier", issuing, func(c *cert) { c.drop(oidAKI) }},
	{"an issuing CA without a policy", "ca_policies", issuing, func(c *cert) { c.drop(oidPolicies) }},
	{"an issuing CA without a CRL", "ca_crl_url", issuing, func(c *cert) { c.drop(oidCRLDP) }},
	{"an issuing CA without its root's certificate", "ca_issuer_certificate", issuing, func(c *cert) { c.drop(oidAIA) }},
	{"an issuing CA with statements", "ca_no_statements", issuing, func(c *cert) { c.set(qc(person)) }},
	{"a CA with zero bits at the end of its key usage", "key_usage_form", root, func(c *cert) {
		c.set(extn{oidKeyUsage, true, wrap(cryptobyte_asn1.BIT_STRING, []byte{0, 6})})
	}},
	{"a root with a serial that can be guessed", "ca_serial", root, func(c *cert) { c.serial = number(1) }},
	{"an issuing CA with a serial that begins above 0x7f", "", issuing, func(c *cert) { c.serial = bigNumber(append([]byte{0, 0x80}, make([]byte, 16)...)...) }},
	{"an issuing CA with a serial of 20 octets and a zero before them", "ca_serial", issuing, func(c *cert) { c.serial = bigNumber(append([]byte{0, 0x80}, make([]byte, 19)...)...) }},
}
