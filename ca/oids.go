package ca

import "encoding/asn1"

// Object identifiers that the profiles use and the standard library does not name.
var (
	oidCountry      = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidOrganisation = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSurname      = asn1.ObjectIdentifier{2, 5, 4, 4}
	oidGivenName    = asn1.ObjectIdentifier{2, 5, 4, 42}
	oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidTitle        = asn1.ObjectIdentifier{2, 5, 4, 12}
	oidOrgID        = asn1.ObjectIdentifier{2, 5, 4, 97} // organizationIdentifier, EN 319 412-1

	oidKeyUsage        = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidExtKeyUsage     = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidSKI             = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidAKI             = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidSAN             = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidPolicies        = asn1.ObjectIdentifier{2, 5, 29, 32}
	oidCRLDP           = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidPrivateKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 16}
	oidAIA             = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}
	oidQCStatements    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}
	oidOCSPNoCheck     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}

	oidShortTerm  = asn1.ObjectIdentifier{0, 4, 0, 194121, 2, 1} // validity assured, short term: EN 319 412-1 section 5.2
	oidNoRevAvail = asn1.ObjectIdentifier{2, 5, 29, 56}          // RFC 9608
	oidOCSP       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1}
	oidCAIssuers  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 2}

	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSAWithSHA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidSHA256WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}

	oidServerAuth      = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	oidClientAuth      = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	oidTimeStamping    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	oidOCSPSigning     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 9}
	oidCMCRA           = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 28} // RFC 6402 section 2.10: who speaks CMP for the CA
	oidDocumentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36} // RFC 9336

	oidSemantics        = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 11, 2} // id-qcs-pkixQCSyntax-v2, RFC 3739
	oidSemanticsNatural = asn1.ObjectIdentifier{0, 4, 0, 194121, 1, 1}      // EN 319 412-1 section 5.1
	oidSemanticsLegal   = asn1.ObjectIdentifier{0, 4, 0, 194121, 1, 2}      // EN 319 412-1 section 5.1.4
	// EN 319 412-5 sections 4.2 and 4.3
	oidQcCompliance     = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 1}
	oidQcLimit          = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 2}
	oidQcRetention      = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 3}
	oidQcSSCD           = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 4}
	oidQcLegislation    = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 7}
	oidQcIdentification = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 8}
	oidQcPDS            = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 5} // EN 319 412-5 section 4.3.4
	oidQcType           = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6} // EN 319 412-5 section 4.2.3
	oidQcTypeSign       = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 1}
	oidQcTypeSeal       = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 2}
)

// Certificate policies of the service's own certificates, under the example
// arc until an arc of one's own is configured.
const (
	policyService    = "2.999.7.1"
	policyOperator   = "2.999.7.2"
	policyInfraStamp = "2.999.7.3"
	policyServer     = "2.999.7.4"
)
