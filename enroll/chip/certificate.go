package chip

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Bounds of a certificate.
const (
	maxCertificate = 16 << 10 // octets
	maxExtensions  = 32
	maxSerial      = 24 // octets: RFC 5280 says 20, some countries have more
)

// Certificate is one of a CSCA, a document signer or a master list signer. The
// standard library reads none with brainpool keys or explicit parameters.
type Certificate struct {
	raw, tbs        []byte
	serial          *big.Int
	issuer, subject name
	notBefore       time.Time
	notAfter        time.Time
	key             publicKey
	algorithm       algorithm
	signature       []byte

	extensions
}

// extensions are what we ask of a certificate's extensions (RFC 5280, 4.2.1).
type extensions struct {
	ca          bool
	usage       []byte // bits of keyUsage; nil: not said
	purposes    []string
	subjectKey  []byte
	issuerKey   []byte
	notSkipped  string // a critical extension that we do not know, in dots
	hasPurposes bool
}

// Country returns the two letters of the subject's country, "" if it has none.
func (c *Certificate) Country() string { return c.subject.country() }

// Subject returns the subject for people.
func (c *Certificate) Subject() string { return c.subject.String() }

// NotAfter returns the end of the validity, NotBefore its beginning.
func (c *Certificate) NotAfter() time.Time  { return c.notAfter }
func (c *Certificate) NotBefore() time.Time { return c.notBefore }

// Fingerprint is the hex SHA-256 of the certificate.
func (c *Certificate) Fingerprint() string {
	sum := sha256.Sum256(c.raw)
	return hex.EncodeToString(sum[:])
}

// readCertificate reads
//
//	Certificate ::= SEQUENCE {
//	  tbsCertificate TBSCertificate,
//	  signatureAlgorithm AlgorithmIdentifier, signature BIT STRING }
//
// (RFC 5280, 4.1). Nothing of it is verified.
func readCertificate(raw []byte, part string) (*Certificate, error) {
	if len(raw) > maxCertificate {
		return nil, errTooLarge(part, maxCertificate)
	}
	s := cryptobyte.String(raw)
	var outer, tbs, outerAlg cryptobyte.String
	c := &Certificate{raw: bytes.Clone(raw)}
	if !s.ReadASN1(&outer, der.SEQUENCE) {
		return nil, errMalformed(part)
	}
	if !s.Empty() {
		return nil, errTrailing(part)
	}
	if !outer.ReadASN1Element(&tbs, der.SEQUENCE) || !outer.ReadASN1Element(&outerAlg, der.SEQUENCE) ||
		!outer.ReadASN1BitStringAsBytes(&c.signature) || !outer.Empty() {
		return nil, errMalformed(part)
	}
	c.tbs = bytes.Clone(tbs)
	innerAlg, err := c.readTBS(tbs, part)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(innerAlg, outerAlg) { // RFC 5280, 4.1.1.2
		return nil, errMalformed(part)
	}
	c.algorithm, err = readAlgorithm(&outerAlg, part)
	if err == nil && c.algorithm.hash == 0 {
		err = errAlgorithm(oidRSA)
	}
	return c, err
}

// readTBS reads
//
//	TBSCertificate ::= SEQUENCE {
//	  version [0] INTEGER, serialNumber INTEGER, signature AlgorithmIdentifier,
//	  issuer Name, validity SEQUENCE { notBefore Time, notAfter Time },
//	  subject Name, subjectPublicKeyInfo SubjectPublicKeyInfo,
//	  issuerUniqueID [1], subjectUniqueID [2], extensions [3] }
//
// Only version 3 is read, and no unique identifiers.
func (c *Certificate) readTBS(s cryptobyte.String, part string) (algorithm []byte, err error) {
	var tbs, field, alg, validity cryptobyte.String
	version := 0
	c.serial = new(big.Int)
	if !s.ReadASN1(&tbs, der.SEQUENCE) || !tbs.ReadASN1(&field, tag0) || !field.ReadASN1Integer(&version) || version != 2 || !field.Empty() ||
		!tbs.ReadASN1Integer(c.serial) || c.serial.BitLen() > 8*maxSerial || !tbs.ReadASN1Element(&alg, der.SEQUENCE) {
		return nil, errMalformed(part)
	}
	var ok bool
	if c.issuer, ok = readName(&tbs); !ok {
		return nil, errMalformed(part)
	}
	if !tbs.ReadASN1(&validity, der.SEQUENCE) || !readTime(&validity, &c.notBefore) || !readTime(&validity, &c.notAfter) || !validity.Empty() {
		return nil, errMalformed(part)
	}
	if c.subject, ok = readName(&tbs); !ok {
		return nil, errMalformed(part)
	}
	if c.key, err = readKey(&tbs, part, minRSA); err != nil {
		return nil, err
	}
	if !tbs.ReadASN1(&field, tag3) || !tbs.Empty() || !c.extensions.read(field) {
		return nil, errMalformed(part)
	}
	return alg, nil
}

// readTime reads Time ::= CHOICE { UTCTime, GeneralizedTime } (RFC 5280, 4.1.2.5).
func readTime(s *cryptobyte.String, t *time.Time) bool {
	ok := false
	if s.PeekASN1Tag(der.UTCTime) {
		ok = s.ReadASN1UTCTime(t)
	} else {
		ok = s.ReadASN1GeneralizedTime(t)
	}
	*t = t.UTC()
	return ok
}

// read reads
//
//	Extensions ::= SEQUENCE OF SEQUENCE {
//	  extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE,
//	  extnValue OCTET STRING }
func (e *extensions) read(s cryptobyte.String) bool {
	var list, one, value cryptobyte.String
	if !s.ReadASN1(&list, der.SEQUENCE) || !s.Empty() {
		return false
	}
	seen := map[string]bool{}
	for !list.Empty() {
		critical := false
		if len(seen) == maxExtensions || !list.ReadASN1(&one, der.SEQUENCE) {
			return false
		}
		oid, ok := readOID(&one)
		if !ok || seen[oid] || one.PeekASN1Tag(der.BOOLEAN) && !one.ReadASN1Boolean(&critical) ||
			!one.ReadASN1(&value, der.OCTET_STRING) || !one.Empty() {
			return false
		}
		seen[oid] = true
		known, ok := e.take(oid, value)
		if !ok {
			return false
		}
		if critical && !known && e.notSkipped == "" {
			e.notSkipped = oid
		}
	}
	return true
}

// skipped are extensions that say nothing we act on, so that they may be
// critical: alternative names, private key usage period, CRL distribution
// points, policies (Doc 9303-12, 7.1.1).
var skipped = map[string]bool{"2.5.29.17": true, "2.5.29.18": true, "2.5.29.16": true, "2.5.29.31": true, "2.5.29.32": true, "2.23.136.1.1.6.2": true}

// take reads an extension's value.
func (e *extensions) take(oid string, v cryptobyte.String) (known, ok bool) {
	var inner cryptobyte.String
	known, ok = true, true
	switch oid {
	case oidBasicConstraints:
		length := 0
		ok = v.ReadASN1(&inner, der.SEQUENCE) && (!inner.PeekASN1Tag(der.BOOLEAN) || inner.ReadASN1Boolean(&e.ca)) &&
			(inner.Empty() || inner.ReadASN1Integer(&length)) && inner.Empty()
	case oidKeyUsage:
		ok = v.ReadASN1Element(&inner, der.BIT_STRING)
		e.usage, ok = readBits(inner, ok)
	case oidExtKeyUsage:
		e.hasPurposes = true
		ok = v.ReadASN1(&inner, der.SEQUENCE)
		for ok && !inner.Empty() {
			var purpose string
			purpose, ok = readOID(&inner)
			e.purposes = append(e.purposes, purpose)
		}
	case oidSubjectKeyID:
		ok = v.ReadASN1(&inner, der.OCTET_STRING)
		e.subjectKey = bytes.Clone(inner)
	case oidAuthorityKeyID:
		var key cryptobyte.String
		var has bool
		ok = v.ReadASN1(&inner, der.SEQUENCE) && inner.ReadOptionalASN1(&key, &has, der.Tag(0).ContextSpecific())
		e.issuerKey = bytes.Clone(key)
	default:
		return skipped[oid], true
	}
	return known, ok && v.Empty()
}

// readBits returns the octets of a BIT STRING, which may leave bits unused.
func readBits(s cryptobyte.String, ok bool) ([]byte, bool) {
	var body cryptobyte.String
	if !ok || !s.ReadASN1(&body, der.BIT_STRING) || len(body) < 2 || len(body) > 3 || body[0] > 7 {
		return nil, false
	}
	return bytes.Clone(body[1:]), true
}

// Bits of keyUsage (RFC 5280, 4.2.1.3).
const (
	bitDigitalSignature = 0
	bitKeyCertSign      = 5
	bitCRLSign          = 6
)

// may reports whether keyUsage names the bit.
func (e *extensions) may(bit int) bool {
	return len(e.usage) > bit/8 && e.usage[bit/8]&(0x80>>(bit%8)) != 0
}

// signs reports whether c may be the issuer of what names issuer and, unless
// nil, key as such, by the names alone.
func (c *Certificate) signs(issuer name, key []byte) bool {
	return c.subject.roughly(issuer) && (len(key) == 0 || len(c.subjectKey) == 0 || bytes.Equal(key, c.subjectKey))
}

// validAt reports whether t lies within the validity.
func (c *Certificate) validAt(t time.Time) bool {
	return !t.Before(c.notBefore) && !t.After(c.notAfter)
}
