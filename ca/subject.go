package ca

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"unicode/utf8"

	"mohr/ca/evidence"
	"mohr/internal/fault"
)

// country is where the persons of this registry are registered.
const country = "IR"

// personSubject is the DER subject of a natural person (EN 319 412-2 section
// 4.2.4), and of one in an organisation. Country and numbers are
// PrintableString, which encoding/asn1 chooses where the characters allow.
func personSubject(id evidence.Identity) ([]byte, error) {
	names := []pkix.AttributeTypeAndValue{{Type: oidCountry, Value: country}}
	if id.LegalID != "" {
		names = append(names,
			pkix.AttributeTypeAndValue{Type: oidOrganisation, Value: id.LegalName},
			pkix.AttributeTypeAndValue{Type: oidOrgID, Value: organisationID(id.LegalID)})
		if id.Title != "" {
			names = append(names, pkix.AttributeTypeAndValue{Type: oidTitle, Value: id.Title})
		}
	}
	names = append(names,
		pkix.AttributeTypeAndValue{Type: oidCommonName, Value: commonName(id.GivenName, id.Surname)},
		pkix.AttributeTypeAndValue{Type: oidSurname, Value: id.Surname},
		pkix.AttributeTypeAndValue{Type: oidGivenName, Value: id.GivenName},
		pkix.AttributeTypeAndValue{Type: oidSerialNumber, Value: "PNO" + country + "-" + id.NationalCode})
	return marshalNames(names)
}

// maxText bounds each text of a subject, in characters: ub-common-name,
// ub-organization-name, ub-title and ub-serial-number of RFC 5280, appendix
// A.1. Stricter for givenName and surname, which could have 32768.
const maxText = 64

// commonName is the full name, or what of it has room: EN 319 412-2 section
// 4.2.4 leaves the form to the issuer, and the full names are in givenName and
// surname. Given names are left out from the last word on; a surname beside
// which not even the first has room stands alone.
func commonName(given, surname string) string {
	for words := strings.Fields(given); len(words) > 0; words = words[:len(words)-1] {
		if name := strings.Join(words, " ") + " " + surname; utf8.RuneCountInString(name) <= maxText {
			return name
		}
	}
	return surname
}

// legalSubject is the DER subject of a seal (EN 319 412-3 section 4.2.1): the
// organisation alone. Who applied for it is in the record, not in the name.
func legalSubject(id evidence.Identity) ([]byte, error) {
	return marshalNames([]pkix.AttributeTypeAndValue{
		{Type: oidCountry, Value: country},
		{Type: oidOrganisation, Value: id.LegalName},
		{Type: oidOrgID, Value: organisationID(id.LegalID)},
		{Type: oidCommonName, Value: id.LegalName},
	})
}

// organisationID is the semantics form of EN 319 412-1 section 5.1.4.
func organisationID(legalID string) string { return "NTR" + country + "-" + legalID }

// serverSubject names a business's server. The number of the business is in
// it, so that a domain which changes hands does not take the name along: a
// legal id as organizationIdentifier, a sole trader's opaque id as serialNumber.
func serverSubject(s Service) ([]byte, error) {
	number := pkix.AttributeTypeAndValue{Type: oidSerialNumber, Value: string(s.Business)}
	if id, err := evidence.ParseLegalID(string(s.Business)); err == nil {
		number = pkix.AttributeTypeAndValue{Type: oidOrgID, Value: organisationID(id)}
	}
	return marshalNames([]pkix.AttributeTypeAndValue{
		{Type: oidCountry, Value: country}, number, {Type: oidCommonName, Value: s.CommonName},
	})
}

func serviceSubject(s Service) ([]byte, error) {
	return marshalNames([]pkix.AttributeTypeAndValue{
		{Type: oidCountry, Value: country},
		{Type: oidOrganisation, Value: "Mohr"},
		{Type: oidCommonName, Value: s.CommonName},
	})
}

// marshalNames writes one attribute a set; an empty or too long one is Invalid.
func marshalNames(names []pkix.AttributeTypeAndValue) ([]byte, error) {
	rdns := make(pkix.RDNSequence, len(names))
	for i, n := range names {
		if s, ok := n.Value.(string); !ok || s == "" || utf8.RuneCountInString(s) > maxText {
			return nil, fault.New(fault.Invalid, "subject_text_length", "a name in the subject is empty or longer than %[1]d characters; have it shortened where it is registered or configured", maxText)
		}
		rdns[i] = pkix.RelativeDistinguishedNameSET{n}
	}
	return asn1.Marshal(rdns)
}
