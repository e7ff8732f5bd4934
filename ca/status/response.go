package status

import (
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// responseStatus is the OCSPResponseStatus of an answer without a response
// (RFC 6960 section 4.2.1).
type responseStatus int

// The refusals we have use for.
const (
	malformedRequest responseStatus = 1
	tryLater         responseStatus = 3
	unauthorized     responseStatus = 6
)

// der returns the OCSPResponse that only says no:
//
//	OCSPResponse ::= SEQUENCE {
//	    responseStatus  ENUMERATED,
//	    responseBytes   [0] EXPLICIT ResponseBytes OPTIONAL }
func (s responseStatus) der() []byte { return []byte{0x30, 0x03, 0x0a, 0x01, byte(s)} }

// standing is what a record says about its certificate. Its zero value is
// unknown. Equal values make equal responses.
type standing struct {
	known     bool
	version   int   // of the record
	revokedAt int64 // Unix time; 0: not revoked
	reason    int   // CRLReason; 0, unspecified, is not sent
}

// single is one SingleResponse to be made.
type single struct {
	id certID
	standing
}

// response is a BasicOCSPResponse to be made.
type response struct {
	singles       []single
	nonce         []byte    // value of the extension; nil: none
	now           time.Time // producedAt and thisUpdate: the record was read just now
	next          time.Time // nextUpdate
	archiveCutoff time.Time // status is known back to here (RFC 6960 section 4.4.4)
}

// sign builds and signs the whole OCSPResponse.
//
//	ResponseBytes ::= SEQUENCE { responseType OBJECT IDENTIFIER, response OCTET STRING }
//	BasicOCSPResponse ::= SEQUENCE {
//	    tbsResponseData     ResponseData,
//	    signatureAlgorithm  AlgorithmIdentifier,
//	    signature           BIT STRING,
//	    certs               [0] EXPLICIT SEQUENCE OF Certificate OPTIONAL }
func (r response) sign(d *delegate) ([]byte, error) {
	tbs, err := r.data(d)
	if err != nil {
		return nil, fmt.Errorf("build OCSP response: %w", err)
	}
	signature, err := d.algorithm.sign(d.Signer, tbs)
	if err != nil {
		return nil, fmt.Errorf("sign OCSP response: %w", err)
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, len(tbs)+len(signature)+len(d.Certificate.Raw)+128))
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0) // successful
		b.AddASN1(tag(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidBasic)
				b.AddASN1(cryptobyte_asn1.OCTET_STRING, func(b *cryptobyte.Builder) {
					b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddBytes(tbs)
						d.algorithm.add(b)
						b.AddASN1BitString(signature)
						b.AddASN1(tag(0), func(b *cryptobyte.Builder) {
							b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(d.Certificate.Raw) })
						})
					})
				})
			})
		})
	})
	return b.Bytes()
}

// data builds what is signed.
//
//	ResponseData ::= SEQUENCE {
//	    version             [0] EXPLICIT Version DEFAULT v1,
//	    responderID         CHOICE { byName [1] Name, byKey [2] OCTET STRING },
//	    producedAt          GeneralizedTime,
//	    responses           SEQUENCE OF SingleResponse,
//	    responseExtensions  [1] EXPLICIT Extensions OPTIONAL }
func (r response) data(d *delegate) ([]byte, error) {
	b := cryptobyte.NewBuilder(make([]byte, 0, 512))
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tag(2), func(b *cryptobyte.Builder) { b.AddASN1OctetString(d.keyHash) })
		b.AddASN1GeneralizedTime(r.now)
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, s := range r.singles {
				r.addSingle(b, s)
			}
		})
		if r.nonce != nil {
			b.AddASN1(tag(1), func(b *cryptobyte.Builder) {
				addExtension(b, oidNonce, func(b *cryptobyte.Builder) { b.AddBytes(r.nonce) })
			})
		}
	})
	return b.Bytes()
}

// addSingle writes one SingleResponse.
//
//	SingleResponse ::= SEQUENCE {
//	    certID            CertID,
//	    certStatus        CHOICE { good [0] IMPLICIT NULL, revoked [1] IMPLICIT RevokedInfo, unknown [2] IMPLICIT NULL },
//	    thisUpdate        GeneralizedTime,
//	    nextUpdate        [0] EXPLICIT GeneralizedTime OPTIONAL,
//	    singleExtensions  [1] EXPLICIT Extensions OPTIONAL }
//	RevokedInfo ::= SEQUENCE {
//	    revocationTime    GeneralizedTime,
//	    revocationReason  [0] EXPLICIT CRLReason OPTIONAL }
func (r response) addSingle(b *cryptobyte.Builder, s single) {
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(s.id.raw)
		switch {
		case !s.known:
			b.AddASN1(cryptobyte_asn1.Tag(2).ContextSpecific(), func(*cryptobyte.Builder) {})
		case s.revokedAt != 0:
			b.AddASN1(tag(1), func(b *cryptobyte.Builder) {
				b.AddASN1GeneralizedTime(noLater(time.Unix(s.revokedAt, 0).UTC(), r.now))
				if s.reason != 0 {
					b.AddASN1(tag(0), func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(s.reason)) })
				}
			})
		default:
			b.AddASN1(cryptobyte_asn1.Tag(0).ContextSpecific(), func(*cryptobyte.Builder) {})
		}
		b.AddASN1GeneralizedTime(r.now)
		b.AddASN1(tag(0), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(r.next) })
		b.AddASN1(tag(1), func(b *cryptobyte.Builder) {
			addExtension(b, oidArchiveCutoff, func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(r.archiveCutoff) })
		})
	})
}

// noLater is the day of a revocation for something signed now. It may have
// been written by a node whose clock is ahead of this one's; there are
// verifiers that take a certificate for good until the day has come.
func noLater(at, now time.Time) time.Time {
	if at.After(now) {
		return now
	}
	return at
}

// addExtension writes Extensions of one, not critical.
func addExtension(b *cryptobyte.Builder, id []int, value func(*cryptobyte.Builder)) {
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(id)
			b.AddASN1(cryptobyte_asn1.OCTET_STRING, value)
		})
	})
}
