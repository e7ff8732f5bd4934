package cades

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca/document/suite"
	"mohr/ca/signature"
)

// attributes are the signed attributes that are read, each at most once.
type attributes struct {
	signed        []byte // DER of SET OF Attribute: what the signature is over
	contentType   bool   // it is there, and data
	messageDigest []byte
	signingTime   time.Time
	certificate   certID
	mime          string
	stamps        [][]byte
	states        bool // that the document holds a statement (docs/decisions/0122)
}

// maxMIME bounds a mime-type, octets.
const maxMIME = 256

// parseAttributes reads the elements of
//
//	SignedAttributes ::= SET SIZE (1..MAX) OF Attribute
//	Attribute ::= SEQUENCE {
//	  attrType OBJECT IDENTIFIER,
//	  attrValues SET OF AttributeValue }
//
// (RFC 5652 section 5.3), of which no type comes twice. What is signed is not
// the [0] they came in but the same elements as a SET OF (section 5.4).
func parseAttributes(attrs cryptobyte.String) (attributes, error) {
	a := attributes{signed: setOf(attrs)}
	seen := map[string]bool{}
	for !attrs.Empty() {
		var attr, values cryptobyte.String
		var oid asn1.ObjectIdentifier
		if len(seen) == maxAttributes || !attrs.ReadASN1(&attr, der.SEQUENCE) || !attr.ReadASN1ObjectIdentifier(&oid) ||
			seen[oid.String()] || !attr.ReadASN1(&values, der.SET) || !attr.Empty() {
			return a, errMalformed("a signed attribute that is broken or comes twice")
		}
		seen[oid.String()] = true
		if !a.read(oid, values) {
			return a, errMalformed("a signed attribute that is broken: " + oid.String())
		}
	}
	if !a.contentType || a.messageDigest == nil {
		return a, errMalformed("no content-type of data or no message-digest among the signed attributes")
	}
	return a, nil
}

// setOf wraps elements as a SET OF.
func setOf(elements []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(elements) })
	return b.BytesOrPanic() // cannot fail: the length was bounded by MaxSize
}

// read takes the value of an attribute we know; others are left.
func (a *attributes) read(oid asn1.ObjectIdentifier, values cryptobyte.String) bool {
	ok := true
	switch {
	case oid.Equal(oidContentType):
		var kind asn1.ObjectIdentifier
		ok = values.ReadASN1ObjectIdentifier(&kind)
		a.contentType = kind.Equal(oidData)
	case oid.Equal(oidMessageDigest):
		var digest cryptobyte.String
		ok = values.ReadASN1(&digest, der.OCTET_STRING) && len(digest) > 0
		a.messageDigest = digest
	case oid.Equal(oidSigningTime):
		a.signingTime, ok = readTime(&values)
	case oid.Equal(oidSigningCertificateV2):
		a.certificate, ok = readSigningCertificate(&values)
	case oid.Equal(oidMIMEType):
		var mime cryptobyte.String
		ok = values.ReadASN1(&mime, der.UTF8String) && len(mime) > 0 && len(mime) <= maxMIME && utf8.Valid(mime)
		a.mime = string(mime)
	case oid.Equal(signature.CommitmentType):
		a.states = bytes.Equal(values, signature.CommitmentValue)
		return true
	case oid.Equal(oidContentStamp):
		a.stamps, ok = elements(values, maxValues)
		return ok
	default:
		return true
	}
	return ok && values.Empty()
}

// readTime reads Time ::= CHOICE { utcTime UTCTime, generalTime
// GeneralizedTime } (RFC 5652 section 11.3).
func readTime(s *cryptobyte.String) (t time.Time, ok bool) {
	if s.PeekASN1Tag(der.UTCTime) {
		ok = s.ReadASN1UTCTime(&t)
	} else {
		ok = s.ReadASN1GeneralizedTime(&t)
	}
	return t.UTC(), ok
}

// certID is the first ESSCertIDv2 of a signing-certificate-v2.
type certID struct {
	hash   crypto.Hash
	digest []byte
	issuer []byte // RawIssuer; nil: not said
	serial *big.Int
}

// names reports whether id is of the certificate, by a hash that holds.
func (id certID) names(c *x509.Certificate) bool {
	if id.digest == nil || id.hash == crypto.SHA1 || !bytes.Equal(id.digest, suite.Digest(id.hash, c.Raw)) {
		return false
	}
	return id.serial == nil || id.serial.Cmp(c.SerialNumber) == 0 && bytes.Equal(id.issuer, c.RawIssuer)
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
	var outer, certs, first, digest, pair, names, name cryptobyte.String
	if !s.ReadASN1(&outer, der.SEQUENCE) || !outer.ReadASN1(&certs, der.SEQUENCE) || !certs.ReadASN1(&first, der.SEQUENCE) {
		return id, false
	}
	if first.PeekASN1Tag(der.SEQUENCE) {
		var ok bool
		if id.hash, ok = suite.ReadHash(&first); !ok {
			return id, false
		}
	}
	if !first.ReadASN1(&digest, der.OCTET_STRING) || len(digest) == 0 {
		return id, false
	}
	id.digest = digest
	if first.Empty() {
		return id, true
	}
	// The issuer is one directoryName, [4] EXPLICIT Name (RFC 5280 section 4.2.1.6).
	id.serial = new(big.Int)
	ok := first.ReadASN1(&pair, der.SEQUENCE) && first.Empty() && pair.ReadASN1(&names, der.SEQUENCE) &&
		names.ReadASN1(&name, der.Tag(4).ContextSpecific().Constructed()) && names.Empty() &&
		pair.ReadASN1Integer(id.serial) && pair.Empty()
	id.issuer = name
	return id, ok
}
