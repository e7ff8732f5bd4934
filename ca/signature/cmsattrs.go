package signature

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// maxAttributes bounds the signed attributes; CAdES-B knows about ten.
const maxAttributes = 24

// parseAttributes reads the elements of
//
//	SignedAttributes ::= SET SIZE (1..MAX) OF Attribute
//	Attribute ::= SEQUENCE {
//	  attrType OBJECT IDENTIFIER,
//	  attrValues SET OF AttributeValue }
//
// (RFC 5652 section 5.3). They must be in DER, which orders them, and no type
// may come twice. What is signed is not the [0] they came in but the same
// elements as a SET OF (section 5.4).
func parseAttributes(attrs cryptobyte.String) (attributes, error) {
	a := attributes{signed: setOf(attrs)}
	seen := map[string]bool{}
	var previous []byte
	for !attrs.Empty() {
		var element, attr, values cryptobyte.String
		var oid asn1.ObjectIdentifier
		if len(seen) == maxAttributes ||
			!attrs.ReadASN1Element(&element, der.SEQUENCE) || bytes.Compare(previous, element) >= 0 {
			return a, errCMSMalformed()
		}
		previous = element
		if !element.ReadASN1(&attr, der.SEQUENCE) || !attr.ReadASN1ObjectIdentifier(&oid) || seen[oid.String()] ||
			!attr.ReadASN1(&values, der.SET) || !attr.Empty() {
			return a, errCMSMalformed()
		}
		seen[oid.String()] = true
		if !a.read(oid, values) {
			return a, errCMSMalformed()
		}
	}
	if a.contentType == nil || a.messageDigest == nil {
		return a, errAttributesMissing()
	}
	return a, nil
}

// setOf wraps elements as a SET OF.
func setOf(elements []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(elements) })
	return b.BytesOrPanic() // cannot fail: the length was bounded by maxCMS
}

// read takes the single value of an attribute we know; others are kept unread.
func (a *attributes) read(oid asn1.ObjectIdentifier, values cryptobyte.String) bool {
	ok := true
	switch {
	case oid.Equal(oidContentType):
		ok = values.ReadASN1ObjectIdentifier(&a.contentType)
	case oid.Equal(oidMessageDigest):
		var digest cryptobyte.String
		ok = values.ReadASN1(&digest, der.OCTET_STRING) && len(digest) > 0
		a.messageDigest = digest
	case oid.Equal(oidSigningTime):
		a.signingTime, ok = readTime(&values)
	case oid.Equal(oidSigningCertificateV2):
		a.certificate, ok = readSigningCertificate(&values)
	default:
		a.others = append(a.others, Attribute{Type: oid, Value: values})
		return true
	}
	return ok && values.Empty()
}

// readTime reads Time ::= CHOICE { utcTime UTCTime, generalTime
// GeneralizedTime } (RFC 5652 section 11.3).
func readTime(s *cryptobyte.String) (time.Time, bool) {
	var t time.Time
	if s.PeekASN1Tag(der.UTCTime) {
		ok := s.ReadASN1UTCTime(&t)
		return t.UTC(), ok
	}
	ok := s.ReadASN1GeneralizedTime(&t)
	return t.UTC(), ok
}

// readSigningCertificate reads
//
//	SigningCertificateV2 ::= SEQUENCE {
//	  certs SEQUENCE OF ESSCertIDv2,
//	  policies SEQUENCE OF PolicyInformation OPTIONAL }
//	ESSCertIDv2 ::= SEQUENCE {
//	  hashAlgorithm AlgorithmIdentifier DEFAULT {algorithm id-sha256},
//	  certHash OCTET STRING,
//	  issuerSerial IssuerSerial OPTIONAL }
//	IssuerSerial ::= SEQUENCE {
//	  issuer GeneralNames,
//	  serialNumber CertificateSerialNumber }
//
// (RFC 5035 section 3). The first entry is the signer's; others, and the
// policies, are not looked at.
func readSigningCertificate(s *cryptobyte.String) (certID, bool) {
	id := certID{hash: crypto.SHA256}
	var outer, certs, first, digest cryptobyte.String
	if !s.ReadASN1(&outer, der.SEQUENCE) || !outer.ReadASN1(&certs, der.SEQUENCE) || !certs.ReadASN1(&first, der.SEQUENCE) {
		return id, false
	}
	if first.PeekASN1Tag(der.SEQUENCE) {
		var alg cryptobyte.String
		if !first.ReadASN1(&alg, der.SEQUENCE) {
			return id, false
		}
		hash, ok := parseHash(alg)
		if !ok {
			return id, false
		}
		id.hash = hash
	}
	if !first.ReadASN1(&digest, der.OCTET_STRING) || len(digest) == 0 {
		return id, false
	}
	id.digest = digest
	if first.Empty() {
		return id, true
	}
	return id, id.readIssuerSerial(&first) && first.Empty()
}

// readIssuerSerial reads an IssuerSerial whose issuer is one directoryName,
// [4] EXPLICIT Name (RFC 5280 section 4.2.1.6).
func (id *certID) readIssuerSerial(s *cryptobyte.String) bool {
	var pair, names, name cryptobyte.String
	id.serial = new(big.Int)
	ok := s.ReadASN1(&pair, der.SEQUENCE) && pair.ReadASN1(&names, der.SEQUENCE) &&
		names.ReadASN1(&name, der.Tag(4).ContextSpecific().Constructed()) && names.Empty() &&
		pair.ReadASN1Integer(id.serial) && pair.Empty()
	id.issuer = name
	return ok
}
