package cades

import (
	"encoding/asn1"

	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Object identifiers of CMS and CAdES.
var (
	oidData       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} // RFC 5652 section 4
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2} // RFC 5652 section 5.1

	oidContentType          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}         // RFC 5652 section 11.1
	oidMessageDigest        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}         // RFC 5652 section 11.2
	oidSigningTime          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}         // RFC 5652 section 11.3
	oidSigningCertificateV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47} // RFC 5035 section 3
	oidMIMEType             = asn1.ObjectIdentifier{0, 4, 0, 1733, 2, 1}                // EN 319 122-1 section 5.2.5.2
	oidContentStamp         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 20} // EN 319 122-1 section 5.2.8
	oidSignatureStamp       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14} // EN 319 122-1 section 5.3

	oidOCSPResponse = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 16, 2} // RFC 5940 section 2.1
)

var (
	tag0 = der.Tag(0).ContextSpecific().Constructed()
	tag1 = der.Tag(1).ContextSpecific().Constructed()
	// keyIDTag is [0] IMPLICIT OCTET STRING, the subjectKeyIdentifier of a SignerInfo.
	keyIDTag = der.Tag(0).ContextSpecific()
)
