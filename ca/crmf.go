package ca

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/internal/fault"
)

// RequestFormat is how a certification request is written.
type RequestFormat string

// The formats.
const (
	PKCS10 RequestFormat = ""     // RFC 2986
	CRMF   RequestFormat = "crmf" // one CertReqMsg of RFC 4211
)

// Parse reads a request of the format and checks key and proof of possession.
func (f RequestFormat) Parse(b []byte) (CSR, error) {
	if f == CRMF {
		return ParseCRMF(b)
	}
	return ParseCSR(b)
}

// ParseCRMF reads one CertReqMsg (RFC 4211 section 3) in DER and checks its
// proof of possession, which must be a signature over the CertRequest with the
// key in its template (section 4.1, without poposkInput). What else the
// template, the controls and regInfo say is skipped unread. Every refusal is
// Invalid.
func ParseCRMF(der []byte) (CSR, error) {
	if len(der) > MaxCSR {
		return CSR{}, fault.New(fault.Invalid, "csr_too_large", "the certification request is larger than %d bytes", MaxCSR)
	}
	parts, err := splitCRMF(der)
	if err != nil {
		return CSR{}, err
	}
	return parts.proven()
}

func errCRMFMalformed() error {
	return fault.New(fault.Invalid, "crmf_malformed", "this is not a CertReqMsg in DER with a public key and a signature by that key as proof of possession; other proofs are not taken")
}

// splitCRMF takes a request apart:
//
//	CertReqMsg ::= SEQUENCE {
//	    certReq  SEQUENCE {
//	        certReqId     INTEGER,
//	        certTemplate  SEQUENCE { version [0], ..., publicKey [6] IMPLICIT SubjectPublicKeyInfo, ..., extensions [9] },
//	        controls      SEQUENCE OPTIONAL },
//	    popo     CHOICE { signature [1] IMPLICIT SEQUENCE {
//	        poposkInput [0] OPTIONAL, algorithmIdentifier, signature BIT STRING }, ... } OPTIONAL,
//	    regInfo  SEQUENCE OPTIONAL }
func splitCRMF(der []byte) (p csrParts, err error) {
	input := cryptobyte.String(der)
	var msg, req, inner, template, popo, alg, none cryptobyte.String
	if !input.ReadASN1(&msg, cryptobyte_asn1.SEQUENCE) {
		return p, errCRMFMalformed()
	}
	if !input.Empty() {
		return p, errCSRTrailing()
	}
	if !msg.ReadASN1Element(&req, cryptobyte_asn1.SEQUENCE) ||
		!msg.ReadASN1(&popo, cryptobyte_asn1.Tag(1).ContextSpecific().Constructed()) ||
		!msg.SkipOptionalASN1(cryptobyte_asn1.SEQUENCE) || !msg.Empty() {
		return p, errCRMFMalformed()
	}
	p.info = bytes.Clone(req)
	if !popo.ReadASN1(&alg, cryptobyte_asn1.SEQUENCE) || !alg.ReadASN1ObjectIdentifier(&p.algorithm) ||
		!alg.ReadOptionalASN1(&none, nil, cryptobyte_asn1.NULL) || !none.Empty() || !alg.Empty() ||
		!popo.ReadASN1BitStringAsBytes(&p.signature) || !popo.Empty() {
		return p, errCRMFMalformed()
	}
	if !req.ReadASN1(&inner, cryptobyte_asn1.SEQUENCE) || !inner.SkipASN1(cryptobyte_asn1.INTEGER) ||
		!inner.ReadASN1(&template, cryptobyte_asn1.SEQUENCE) ||
		!inner.SkipOptionalASN1(cryptobyte_asn1.SEQUENCE) || !inner.Empty() {
		return p, errCRMFMalformed()
	}
	p.spki, err = templateKey(template)
	return p, err
}

// templateKey finds the public key among the fields of a template, which are
// there once each and in their order. The key's implicit tag becomes that of a
// SEQUENCE again.
func templateKey(template cryptobyte.String) (spki []byte, err error) {
	last := -1
	for !template.Empty() {
		var field cryptobyte.String
		var tag cryptobyte_asn1.Tag
		if !template.ReadAnyASN1(&field, &tag) {
			return nil, errCRMFMalformed()
		}
		n := int(tag & 0x1f)
		if tag&0xc0 != 0x80 || n <= last || n > 9 {
			return nil, errCRMFMalformed()
		}
		last = n
		if n != 6 {
			continue
		}
		var b cryptobyte.Builder
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(field) })
		if spki, err = b.Bytes(); err != nil {
			return nil, errCRMFMalformed()
		}
	}
	if spki == nil {
		return nil, errCRMFMalformed()
	}
	return spki, nil
}
