package lint

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// response is a successful OCSP response (RFC 6960 section 4.2.1).
type response struct {
	basic        bool
	versioned    bool      // v1 is spelled out
	byKey        []byte    // the KeyHash; nil where byName
	byName       []byte    // the Name, DER; nil where byKey
	producedAt   time.Time // zero where it is malformed
	singles      []single
	extensions   []pkix.Extension
	algorithm    asn1.ObjectIdentifier
	certificates []*certificate
}

// single is a SingleResponse.
type single struct {
	certID                 []byte // DER
	hash                   asn1.ObjectIdentifier
	nameHash, keyHash      []byte
	revoked                bool
	revokedAt              time.Time
	reason                 int       // -1 where none is given
	thisUpdate, nextUpdate time.Time // zero where missing or malformed
	extensions             []pkix.Extension
}

// Bounds of a response. They are ours.
const (
	maxSingles      = 1000
	maxCertificates = 10
)

var errOCSP = errors.New("lint: OCSP: this is no OCSP response in DER")

// parseOCSP reads a response; nil for one that reports an error, as
//
//	OCSPResponse ::= SEQUENCE {
//	    responseStatus ENUMERATED { successful(0), malformedRequest(1), internalError(2),
//	        tryLater(3), sigRequired(5), unauthorized(6) },
//	    responseBytes [0] EXPLICIT SEQUENCE { responseType OBJECT IDENTIFIER, response OCTET STRING } OPTIONAL }
func parseOCSP(der []byte) (*response, error) {
	if len(der) > maxObject {
		return nil, errTooLong
	}
	input := cryptobyte.String(der)
	var all, wrapped, inner, content cryptobyte.String
	var status int
	var bytes bool
	if !input.ReadASN1(&all, cryptobyte_asn1.SEQUENCE) || !input.Empty() || !all.ReadASN1Enum(&status) ||
		!all.ReadOptionalASN1(&wrapped, &bytes, tagged(0)) || !all.Empty() {
		return nil, errOCSP
	}
	if status != 0 {
		if bytes || status < 1 || status > 6 || status == 4 {
			return nil, errors.New("lint: OCSP: an error that does not exist, or one with a response")
		}
		return nil, nil
	}
	var kind asn1.ObjectIdentifier
	if !wrapped.ReadASN1(&inner, cryptobyte_asn1.SEQUENCE) || !wrapped.Empty() || !inner.ReadASN1ObjectIdentifier(&kind) ||
		!inner.ReadASN1(&content, cryptobyte_asn1.OCTET_STRING) || !inner.Empty() {
		return nil, errOCSP
	}
	r := &response{basic: kind.Equal(oidOCSPBasic)}
	if !r.parseBasic(content) {
		return nil, errOCSP
	}
	return r, nil
}

func tagged(n uint8) cryptobyte_asn1.Tag {
	return cryptobyte_asn1.Tag(n).ContextSpecific().Constructed()
}

// parseBasic reads
//
//	BasicOCSPResponse ::= SEQUENCE {
//	    tbsResponseData ResponseData, signatureAlgorithm AlgorithmIdentifier,
//	    signature BIT STRING, certs [0] EXPLICIT SEQUENCE OF Certificate OPTIONAL }
func (r *response) parseBasic(der cryptobyte.String) bool {
	var basic, data, algorithm, signature, wrapped, certs, one cryptobyte.String
	var embedded bool
	if !der.ReadASN1(&basic, cryptobyte_asn1.SEQUENCE) || !der.Empty() ||
		!basic.ReadASN1(&data, cryptobyte_asn1.SEQUENCE) ||
		!basic.ReadASN1(&algorithm, cryptobyte_asn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&r.algorithm) ||
		!basic.ReadASN1(&signature, cryptobyte_asn1.BIT_STRING) ||
		!basic.ReadOptionalASN1(&wrapped, &embedded, tagged(0)) || !basic.Empty() || !r.parseData(data) {
		return false
	}
	if embedded && (!wrapped.ReadASN1(&certs, cryptobyte_asn1.SEQUENCE) || !wrapped.Empty()) {
		return false
	}
	for !certs.Empty() {
		if len(r.certificates) == maxCertificates || !certs.ReadASN1Element(&one, cryptobyte_asn1.SEQUENCE) {
			return false
		}
		c, err := parseCertificate(one)
		if err != nil {
			return false
		}
		r.certificates = append(r.certificates, c)
	}
	return true
}

// parseData reads
//
//	ResponseData ::= SEQUENCE {
//	    version [0] EXPLICIT INTEGER DEFAULT v1, responderID CHOICE { byName [1] Name, byKey [2] OCTET STRING },
//	    producedAt GeneralizedTime, responses SEQUENCE OF SingleResponse,
//	    responseExtensions [1] EXPLICIT Extensions OPTIONAL }
func (r *response) parseData(data cryptobyte.String) bool {
	var version, id, key, produced, list, one cryptobyte.String
	if !data.ReadOptionalASN1(&version, &r.versioned, tagged(0)) {
		return false
	}
	switch {
	case data.PeekASN1Tag(tagged(1)):
		if !data.ReadASN1(&id, tagged(1)) {
			return false
		}
		r.byName = id
	case !data.ReadASN1(&id, tagged(2)) || !id.ReadASN1(&key, cryptobyte_asn1.OCTET_STRING) || !id.Empty():
		return false
	default:
		r.byKey = key
	}
	if !data.ReadASN1(&produced, cryptobyte_asn1.GeneralizedTime) || !data.ReadASN1(&list, cryptobyte_asn1.SEQUENCE) {
		return false
	}
	r.producedAt, _ = generalized(string(produced))
	for !list.Empty() {
		var s single
		if len(r.singles) == maxSingles || !list.ReadASN1(&one, cryptobyte_asn1.SEQUENCE) || !s.parse(one) {
			return false
		}
		r.singles = append(r.singles, s)
	}
	var ok bool
	r.extensions, ok = readExtensions(&data)
	return ok && data.Empty()
}

// parse reads
//
//	SingleResponse ::= SEQUENCE {
//	    certID SEQUENCE { hashAlgorithm AlgorithmIdentifier, issuerNameHash OCTET STRING,
//	        issuerKeyHash OCTET STRING, serialNumber INTEGER },
//	    certStatus CHOICE { good [0] NULL,
//	        revoked [1] SEQUENCE { revocationTime GeneralizedTime, revocationReason [0] EXPLICIT ENUMERATED OPTIONAL },
//	        unknown [2] NULL },
//	    thisUpdate GeneralizedTime, nextUpdate [0] EXPLICIT GeneralizedTime OPTIONAL,
//	    singleExtensions [1] EXPLICIT Extensions OPTIONAL }
func (s *single) parse(der cryptobyte.String) bool {
	var element, id, algorithm, name, key, status, this, wrapped, next cryptobyte.String
	var tag cryptobyte_asn1.Tag
	var has bool
	if !der.ReadASN1Element(&element, cryptobyte_asn1.SEQUENCE) {
		return false
	}
	s.certID = element
	if !element.ReadASN1(&id, cryptobyte_asn1.SEQUENCE) || !id.ReadASN1(&algorithm, cryptobyte_asn1.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&s.hash) || !id.ReadASN1(&name, cryptobyte_asn1.OCTET_STRING) ||
		!id.ReadASN1(&key, cryptobyte_asn1.OCTET_STRING) || !id.SkipASN1(cryptobyte_asn1.INTEGER) || !id.Empty() ||
		!der.ReadAnyASN1(&status, &tag) || !s.parseStatus(status, tag) ||
		!der.ReadASN1(&this, cryptobyte_asn1.GeneralizedTime) || !der.ReadOptionalASN1(&wrapped, &has, tagged(0)) {
		return false
	}
	s.nameHash, s.keyHash = name, key
	s.thisUpdate, _ = generalized(string(this))
	if has {
		if !wrapped.ReadASN1(&next, cryptobyte_asn1.GeneralizedTime) || !wrapped.Empty() {
			return false
		}
		s.nextUpdate, _ = generalized(string(next))
	}
	var ok bool
	s.extensions, ok = readExtensions(&der)
	return ok && der.Empty()
}

func (s *single) parseStatus(content cryptobyte.String, tag cryptobyte_asn1.Tag) bool {
	s.reason = -1
	if tag != tagged(1) {
		known := tag == cryptobyte_asn1.Tag(0).ContextSpecific() || tag == cryptobyte_asn1.Tag(2).ContextSpecific()
		return known && content.Empty()
	}
	var at, wrapped cryptobyte.String
	var has bool
	if !content.ReadASN1(&at, cryptobyte_asn1.GeneralizedTime) || !content.ReadOptionalASN1(&wrapped, &has, tagged(0)) || !content.Empty() {
		return false
	}
	s.revoked = true
	s.revokedAt, _ = generalized(string(at))
	return !has || wrapped.ReadASN1Enum(&s.reason) && wrapped.Empty()
}

// readExtensions reads [1] EXPLICIT Extensions, if they are next.
func readExtensions(s *cryptobyte.String) (list []pkix.Extension, ok bool) {
	if !s.PeekASN1Tag(tagged(1)) {
		return nil, true
	}
	var wrapped cryptobyte.String
	if !s.ReadASN1(&wrapped, tagged(1)) {
		return nil, false
	}
	rest, err := asn1.Unmarshal(wrapped, &list)
	return list, err == nil && len(rest) == 0 && len(list) > 0
}

// strongIDs are the signature algorithms that count as strong.
var strongIDs = map[string]x509.SignatureAlgorithm{
	"1.2.840.10045.4.3.2":   x509.ECDSAWithSHA256,
	"1.2.840.10045.4.3.3":   x509.ECDSAWithSHA384,
	"1.2.840.10045.4.3.4":   x509.ECDSAWithSHA512,
	"1.2.840.113549.1.1.11": x509.SHA256WithRSA,
	"1.2.840.113549.1.1.12": x509.SHA384WithRSA,
	"1.2.840.113549.1.1.13": x509.SHA512WithRSA,
}
