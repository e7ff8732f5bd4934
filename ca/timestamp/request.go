package timestamp

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Limits of a request; RFC 3161 has none of its own.
const (
	maxRequest = 4 << 10
	maxNonce   = 128 // octets
)

// failInfo is a bit of PKIFailureInfo (RFC 3161 section 2.4.2).
type failInfo int

// The failures, by the standard's words. addInfoNotAvailable is for what we
// never offer.
const (
	none                failInfo = -1
	badAlg              failInfo = 0
	badRequest          failInfo = 2
	badDataFormat       failInfo = 5
	timeNotAvailable    failInfo = 14
	unacceptedPolicy    failInfo = 15
	unacceptedExtension failInfo = 16
	systemFailure       failInfo = 25
)

// String returns the standard's word.
func (f failInfo) String() string {
	switch f {
	case badAlg:
		return "badAlg"
	case badRequest:
		return "badRequest"
	case badDataFormat:
		return "badDataFormat"
	case timeNotAvailable:
		return "timeNotAvailable"
	case unacceptedPolicy:
		return "unacceptedPolicy"
	case unacceptedExtension:
		return "unacceptedExtension"
	case systemFailure:
		return "systemFailure"
	}
	return fmt.Sprintf("failInfo(%d)", int(f))
}

// request is a TimeStampReq.
type request struct {
	hash       crypto.Hash
	digest     []byte
	policy     asn1.ObjectIdentifier // empty: any
	nonce      []byte                // the INTEGER as it came, to be echoed; nil: none
	certReq    bool
	extensions bool // it has some; we know none
}

// parseRequest reads a TimeStampReq (RFC 3161 section 2.4.1).
//
//	TimeStampReq ::= SEQUENCE {
//	    version         INTEGER { v1(1) },
//	    messageImprint  MessageImprint,
//	    reqPolicy       OBJECT IDENTIFIER OPTIONAL,
//	    nonce           INTEGER OPTIONAL,
//	    certReq         BOOLEAN DEFAULT FALSE,
//	    extensions      [0] IMPLICIT Extensions OPTIONAL }
//	MessageImprint ::= SEQUENCE {
//	    hashAlgorithm   AlgorithmIdentifier,
//	    hashedMessage   OCTET STRING }
func parseRequest(der []byte) (request, failInfo) {
	var q request
	if len(der) > maxRequest {
		return q, badDataFormat
	}
	in := cryptobyte.String(der)
	var body, imprint, nonce, extensions cryptobyte.String
	var version int64
	if !in.ReadASN1(&body, cryptobyte_asn1.SEQUENCE) || !in.Empty() ||
		!body.ReadASN1Integer(&version) || !body.ReadASN1(&imprint, cryptobyte_asn1.SEQUENCE) {
		return q, badDataFormat
	}
	if body.PeekASN1Tag(cryptobyte_asn1.OBJECT_IDENTIFIER) && !body.ReadASN1ObjectIdentifier(&q.policy) {
		return q, badDataFormat
	}
	if body.PeekASN1Tag(cryptobyte_asn1.INTEGER) {
		if !body.ReadASN1Element(&nonce, cryptobyte_asn1.INTEGER) || !minimal(nonce) {
			return q, badDataFormat
		}
		q.nonce = nonce
	}
	if body.PeekASN1Tag(cryptobyte_asn1.BOOLEAN) && !body.ReadASN1Boolean(&q.certReq) {
		return q, badDataFormat
	}
	if !body.ReadOptionalASN1(&extensions, &q.extensions, tag(0)) || !body.Empty() {
		return q, badDataFormat
	}
	if version != 1 {
		return q, badRequest
	}
	failure := q.readImprint(imprint)
	return q, failure
}

// minimal reports whether the element is an INTEGER in DER, and not too long.
func minimal(element cryptobyte.String) bool {
	return len(element) <= maxNonce && element.ReadASN1Integer(new(big.Int)) && element.Empty()
}

func tag(n uint8) cryptobyte_asn1.Tag {
	return cryptobyte_asn1.Tag(n).ContextSpecific().Constructed()
}

// readImprint reads MessageImprint's content.
func (q *request) readImprint(in cryptobyte.String) failInfo {
	var algorithm, digest cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&algorithm, cryptobyte_asn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) ||
		!in.ReadASN1(&digest, cryptobyte_asn1.OCTET_STRING) || !in.Empty() {
		return badDataFormat
	}
	if !algorithm.Empty() && (!algorithm.SkipASN1(cryptobyte_asn1.NULL) || !algorithm.Empty()) {
		return badAlg
	}
	if q.hash = hashOf(oid); q.hash == 0 {
		return badAlg
	}
	if len(digest) != q.hash.Size() {
		return badDataFormat
	}
	q.digest = digest
	return none
}

// usagePeriod returns when the certificate's key may sign: its validity,
// narrowed by privateKeyUsagePeriod (RFC 3280 section 4.2.1.4).
//
//	PrivateKeyUsagePeriod ::= SEQUENCE {
//	    notBefore  [0] IMPLICIT GeneralizedTime OPTIONAL,
//	    notAfter   [1] IMPLICIT GeneralizedTime OPTIONAL }
func usagePeriod(c *x509.Certificate) (from, to time.Time, err error) {
	from, to = c.NotBefore, c.NotAfter
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidPrivateKeyUsage) {
			continue
		}
		in := cryptobyte.String(e.Value)
		var body cryptobyte.String
		if !in.ReadASN1(&body, cryptobyte_asn1.SEQUENCE) || !in.Empty() {
			return from, to, errors.New("privateKeyUsagePeriod is malformed")
		}
		for n, bound := range []*time.Time{&from, &to} {
			var text cryptobyte.String
			var present bool
			if !body.ReadOptionalASN1(&text, &present, cryptobyte_asn1.Tag(n).ContextSpecific()) {
				return from, to, errors.New("privateKeyUsagePeriod is malformed")
			}
			if !present {
				continue
			}
			if *bound, err = parseTime(string(text)); err != nil {
				return from, to, fmt.Errorf("privateKeyUsagePeriod: %w", err)
			}
		}
		if !body.Empty() {
			return from, to, errors.New("privateKeyUsagePeriod is malformed")
		}
	}
	return from, to, nil
}

// timeLayout is GeneralizedTime of RFC 3161 section 2.4.2: UTC, seconds, a
// fraction without trailing zeros.
const timeLayout = "20060102150405.999999999Z"

// parseTime reads it in its one form.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(timeLayout, s)
	if err != nil || t.Format(timeLayout) != s {
		return time.Time{}, errors.New("not a GeneralizedTime in DER")
	}
	return t, nil
}
