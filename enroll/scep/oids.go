package scep

import "encoding/asn1"

// Object identifiers of SCEP (RFC 8894 section 3.2.1) and what it rests on.
var (
	oidMessageType    = asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 2}
	oidStatus         = asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 3}
	oidFailInfo       = asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 4}
	oidSenderNonce    = asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 5}
	oidRecipientNonce = asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 6}
	oidTransactionID  = asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 7}
	oidFailText       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 24, 1}

	oidChallenge     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 7}     // RFC 2985 section 5.4.1
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}     // RFC 5652 section 4
	oidEnvelopedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}     // RFC 5652 section 6.1
	oidRSA           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}     // RFC 3370 section 4.2.1
	oidAES128        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2} // RFC 3565 section 4.1
	oidAES256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)
