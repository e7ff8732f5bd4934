package cades

import (
	"crypto"
	"encoding/asn1"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca/document/suite"
	"mohr/ca/signature"
	"mohr/internal/fault"
)

// Bounds of what is read. MaxSize is that of a whole CMS, the document included.
const (
	MaxSize       = 64 << 20
	maxSigners    = 16
	maxElements   = 64 // certificates, and as many revocation values
	maxAttributes = 32
	maxValues     = 8 // of one attribute
)

// message is a SignedData in its parts, none of which is believed.
type message struct {
	digests []byte   // inside of digestAlgorithms
	encap   []byte   // EncapsulatedContentInfo
	content []byte   // nil: detached
	certs   [][]byte // Certificate
	crls    [][]byte // CertificateList, or [1] OtherRevocationInfoFormat
	signers []signer
}

// signer is a SignerInfo in its parts.
type signer struct {
	signed    []byte // what is in the SignerInfo before its unsigned attributes
	issuer    []byte // RawIssuer and serial, or keyID
	serial    *big.Int
	keyID     []byte
	hash      crypto.Hash // zero: not known
	algorithm suite.Algorithm
	attrs     attributes
	signature []byte
	unsigned  [][]byte // Attribute
}

func errMalformed(what string) error {
	return fault.New(fault.Invalid, "cades_malformed", "this is no CMS signature of a document in DER (%[1]s); take the file as its signer wrote it", what)
}

// unwrap returns the DER of raw, which is that or one PEM block.
func unwrap(raw []byte) ([]byte, error) {
	if len(raw) > MaxSize {
		return nil, fault.New(fault.Invalid, "cades_too_large", "the signature is larger than %[1]d octets; sign detached", MaxSize)
	}
	raw, ok := signature.CMSOctets(raw)
	if !ok {
		return nil, errMalformed("not one PEM block")
	}
	if signature.IndefiniteLength(raw) {
		return nil, errMalformed("it has indefinite lengths, which are BER")
	}
	return raw, nil
}

// parse reads
//
//	ContentInfo ::= SEQUENCE {
//	  contentType ContentType,                      -- id-signedData
//	  content [0] EXPLICIT ANY DEFINED BY contentType }
//	SignedData ::= SEQUENCE {
//	  version CMSVersion,
//	  digestAlgorithms SET OF DigestAlgorithmIdentifier,
//	  encapContentInfo EncapsulatedContentInfo,
//	  certificates [0] IMPLICIT CertificateSet OPTIONAL,
//	  crls [1] IMPLICIT RevocationInfoChoices OPTIONAL,
//	  signerInfos SET OF SignerInfo }
//
// (RFC 5652 sections 3 and 5.1) as strict DER, with one signer at least.
func parse(raw []byte) (message, error) {
	raw, err := unwrap(raw)
	if err != nil {
		return message{}, err
	}
	in := cryptobyte.String(raw)
	var info, content, signed, digests, encap, certs, crls, signers cryptobyte.String
	var kind asn1.ObjectIdentifier
	var version int
	if !in.ReadASN1(&info, der.SEQUENCE) || !in.Empty() || !info.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidSignedData) ||
		!info.ReadASN1(&content, tag0) || !info.Empty() || !content.ReadASN1(&signed, der.SEQUENCE) || !content.Empty() ||
		!signed.ReadASN1Integer(&version) || version < 1 || version > 5 ||
		!signed.ReadASN1(&digests, der.SET) || !signed.ReadASN1Element(&encap, der.SEQUENCE) ||
		!signed.ReadOptionalASN1(&certs, nil, tag0) || !signed.ReadOptionalASN1(&crls, nil, tag1) ||
		!signed.ReadASN1(&signers, der.SET) || !signed.Empty() {
		return message{}, errMalformed("no SignedData")
	}
	m := message{digests: digests, encap: encap}
	if m.content, err = parseContent(encap); err != nil {
		return message{}, err
	}
	var ok bool
	if m.certs, ok = elements(certs, maxElements); !ok {
		return message{}, errMalformed("too many certificates, or something else among them")
	}
	if m.crls, ok = elements(crls, maxElements); !ok {
		return message{}, errMalformed("too many revocation values")
	}
	for !signers.Empty() {
		if len(m.signers) == maxSigners {
			return message{}, errMalformed("too many signers")
		}
		s, err := parseSigner(&signers)
		if err != nil {
			return message{}, err
		}
		m.signers = append(m.signers, s)
	}
	if len(m.signers) == 0 {
		return message{}, errMalformed("no signer")
	}
	return m, nil
}

// elements splits s into at most most elements.
func elements(s cryptobyte.String, most int) (list [][]byte, ok bool) {
	for !s.Empty() {
		var e cryptobyte.String
		var tag der.Tag
		if len(list) == most || !s.ReadAnyASN1Element(&e, &tag) {
			return nil, false
		}
		list = append(list, e)
	}
	return list, true
}

// parseContent reads
//
//	EncapsulatedContentInfo ::= SEQUENCE {
//	  eContentType ContentType,                     -- id-data
//	  eContent [0] EXPLICIT OCTET STRING OPTIONAL }
//
// (RFC 5652 section 5.2). The result is nil for a detached signature.
func parseContent(encap cryptobyte.String) ([]byte, error) {
	var body, wrapped, content cryptobyte.String
	var kind asn1.ObjectIdentifier
	var inside bool
	if !encap.ReadASN1(&body, der.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidData) ||
		!body.ReadOptionalASN1(&wrapped, &inside, tag0) || !body.Empty() {
		return nil, errMalformed("the content is not of the type data")
	}
	if !inside {
		return nil, nil
	}
	if !wrapped.ReadASN1(&content, der.OCTET_STRING) || !wrapped.Empty() {
		return nil, errMalformed("the content is not one string of octets")
	}
	return append([]byte{}, content...), nil
}

// parseSigner reads
//
//	SignerInfo ::= SEQUENCE {
//	  version CMSVersion,                           -- 1 or 3, by sid
//	  sid SignerIdentifier,
//	  digestAlgorithm DigestAlgorithmIdentifier,
//	  signedAttrs [0] IMPLICIT SignedAttributes OPTIONAL,
//	  signatureAlgorithm SignatureAlgorithmIdentifier,
//	  signature OCTET STRING,
//	  unsignedAttrs [1] IMPLICIT UnsignedAttributes OPTIONAL }
//
// (RFC 5652 section 5.3). CAdES requires signedAttrs (EN 319 122-1 section 6.3).
func parseSigner(signers *cryptobyte.String) (s signer, err error) {
	var info, attrs, signature, unsigned cryptobyte.String
	var version int
	var ok bool
	if !signers.ReadASN1(&info, der.SEQUENCE) {
		return s, errMalformed("no SignerInfo")
	}
	whole := info
	if !info.ReadASN1Integer(&version) || !s.readSID(&info, version) {
		return s, errMalformed("a signer that nothing names")
	}
	if s.hash, ok = suite.ReadHash(&info); !ok {
		return s, errMalformed("a digest algorithm")
	}
	if !info.ReadASN1(&attrs, tag0) {
		return s, errMalformed("no signed attributes, which CAdES requires")
	}
	if s.algorithm, ok = suite.ReadSignature(&info, s.hash); !ok {
		return s, errMalformed("a signature algorithm")
	}
	if !info.ReadASN1(&signature, der.OCTET_STRING) {
		return s, errMalformed("no signature value")
	}
	s.signature = signature
	s.signed = whole[:len(whole)-len(info)]
	if !info.ReadOptionalASN1(&unsigned, nil, tag1) || !info.Empty() {
		return s, errMalformed("something behind a signature value")
	}
	if s.unsigned, ok = elements(unsigned, maxAttributes); !ok {
		return s, errMalformed("too many unsigned attributes")
	}
	s.attrs, err = parseAttributes(attrs)
	return s, err
}

// readSID reads
//
//	SignerIdentifier ::= CHOICE {
//	  issuerAndSerialNumber IssuerAndSerialNumber,  -- version 1
//	  subjectKeyIdentifier [0] SubjectKeyIdentifier } -- version 3
func (s *signer) readSID(info *cryptobyte.String, version int) bool {
	var sid, issuer cryptobyte.String
	switch version {
	case 1:
		s.serial = new(big.Int)
		ok := info.ReadASN1(&sid, der.SEQUENCE) && sid.ReadASN1Element(&issuer, der.SEQUENCE) &&
			sid.ReadASN1Integer(s.serial) && sid.Empty()
		s.issuer = issuer
		return ok
	case 3:
		ok := info.ReadASN1(&sid, keyIDTag) && len(sid) > 0
		s.keyID = sid
		return ok
	}
	return false
}
