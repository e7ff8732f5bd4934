package signature

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/internal/fault"
)

const maxCMS = 1 << 20 // octets of a whole CMS, content included

var (
	tag0 = der.Tag(0).ContextSpecific().Constructed()
	tag1 = der.Tag(1).ContextSpecific().Constructed()
	// keyIDTag is [0] IMPLICIT OCTET STRING, the subjectKeyIdentifier of a SignerInfo.
	keyIDTag = der.Tag(0).ContextSpecific()
)

// cms is a parsed SignedData with one signer; nothing of it is verified.
type cms struct {
	version int
	digests []byte // DER of what is in digestAlgorithms
	content []byte // nil: not inside
	certs   []*x509.Certificate
	signer  signerInfo
}

// signerInfo is the one SignerInfo.
type signerInfo struct {
	issuer    []byte // RawIssuer and serial, or keyID
	serial    *big.Int
	keyID     []byte
	attrs     attributes
	scheme    scheme
	signature []byte
}

func errCMS(code, format string, args ...any) error {
	return fault.New(fault.Invalid, code, format, args...)
}

func errCMSMalformed() error {
	return errCMS("cms_malformed", "this is not a CMS SignedData in DER; make it with: openssl cms -sign -cades -binary -outform DER")
}

// CMSDER returns the DER of raw, which is that or one PEM block and nothing
// else. It looks no further than the outermost length: the rest is CMS's.
func CMSDER(raw []byte) ([]byte, error) {
	if len(raw) > maxCMS {
		return nil, errCMS("cms_too_large", "the CMS is larger than %d octets; send a detached signature", maxCMS)
	}
	raw, ok := CMSOctets(raw)
	if !ok {
		return nil, errCMSMalformed()
	}
	if IndefiniteLength(raw) {
		return nil, errCMS("cms_indefinite_length", "the CMS is in BER with indefinite lengths; make it in DER, with openssl by leaving out -stream and -indef")
	}
	return raw, nil
}

// CMSOctets returns raw, or what the one PEM block holds that raw is; ok is
// false if there is something else in it.
func CMSOctets(raw []byte) (octets []byte, ok bool) {
	text := bytes.TrimSpace(raw)
	if !bytes.HasPrefix(text, []byte("-----BEGIN ")) {
		return raw, true
	}
	block, rest := pem.Decode(text)
	if block == nil || len(rest) > 0 || len(block.Headers) > 0 || block.Type != "CMS" && block.Type != "PKCS7" {
		return nil, false
	}
	return block.Bytes, true
}

// IndefiniteLength reports whether raw is a SEQUENCE of indefinite length
// (X.690, section 8.1.3.6), which DER has not.
func IndefiniteLength(raw []byte) bool {
	return len(raw) > 2 && raw[0] == 0x30 && raw[1] == 0x80
}

// parseCMS reads
//
//	ContentInfo ::= SEQUENCE {
//	  contentType ContentType,                      -- id-signedData
//	  content [0] EXPLICIT ANY DEFINED BY contentType }
//	SignedData ::= SEQUENCE {
//	  version CMSVersion,                           -- 1 or 3
//	  digestAlgorithms SET OF DigestAlgorithmIdentifier,
//	  encapContentInfo EncapsulatedContentInfo,
//	  certificates [0] IMPLICIT CertificateSet OPTIONAL,
//	  crls [1] IMPLICIT RevocationInfoChoices OPTIONAL,
//	  signerInfos SET OF SignerInfo }
//
// (RFC 5652 sections 3 and 5.1) as strict DER. It bounds the certificates,
// ignores crls, and refuses all but exactly one signer.
func parseCMS(raw []byte) (cms, error) {
	raw, err := CMSDER(raw)
	if err != nil {
		return cms{}, err
	}
	input := cryptobyte.String(raw)
	var info, content, signed, digests, encap, certs, crls, signers cryptobyte.String
	var contentType asn1.ObjectIdentifier
	var version int
	var hasCerts, hasCRLs bool
	if !input.ReadASN1(&info, der.SEQUENCE) || !input.Empty() ||
		!info.ReadASN1ObjectIdentifier(&contentType) || !contentType.Equal(oidSignedData) ||
		!info.ReadASN1(&content, tag0) || !info.Empty() ||
		!content.ReadASN1(&signed, der.SEQUENCE) || !content.Empty() ||
		!signed.ReadASN1Integer(&version) || version != 1 && version != 3 ||
		!signed.ReadASN1(&digests, der.SET) ||
		!signed.ReadASN1(&encap, der.SEQUENCE) ||
		!signed.ReadOptionalASN1(&certs, &hasCerts, tag0) ||
		!signed.ReadOptionalASN1(&crls, &hasCRLs, tag1) ||
		!signed.ReadASN1(&signers, der.SET) || !signed.Empty() {
		return cms{}, errCMSMalformed()
	}
	c := cms{version: version, digests: digests}
	if c.content, err = parseContent(encap); err != nil {
		return cms{}, err
	}
	if c.certs, err = parseCertificates(certs); err != nil {
		return cms{}, err
	}
	c.signer, err = parseOneSigner(signers)
	return c, err
}

// parseContent reads the rest of
//
//	EncapsulatedContentInfo ::= SEQUENCE {
//	  eContentType ContentType,                     -- id-data
//	  eContent [0] EXPLICIT OCTET STRING OPTIONAL }
//
// (RFC 5652 section 5.2). The result is nil for a detached signature.
func parseContent(encap cryptobyte.String) ([]byte, error) {
	var kind asn1.ObjectIdentifier
	var wrapped, content cryptobyte.String
	var inside bool
	if !encap.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidData) ||
		!encap.ReadOptionalASN1(&wrapped, &inside, tag0) || !encap.Empty() {
		return nil, errCMSMalformed()
	}
	if !inside {
		return nil, nil
	}
	if !wrapped.ReadASN1(&content, der.OCTET_STRING) || !wrapped.Empty() {
		return nil, errCMSMalformed()
	}
	return append([]byte{}, content...), nil
}

// parseCertificates reads the CertificateSet (RFC 5652 section 10.2.2); only
// X.509 certificates are accepted in it.
func parseCertificates(set cryptobyte.String) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for !set.Empty() {
		var raw cryptobyte.String
		if len(list) == maxChain || !set.ReadASN1Element(&raw, der.SEQUENCE) {
			return nil, errCMSMalformed()
		}
		cert, err := x509.ParseCertificate(raw)
		if err != nil {
			return nil, errCMSMalformed()
		}
		list = append(list, cert)
	}
	return list, nil
}

// parseOneSigner reads
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
// (RFC 5652 section 5.3). Stricter than the RFC: signedAttrs are required,
// since without them nothing binds the certificate. unsignedAttrs are ignored.
func parseOneSigner(signers cryptobyte.String) (signerInfo, error) {
	var s signerInfo
	var info, digestAlg, attrs, sigAlg, signature, unsigned cryptobyte.String
	var version int
	var hasAttrs, hasUnsigned bool
	if !signers.ReadASN1(&info, der.SEQUENCE) || !signers.Empty() {
		return s, errCMS("cms_signers", "the CMS has not exactly one signer; sign with one key")
	}
	if !info.ReadASN1Integer(&version) || !s.readSID(&info, version) ||
		!info.ReadASN1(&digestAlg, der.SEQUENCE) ||
		!info.ReadOptionalASN1(&attrs, &hasAttrs, tag0) ||
		!info.ReadASN1(&sigAlg, der.SEQUENCE) ||
		!info.ReadASN1(&signature, der.OCTET_STRING) ||
		!info.ReadOptionalASN1(&unsigned, &hasUnsigned, tag1) || !info.Empty() {
		return s, errCMSMalformed()
	}
	hash, ok := parseHash(digestAlg)
	if !ok {
		return s, errCMSAlgorithm()
	}
	if s.scheme, ok = parseSignatureAlgorithm(sigAlg, hash); !ok {
		return s, errCMSAlgorithm()
	}
	s.signature = append([]byte{}, signature...)
	if !hasAttrs {
		return s, errAttributesMissing()
	}
	var err error
	s.attrs, err = parseAttributes(attrs)
	return s, err
}

// readSID reads
//
//	SignerIdentifier ::= CHOICE {
//	  issuerAndSerialNumber IssuerAndSerialNumber,  -- version 1
//	  subjectKeyIdentifier [0] SubjectKeyIdentifier } -- version 3
func (s *signerInfo) readSID(info *cryptobyte.String, version int) bool {
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

// find returns the signer's certificate among those in the CMS, nil if it is not there.
func (c cms) find() *x509.Certificate {
	for _, cert := range c.certs {
		switch {
		case c.signer.serial != nil && c.signer.serial.Cmp(cert.SerialNumber) == 0 && bytes.Equal(c.signer.issuer, cert.RawIssuer):
			return cert
		case len(c.signer.keyID) > 0 && bytes.Equal(c.signer.keyID, cert.SubjectKeyId):
			return cert
		}
	}
	return nil
}

// attributes are the signed attributes that we read, each at most once.
type attributes struct {
	signed        []byte // DER of SET OF Attribute: what the signature is over
	contentType   asn1.ObjectIdentifier
	messageDigest []byte
	signingTime   time.Time // zero: not said
	certificate   certID
	others        []Attribute // in the order they came in
}

// certID is the first ESSCertIDv2 of a signing-certificate-v2.
type certID struct {
	hash   crypto.Hash
	digest []byte
	issuer []byte // RawIssuer; nil: not said
	serial *big.Int
}

func errAttributesMissing() error {
	return errCMS("cms_attributes_missing", "the CMS lacks signed attributes: content-type, message-digest and signing-certificate-v2; sign with: openssl cms -sign -cades")
}

func errCMSAlgorithm() error {
	return errCMS("cms_algorithm", "the CMS uses an algorithm that is not accepted; use SHA-256, SHA-384 or SHA-512 with ECDSA or RSA")
}
