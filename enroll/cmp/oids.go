package cmp

import (
	"crypto/x509"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidPBM     = asn1.ObjectIdentifier{1, 2, 840, 113533, 7, 66, 13} // RFC 4211 section 4.4
	oidPBMAC1  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 14}  // RFC 8018 section 7.1
	oidPBKDF2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidSHA256  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	oidHMAC256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidHMAC384 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 10}
	oidHMAC512 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 11}

	oidCACerts    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 4, 17}   // id-it-caCerts, RFC 9480
	oidOldCertID  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 5, 1, 5} // id-regCtrl-oldCertID, RFC 4211
	oidReasonCode = asn1.ObjectIdentifier{2, 5, 29, 21}                 // id-ce-cRLReasons
)

// signatureAlgorithms are those that protect messages.
var signatureAlgorithms = map[string]x509.SignatureAlgorithm{
	"1.2.840.10045.4.3.2":   x509.ECDSAWithSHA256,
	"1.2.840.10045.4.3.3":   x509.ECDSAWithSHA384,
	"1.2.840.10045.4.3.4":   x509.ECDSAWithSHA512,
	"1.2.840.113549.1.1.11": x509.SHA256WithRSA,
	"1.2.840.113549.1.1.12": x509.SHA384WithRSA,
	"1.2.840.113549.1.1.13": x509.SHA512WithRSA,
}

// tag is [n], constructed: all explicit tags, and implicit ones of sequences.
func tag(n uint8) der.Tag { return der.Tag(n).ContextSpecific().Constructed() }

// readAlgorithm reads an AlgorithmIdentifier: the OID and what follows it.
func readAlgorithm(s *cryptobyte.String) (oid asn1.ObjectIdentifier, params cryptobyte.String, ok bool) {
	ok = s.ReadASN1(&params, der.SEQUENCE) && params.ReadASN1ObjectIdentifier(&oid)
	return oid, params, ok
}

// plain reports whether parameters are absent or NULL.
func plain(params cryptobyte.String) bool {
	var none cryptobyte.String
	return params.Empty() || params.ReadASN1(&none, der.NULL) && none.Empty() && params.Empty()
}
