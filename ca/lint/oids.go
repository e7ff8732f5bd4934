package lint

import "encoding/asn1"

// Object identifiers that the rules speak of.
var (
	oidCountry      = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidOrganisation = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSurname      = asn1.ObjectIdentifier{2, 5, 4, 4}
	oidGivenName    = asn1.ObjectIdentifier{2, 5, 4, 42}
	oidPseudonym    = asn1.ObjectIdentifier{2, 5, 4, 65}
	oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidOrgID        = asn1.ObjectIdentifier{2, 5, 4, 97}

	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidSKI              = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidAKI              = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidSAN              = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidPolicies         = asn1.ObjectIdentifier{2, 5, 29, 32}
	oidCRLDP            = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidFreshestCRL      = asn1.ObjectIdentifier{2, 5, 29, 46}
	oidPrivateKeyUsage  = asn1.ObjectIdentifier{2, 5, 29, 16}
	oidPolicyMappings   = asn1.ObjectIdentifier{2, 5, 29, 33}
	oidNameConstraints  = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidPolicyConstraint = asn1.ObjectIdentifier{2, 5, 29, 36}
	oidInhibitAnyPolicy = asn1.ObjectIdentifier{2, 5, 29, 54}
	oidNoRevAvail       = asn1.ObjectIdentifier{2, 5, 29, 56}
	oidShortTerm        = asn1.ObjectIdentifier{0, 4, 0, 194121, 2, 1}
	oidAIA              = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}
	oidQCStatements     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}

	oidAnyUsage     = asn1.ObjectIdentifier{2, 5, 29, 37, 0}
	oidServerAuth   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	oidClientAuth   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	oidTimeStamping = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	oidOCSPSigning  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 9}

	oidSemantics        = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 11, 2}
	oidSemanticsNatural = asn1.ObjectIdentifier{0, 4, 0, 194121, 1, 1}
	oidSemanticsLegal   = asn1.ObjectIdentifier{0, 4, 0, 194121, 1, 2}

	oidETSI             = asn1.ObjectIdentifier{0, 4, 0, 1862, 1} // the arc of EN 319 412-5
	oidQcCompliance     = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 1}
	oidQcLimit          = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 2}
	oidQcRetention      = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 3}
	oidQcSSCD           = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 4}
	oidQcPDS            = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 5}
	oidQcType           = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6}
	oidQcTypeSign       = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 1}
	oidQcTypeSeal       = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 2}
	oidQcTypeWeb        = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 3}
	oidQcLegislation    = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 7}
	oidQcIdentification = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 8}

	oidCRLNumber         = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidReasonCode        = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidInvalidityDate    = asn1.ObjectIdentifier{2, 5, 29, 24}
	oidDeltaCRL          = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIDP               = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidExpiredCertsOnCRL = asn1.ObjectIdentifier{2, 5, 29, 60}

	oidOCSPBasic         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidOCSPNonce         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidOCSPNoCheck       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	oidOCSPArchiveCutoff = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}
	oidOCSPExtended      = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 9}
	oidSHA1              = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidSHA256            = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
)
