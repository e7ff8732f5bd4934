package cmp

import (
	"encoding/asn1"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca"
)

// noID is the certReqId of a p10cr, which has none (RFC 9483 section 4.1.4).
const noID = -1

// wish is the one request of an ir, cr, kur or p10cr.
type wish struct {
	id   int64 // certReqId
	form ca.RequestFormat
	der  []byte   // the request
	old  *big.Int // serial in the control oldCertID; nil: none
}

// readWish reads
//
//	CertReqMessages ::= SEQUENCE SIZE (1..MAX) OF CertReqMsg   (of which one is taken)
//
// or, in a p10cr, a CertificationRequest. Who checks the request is ca.
func (m message) readWish() (w wish, err error) {
	body := m.body
	if m.kind == p10cr {
		w.id, w.form = noID, ca.PKCS10
		var one cryptobyte.String
		if !body.ReadASN1Element(&one, der.SEQUENCE) || !body.Empty() {
			return w, errMalformed()
		}
		w.der = one
		return w, nil
	}
	var list, one, inner, req, controls cryptobyte.String
	if !body.ReadASN1(&list, der.SEQUENCE) || !body.Empty() || !list.ReadASN1Element(&one, der.SEQUENCE) || !list.Empty() {
		return w, errMalformed()
	}
	w.form, w.der = ca.CRMF, one
	var there bool
	if !one.ReadASN1(&inner, der.SEQUENCE) || !inner.ReadASN1(&req, der.SEQUENCE) || !req.ReadASN1Integer(&w.id) ||
		!req.SkipASN1(der.SEQUENCE) || !req.ReadOptionalASN1(&controls, &there, der.SEQUENCE) || !req.Empty() {
		return w, errMalformed()
	}
	if w.old, err = oldCert(controls); err != nil {
		return w, err
	}
	return w, nil
}

// oldCert finds the serial in the control oldCertID:
//
//	Controls ::= SEQUENCE OF SEQUENCE { type OBJECT IDENTIFIER, value ANY }
//	OldCertId ::= SEQUENCE { issuer GeneralName, serialNumber INTEGER }
func oldCert(controls cryptobyte.String) (serial *big.Int, err error) {
	for !controls.Empty() {
		var one, id, issuer cryptobyte.String
		var oid asn1.ObjectIdentifier
		var t der.Tag
		if !controls.ReadASN1(&one, der.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&oid) {
			return nil, errMalformed()
		}
		if !oid.Equal(oidOldCertID) {
			continue
		}
		n := new(big.Int)
		if serial != nil || !one.ReadASN1(&id, der.SEQUENCE) || !id.ReadAnyASN1(&issuer, &t) || !id.ReadASN1Integer(n) || !id.Empty() || !one.Empty() {
			return nil, errMalformed()
		}
		serial = n
	}
	return serial, nil
}

// confirmation is the one CertStatus of a certConf; nil: all is rejected.
type confirmation struct {
	hash     []byte
	id       int64
	rejected bool
}

// readConfirmation reads
//
//	CertConfirmContent ::= SEQUENCE OF CertStatus
//	CertStatus ::= SEQUENCE {
//	    certHash OCTET STRING, certReqId INTEGER, statusInfo PKIStatusInfo OPTIONAL,
//	    hashAlg [0] AlgorithmIdentifier OPTIONAL }
//	PKIStatusInfo ::= SEQUENCE { status INTEGER, ... }
//
// hashAlg is refused: our certificates' signatures name their hash.
func (m message) readConfirmation() (*confirmation, error) {
	body := m.body
	var list, one, hash, info cryptobyte.String
	if !body.ReadASN1(&list, der.SEQUENCE) || !body.Empty() {
		return nil, errMalformed()
	}
	if list.Empty() {
		return nil, nil
	}
	c := &confirmation{}
	var there bool
	if !list.ReadASN1(&one, der.SEQUENCE) || !list.Empty() || !one.ReadASN1(&hash, der.OCTET_STRING) ||
		!one.ReadASN1Integer(&c.id) || !one.ReadOptionalASN1(&info, &there, der.SEQUENCE) || !one.Empty() {
		return nil, errMalformed()
	}
	c.hash = hash
	if there {
		var status int64
		if !info.ReadASN1Integer(&status) {
			return nil, errMalformed()
		}
		c.rejected = status != statusAccepted
	}
	return c, nil
}

// readPoll reads the certReqId of a pollReq:
//
//	PollReqContent ::= SEQUENCE OF SEQUENCE { certReqId INTEGER }
func (m message) readPoll() (id int64, err error) {
	body := m.body
	var list, one cryptobyte.String
	if !body.ReadASN1(&list, der.SEQUENCE) || !body.Empty() || !list.ReadASN1(&one, der.SEQUENCE) || !list.Empty() ||
		!one.ReadASN1Integer(&id) || !one.Empty() {
		return 0, errMalformed()
	}
	return id, nil
}

// readRevocation reads the one RevDetails of an rr:
//
//	RevReqContent ::= SEQUENCE OF RevDetails
//	RevDetails ::= SEQUENCE { certDetails CertTemplate, crlEntryDetails Extensions OPTIONAL }
//
// Of the template only serialNumber [1] is read, of the extensions only the
// reason (RFC 5280 section 5.3.1).
func (m message) readRevocation() (serial *big.Int, reason int, err error) {
	body := m.body
	var list, one, template, extensions cryptobyte.String
	var there bool
	if !body.ReadASN1(&list, der.SEQUENCE) || !body.Empty() || !list.ReadASN1(&one, der.SEQUENCE) || !list.Empty() ||
		!one.ReadASN1(&template, der.SEQUENCE) || !one.ReadOptionalASN1(&extensions, &there, der.SEQUENCE) || !one.Empty() {
		return nil, 0, errMalformed()
	}
	for !template.Empty() {
		var field cryptobyte.String
		var t der.Tag
		if !template.ReadAnyASN1(&field, &t) {
			return nil, 0, errMalformed()
		}
		if t != der.Tag(1).ContextSpecific() {
			continue
		}
		var b cryptobyte.Builder // an implicit tag in the place of INTEGER
		b.AddASN1(der.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(field) })
		whole, err := b.Bytes()
		number := cryptobyte.String(whole)
		n := new(big.Int)
		if err != nil || serial != nil || !number.ReadASN1Integer(n) {
			return nil, 0, errMalformed()
		}
		serial = n
	}
	if serial == nil {
		return nil, 0, errMalformed()
	}
	reason, err = readReason(extensions)
	return serial, reason, err
}

// readReason finds the reason code among extensions; 0 (unspecified) where
// there is none.
func readReason(extensions cryptobyte.String) (reason int, err error) {
	for !extensions.Empty() {
		var one, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !extensions.ReadASN1(&one, der.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&oid) ||
			!one.SkipOptionalASN1(der.BOOLEAN) || !one.ReadASN1(&value, der.OCTET_STRING) || !one.Empty() {
			return 0, errMalformed()
		}
		if !oid.Equal(oidReasonCode) {
			continue
		}
		if !value.ReadASN1Enum(&reason) || !value.Empty() {
			return 0, errMalformed()
		}
	}
	return reason, nil
}

// asksCACerts reports whether a genm asks for the CA certificates and nothing
// else: GenMsgContent ::= SEQUENCE OF SEQUENCE { infoType OBJECT IDENTIFIER, infoValue ANY OPTIONAL }.
func (m message) asksCACerts() (bool, error) {
	body := m.body
	var list, one cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !body.ReadASN1(&list, der.SEQUENCE) || !body.Empty() || !list.ReadASN1(&one, der.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&oid) {
		return false, errMalformed()
	}
	return list.Empty() && oid.Equal(oidCACerts), nil
}
