package lint

import (
	"crypto/elliptic"
	"encoding/asn1"
	"testing"
	"time"

	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// certificateCase is a good certificate of a kind with one change. rule is
// the one it breaks; "" none; "zlint" one of zlint's.
type certificateCase struct {
	name   string
	rule   string
	kind   func(testing.TB) cert
	change func(*cert)
}

func (c certificateCase) der(t testing.TB) []byte {
	made := c.kind(t)
	if c.change != nil {
		c.change(&made)
	}
	return made.der()
}

func TestCertificates(t *testing.T) {
	runCases(t, "certificate", Certificate, ruleNames(endEntityRules), certificateCases(t, goodEndEntities, commonCases(t), nameCases, personCases, qcCases, roleCases))
}

func TestAuthorities(t *testing.T) {
	runCases(t, "authority", Authority, ruleNames(authorityRules[len(nameRules)+len(commonRules):]), append(certificateCases(t, authorityCases, weakCA(t)), namedCase{"a root without an authority key identifier", "", bareRoot(t)}))
}

// bareRoot has a real signature, by which zlint tells a root.
func bareRoot(t testing.TB) []byte {
	c := root(t)
	c.drop(oidAKI)
	return c.signed(t, testKey(t, elliptic.P384(), 3))
}

func weakCA(t testing.TB) []certificateCase {
	return []certificateCase{{"a CA on RSA with 2048 bits", "ca_key", issuing, func(c *cert) { c.spki = rsaInfo(t, 2048, 65537) }}}
}

func certificateCases(t *testing.T, tables ...[]certificateCase) (list []namedCase) {
	for _, table := range tables {
		for _, c := range table {
			list = append(list, namedCase{c.name, c.rule, c.der(t)})
		}
	}
	return list
}

var goodEndEntities = []certificateCase{
	{"a natural person's signature", "", naturalSign, nil},
	{"a person's signature in an organisation", "", organisationSign, nil},
	{"a legal person's seal", "", seal, nil},
	{"a person's authentication", "", login, nil},
	{"a server", "", tls, nil},
	{"a time stamping unit", "", stamping, nil},
	{"an OCSP responder", "", responder, nil},
	{"a short-lived signature", "", short, nil},
	{"a certificate that ends in 2050", "", naturalSign, func(c *cert) {
		c.from, c.to = time.Date(2049, 6, 1, 0, 0, 0, 0, time.UTC), time.Date(2050, 5, 31, 0, 0, 0, 0, time.UTC)
	}},
}

// commonCases break what all certificates must keep.
func commonCases(t *testing.T) []certificateCase {
	p521, rsa := spkiOf(t, testKey(t, elliptic.P521(), 2).Public()), rsaInfo(t, 2048, 65537)
	return []certificateCase{
		{"an RSA server that enciphers", "tls_key_usage", tls, func(c *cert) { c.spki = rsa; c.set(keyUsage(5, 0xa0)) }},
		{"a certificate of version 2", "version", naturalSign, func(c *cert) { c.version = explicit(0, number(1)) }},
		{"a serial of 21 octets", "serial", naturalSign, func(c *cert) { c.serial = bigNumber(append([]byte{1}, make([]byte, 20)...)...) }},
		{"a serial that begins above 0x7f", "serial", naturalSign, func(c *cert) { c.serial = bigNumber(append([]byte{0, 0x80}, make([]byte, 16)...)...) }},
		{"a serial that can be guessed", "serial", naturalSign, func(c *cert) { c.serial = number(1) }},
		{"a certificate that ends before it begins", "validity", naturalSign, func(c *cert) { c.from, c.to = c.to, c.from }},
		{"a certificate of four years", "life", naturalSign, func(c *cert) { c.to = c.from.Add(4 * 365 * day) }},
		{"a signature with SHA-1", "signature_algorithm", naturalSign, func(c *cert) { c.algorithm = rsaSHA1 }},
		{"a key on P-521", "subject_key", naturalSign, func(c *cert) { c.spki = p521 }},
		{"an RSA key of 1024 bits", "subject_key", naturalSign, func(c *cert) { c.spki = rsaInfo(t, 1024, 65537) }},
		{"an RSA key with the exponent 3", "subject_key", naturalSign, func(c *cert) { c.spki = rsaInfo(t, 2048, 3) }},
		{"no subject key identifier", "subject_key_identifier", naturalSign, func(c *cert) { c.drop(oidSKI) }},
		{"no authority key identifier", "authority_key_identifier", naturalSign, func(c *cert) { c.drop(oidAKI) }},
		{"an end entity that is a CA", "no_authority", naturalSign, func(c *cert) { c.set(constraints(isCA)) }},
		{"an end entity that may sign CRLs", "no_authority", naturalSign, func(c *cert) { c.set(keyUsage(1, 0x42)) }},
		{"an unknown critical extension", "critical", naturalSign, func(c *cert) { c.set(extn{asn1.ObjectIdentifier{2, 999, 5}, true, null}) }},
		{"critical policies", "critical", naturalSign, func(c *cert) { c.critical(oidPolicies, true) }},
		{"a critical extended key usage of what stamps no time", "critical", naturalSign, func(c *cert) { c.critical(oidExtKeyUsage, true) }},
		{"policy mappings", "never", naturalSign, func(c *cert) { c.set(extn{oidPolicyMappings, false, seq(seq(oid(testPolicy), oid(realPolicy)))}) }},
		{"policy constraints", "never", naturalSign, func(c *cert) { c.set(extn{oidPolicyConstraint, true, seq(implicit(0, []byte{0}))}) }},
		{"name constraints", "never", naturalSign, func(c *cert) {
			c.set(extn{oidNameConstraints, true, seq(explicit(0, seq(implicit(2, []byte("mohr.test")))))})
		}},
		{"inhibit any policy", "never", naturalSign, func(c *cert) { c.set(extn{oidInhibitAnyPolicy, true, number(0)}) }},
		{"no key usage", "key_usage_form", naturalSign, func(c *cert) { c.drop(oidKeyUsage) }},
		{"a key usage that is not critical", "key_usage_form", naturalSign, func(c *cert) { c.critical(oidKeyUsage, false) }},
		{"a key usage with zero bits at its end", "key_usage_form", naturalSign, func(c *cert) { c.set(keyUsage(0, 0x40)) }},
		{"a key usage with a zero octet at its end", "key_usage_form", naturalSign, func(c *cert) {
			c.set(extn{oidKeyUsage, true, wrap(cryptobyte_asn1.BIT_STRING, []byte{0, 0x40, 0})})
		}},
		{"a key usage of nothing", "key_usage_form", naturalSign, func(c *cert) { c.set(keyUsage(7, 0)) }},
		{"an EC key that enciphers", "key_usage", tls, func(c *cert) { c.set(keyUsage(5, 0xa0)) }},
		{"a signature key of type D", "key_usage_type", naturalSign, func(c *cert) { c.spki = rsa; c.set(keyUsage(5, 0xa0)) }},
		{"no extended key usage", "extended_key_usage", naturalSign, func(c *cert) { c.drop(oidExtKeyUsage) }},
		{"any extended key usage", "extended_key_usage_form", naturalSign, func(c *cert) { c.set(ekuOf(oidDocumentSigning, oidAnyUsage)) }},
		{"an extended key usage twice", "extended_key_usage_form", naturalSign, func(c *cert) { c.set(ekuOf(oidDocumentSigning, oidDocumentSigning)) }},
		{"an extended key usage with something after it", "readable", naturalSign, func(c *cert) {
			c.set(extn{oidExtKeyUsage, false, append(oids(oidDocumentSigning), null...)})
		}},
		{"no policy", "policies", naturalSign, func(c *cert) { c.drop(oidPolicies) }},
		{"any policy", "policies", naturalSign, func(c *cert) { c.set(policy(asn1.ObjectIdentifier{2, 5, 29, 32, 0})) }},
		{"no authority information access", "issuer_certificate", naturalSign, func(c *cert) { c.drop(oidAIA) }},
		{"the issuer's certificate behind TLS", "issuer_certificate", naturalSign, func(c *cert) {
			c.set(access("http://mohr.test/ocsp/sign-p256", "https://mohr.test/ca/sign-p256.cer"))
		}},
	}
}

var nameCases = []certificateCase{
	{"an issuer without an organisation", "issuer_names", naturalSign, func(c *cert) {
		c.issuer = name(attr(oidCountry, printable("IR")), attr(oidCommonName, utf8String("Mohr")))
	}},
	{"an issuer whose organizationIdentifier is its organisation", "issuer_names", naturalSign, func(c *cert) {
		c.issuer = name(attr(oidCountry, printable("IR")), attr(oidOrganisation, printable("Mohr")), attr(oidOrgID, printable("Mohr")), attr(oidCommonName, utf8String("Mohr")))
	}},
	{"an empty subject", "subject_there", tls, func(c *cert) { c.subject = name(); c.critical(oidSAN, true) }},
	{"two attributes in a set", "subject_one_a_set", tls, func(c *cert) {
		c.subject = seq(wrap(cryptobyte_asn1.SET, attr(oidCommonName, utf8String("a")), attr(oidCountry, printable("IR"))))
	}},
	{"two common names", "subject_each_once", tls, func(c *cert) {
		c.subject = name(attr(oidCommonName, utf8String("a")), attr(oidCommonName, utf8String("b")))
	}},
	{"a country in UTF8String", "subject_printable", tls, func(c *cert) { c.subject = name(attr(oidCountry, utf8String("IR"))) }},
	{"a number in UTF8String", "subject_printable", tls, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidSerialNumber, utf8String("1")))
	}},
	{"a country of three letters", "subject_country", tls, func(c *cert) { c.subject = name(attr(oidCountry, printable("IRN"))) }},
}

var personCases = []certificateCase{
	{"a person under a pseudonym", "", naturalSign, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidCommonName, utf8String("x")), attr(oidPseudonym, utf8String("x")), attr(oidSerialNumber, printable("PNOIR-1")))
	}},
	{"a person with a national type of number", "", naturalSign, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidCommonName, utf8String("x")), attr(oidGivenName, utf8String("x")), attr(oidSerialNumber, printable("EI:IR-1")))
	}},
	{"a person without a country", "person_names", naturalSign, func(c *cert) {
		c.subject = name(attr(oidCommonName, utf8String("x")), attr(oidGivenName, utf8String("x")), attr(oidSerialNumber, printable("PNOIR-1")))
	}},
	{"a person without a common name", "person_names", naturalSign, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidGivenName, utf8String("x")), attr(oidSerialNumber, printable("PNOIR-1")))
	}},
	{"a pseudonym beside a name", "person_pseudonym", naturalSign, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidCommonName, utf8String("x")), attr(oidSurname, utf8String("x")), attr(oidPseudonym, utf8String("x")), attr(oidSerialNumber, printable("PNOIR-1")))
	}},
	{"a person without any name of hers", "person_pseudonym", naturalSign, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidCommonName, utf8String("x")), attr(oidSerialNumber, printable("PNOIR-1")))
	}},
	{"a person without a number", "person_number", naturalSign, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidCommonName, utf8String("x")), attr(oidSurname, utf8String("x")))
	}},
	{"a bare national code", "person_number", naturalSign, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidCommonName, utf8String("x")), attr(oidSurname, utf8String("x")), attr(oidSerialNumber, printable("0012345679")))
	}},
	{"a number without the semantics that explain it", "person_number_explained", login, func(c *cert) { c.drop(oidQCStatements) }},
	{"an organisation without its number", "member_organisation", organisationSign, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidOrganisation, utf8String("o")), attr(oidCommonName, utf8String("x")), attr(oidGivenName, utf8String("x")), attr(oidSerialNumber, printable("PNOIR-1")))
	}},
	{"an organisation that is its own number", "member_organisation", organisationSign, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidOrganisation, printable("NTRIR-1")), attr(oidOrgID, printable("NTRIR-1")), attr(oidCommonName, utf8String("x")), attr(oidGivenName, utf8String("x")), attr(oidSerialNumber, printable("PNOIR-1")))
	}},
	{"a seal without an organizationIdentifier", "legal_names", seal, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidOrganisation, utf8String("o")), attr(oidCommonName, utf8String("o")))
	}},
	{"a seal with a bare legal id", "legal_number", seal, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidOrganisation, utf8String("o")), attr(oidOrgID, printable("14003456780")), attr(oidCommonName, utf8String("o")))
	}},
	{"a seal whose organisation is its number", "legal_number", seal, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidOrganisation, printable("NTRIR-1")), attr(oidOrgID, printable("NTRIR-1")), attr(oidCommonName, utf8String("o")))
	}},
	{"a seal that names a person", "legal_names_no_person", seal, func(c *cert) {
		c.subject = name(attr(oidCountry, printable("IR")), attr(oidOrganisation, utf8String("o")), attr(oidOrgID, printable("NTRIR-1")), attr(oidCommonName, utf8String("o")), attr(oidSurname, utf8String("x")))
	}},
}
