package document

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca/document/suite"
)

// forIssuer reports whether what an OCSPResponse says of the serial of c it
// says of a certificate of this issuer: the library compares serials alone,
// and a responder may answer for several CAs. Of
//
//	OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED, responseBytes [0] EXPLICIT ResponseBytes OPTIONAL }
//	ResponseBytes ::= SEQUENCE { responseType OBJECT IDENTIFIER, response OCTET STRING }
//	BasicOCSPResponse ::= SEQUENCE { tbsResponseData ResponseData, ... }
//	ResponseData ::= SEQUENCE {
//	  version [0] EXPLICIT Version DEFAULT v1,
//	  responderID CHOICE { byName [1] Name, byKey [2] KeyHash },
//	  producedAt GeneralizedTime,
//	  responses SEQUENCE OF SingleResponse, ... }
//	SingleResponse ::= SEQUENCE { certID CertID, ... }
//
// (RFC 6960 section 4.2.1) it reads what leads to the CertIDs.
func forIssuer(raw []byte, c, issuer *x509.Certificate) bool {
	explicit := func(n uint8) der.Tag { return der.Tag(n).ContextSpecific().Constructed() }
	in := cryptobyte.String(raw)
	var outer, wrapped, body, octets, basic, data, responses, skipped cryptobyte.String
	var tag der.Tag
	if !in.ReadASN1(&outer, der.SEQUENCE) || !outer.SkipASN1(der.ENUM) || !outer.ReadASN1(&wrapped, explicit(0)) ||
		!wrapped.ReadASN1(&body, der.SEQUENCE) || !body.SkipASN1(der.OBJECT_IDENTIFIER) || !body.ReadASN1(&octets, der.OCTET_STRING) ||
		!octets.ReadASN1(&basic, der.SEQUENCE) || !basic.ReadASN1(&data, der.SEQUENCE) ||
		!data.SkipOptionalASN1(explicit(0)) || !data.ReadAnyASN1(&skipped, &tag) || !data.SkipASN1(der.GeneralizedTime) ||
		!data.ReadASN1(&responses, der.SEQUENCE) {
		return false
	}
	found := false
	for !responses.Empty() {
		var single cryptobyte.String
		if !responses.ReadASN1(&single, der.SEQUENCE) {
			return false
		}
		serial, ok, own := readCertID(&single, issuer)
		if !ok {
			return false
		}
		if serial.Cmp(c.SerialNumber) == 0 {
			if !own {
				return false
			}
			found = true
		}
	}
	return found
}

// readCertID reads
//
//	CertID ::= SEQUENCE {
//	  hashAlgorithm AlgorithmIdentifier,
//	  issuerNameHash OCTET STRING,
//	  issuerKeyHash OCTET STRING,
//	  serialNumber CertificateSerialNumber }
//
// own says that both hashes are the issuer's.
func readCertID(s *cryptobyte.String, issuer *x509.Certificate) (serial *big.Int, ok, own bool) {
	var id, name, key cryptobyte.String
	serial = new(big.Int)
	if !s.ReadASN1(&id, der.SEQUENCE) {
		return nil, false, false
	}
	h, ok := suite.ReadHash(&id)
	if !ok || !id.ReadASN1(&name, der.OCTET_STRING) || !id.ReadASN1(&key, der.OCTET_STRING) || !id.ReadASN1Integer(serial) || !id.Empty() {
		return nil, false, false
	}
	return serial, true, h != 0 && bytes.Equal(name, suite.Digest(h, issuer.RawSubject)) && bytes.Equal(key, keyHash(h, issuer))
}

// keyHash is the digest of the issuer's key without tag, length and unused bits.
func keyHash(h crypto.Hash, issuer *x509.Certificate) []byte {
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &spki); err != nil {
		return nil
	}
	return suite.Digest(h, spki.Key.RightAlign())
}
