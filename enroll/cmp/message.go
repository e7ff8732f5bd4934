package cmp

import (
	"crypto/x509"
	"encoding/asn1"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/internal/fault"
)

// Bounds of a message, in octets.
const (
	maxMessage = 64 << 10
	minID      = 16 // of transactionID and senderNonce: 128 bits (RFC 9483 section 3.1)
	maxID      = 64
	maxKID     = 128 // of senderKID
	maxExtra   = 10  // certificates beside a message
)

// kind is the tag of a PKIBody.
type kind uint8

// The bodies that are read or written (RFC 9810 section 5.1.2).
const (
	ir       kind = 0
	ip       kind = 1
	cr       kind = 2
	cp       kind = 3
	p10cr    kind = 4
	kur      kind = 7
	kup      kind = 8
	rr       kind = 11
	rp       kind = 12
	pkiConf  kind = 19
	genm     kind = 21
	genp     kind = 22
	errorMsg kind = 23
	certConf kind = 24
	pollReq  kind = 25
	pollRep  kind = 26
)

// header is what is read of a PKIHeader.
type header struct {
	version       int
	sender        []byte // GeneralName, whole
	time          time.Time
	algorithm     asn1.ObjectIdentifier // of the protection; nil: none
	params        []byte                // of the algorithm
	senderKID     []byte
	transactionID []byte
	senderNonce   []byte
	recipNonce    []byte
}

// message is a parsed PKIMessage; nothing of it is verified.
type message struct {
	raw        []byte // all of it
	header     header
	kind       kind
	body       cryptobyte.String // inside the tag
	protected  []byte            // what the protection covers, DER of ProtectedPart
	protection []byte            // nil: none
	certs      []*x509.Certificate
}

func errMalformed() error {
	return fault.New(fault.Invalid, "cmp_malformed", "this is not a PKIMessage in DER, or not one with a single request; make it with a CMP client such as openssl cmp")
}

// parse takes a message apart:
//
//	PKIMessage ::= SEQUENCE {
//	    header      PKIHeader,
//	    body        PKIBody,
//	    protection  [0] BIT STRING OPTIONAL,
//	    extraCerts  [1] SEQUENCE SIZE (1..MAX) OF CMPCertificate OPTIONAL }
//
// The protection covers ProtectedPart ::= SEQUENCE { header, body }.
func parse(raw []byte) (m message, err error) {
	if len(raw) > maxMessage {
		return m, fault.New(fault.Invalid, "body_too_large", "the body is larger than %[1]d octets; send less", maxMessage)
	}
	m.raw = raw
	input := cryptobyte.String(raw)
	var msg, hdr, body, field cryptobyte.String
	if !input.ReadASN1(&msg, der.SEQUENCE) || !input.Empty() || !msg.ReadASN1Element(&hdr, der.SEQUENCE) {
		return m, errMalformed()
	}
	var t der.Tag
	if !msg.ReadAnyASN1Element(&body, &t) || t&0xe0 != 0xa0 {
		return m, errMalformed()
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(hdr)
		b.AddBytes(body)
	})
	if m.protected, err = b.Bytes(); err != nil {
		return m, errMalformed()
	}
	m.kind = kind(t & 0x1f)
	if !body.ReadASN1(&m.body, t) || !parseHeader(hdr, &m.header) {
		return m, errMalformed()
	}
	var there bool
	if !msg.ReadOptionalASN1(&field, &there, tag(0)) || there && (!field.ReadASN1BitStringAsBytes(&m.protection) || !field.Empty()) {
		return m, errMalformed()
	}
	if !msg.ReadOptionalASN1(&field, &there, tag(1)) || !msg.Empty() || there && !parseCerts(field, &m.certs) {
		return m, errMalformed()
	}
	if (m.protection == nil) != (m.header.algorithm == nil) {
		return m, errMalformed()
	}
	return m, nil
}

// parseHeader reads:
//
//	PKIHeader ::= SEQUENCE {
//	    pvno INTEGER, sender GeneralName, recipient GeneralName,
//	    messageTime [0] GeneralizedTime, protectionAlg [1] AlgorithmIdentifier,
//	    senderKID [2] OCTET STRING, recipKID [3] OCTET STRING, transactionID [4] OCTET STRING,
//	    senderNonce [5] OCTET STRING, recipNonce [6] OCTET STRING,
//	    freeText [7] PKIFreeText, generalInfo [8] SEQUENCE OF InfoTypeAndValue }
//
// All from [0] on is optional and explicitly tagged.
func parseHeader(s cryptobyte.String, h *header) bool {
	var in, sender, recipient, field cryptobyte.String
	var t der.Tag
	if !s.ReadASN1(&in, der.SEQUENCE) || !in.ReadASN1Integer(&h.version) ||
		!in.ReadAnyASN1Element(&sender, &t) || !in.ReadAnyASN1Element(&recipient, &t) {
		return false
	}
	h.sender = sender
	for n := uint8(0); n <= 8; n++ {
		var there bool
		if !in.ReadOptionalASN1(&field, &there, tag(n)) {
			return false
		}
		if there && !h.read(n, field) {
			return false
		}
	}
	return in.Empty()
}

// read reads the content of field n.
func (h *header) read(n uint8, f cryptobyte.String) bool {
	octets := func(to *[]byte, most int) bool {
		var s cryptobyte.String
		if !f.ReadASN1(&s, der.OCTET_STRING) || !f.Empty() || len(s) > most {
			return false
		}
		*to = s
		return true
	}
	switch n {
	case 0:
		return f.ReadASN1GeneralizedTime(&h.time) && f.Empty()
	case 1:
		oid, params, ok := readAlgorithm(&f)
		h.algorithm, h.params = oid, params
		return ok && f.Empty()
	case 2:
		return octets(&h.senderKID, maxKID)
	case 4:
		return octets(&h.transactionID, maxID)
	case 5:
		return octets(&h.senderNonce, maxID)
	case 6:
		return octets(&h.recipNonce, maxID)
	}
	return true // not looked at
}

// parseCerts reads a SEQUENCE OF Certificate. One that cannot be read is
// passed over: clients add what they have.
func parseCerts(s cryptobyte.String, to *[]*x509.Certificate) bool {
	var list, one cryptobyte.String
	if !s.ReadASN1(&list, der.SEQUENCE) || !s.Empty() {
		return false
	}
	for n := 0; !list.Empty(); n++ {
		if n == maxExtra || !list.ReadASN1Element(&one, der.SEQUENCE) {
			return false
		}
		if c, err := x509.ParseCertificate(one); err == nil {
			*to = append(*to, c)
		}
	}
	return true
}
