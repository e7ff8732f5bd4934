package ca

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/internal/fault"
)

// MaxCSR bounds a certification request in octets, PEM or DER. A request with
// an RSA-4096 key and a long subject stays well below it.
const MaxCSR = 16 << 10

// CSR is the public key of a certification request whose possession was
// proven. Only ParseCSR and ParseCRMF make one.
type CSR struct {
	key  crypto.PublicKey
	spki []byte
}

// Key returns the public key: *ecdsa.PublicKey or *rsa.PublicKey.
func (c CSR) Key() crypto.PublicKey { return c.key }

// SPKISHA256 returns the hex SHA-256 of the SubjectPublicKeyInfo.
func (c CSR) SPKISHA256() string {
	sum := sha256.Sum256(c.spki)
	return hex.EncodeToString(sum[:])
}

// ParseCSR reads a PKCS #10 request (RFC 2986), DER or one PEM block, and
// checks its signature and key. Its subject, attributes and extensions are
// skipped unread. Every refusal is Invalid.
func ParseCSR(b []byte) (CSR, error) {
	if len(b) > MaxCSR {
		return CSR{}, fault.New(fault.Invalid, "csr_too_large", "the certification request is larger than %d bytes", MaxCSR)
	}
	der, err := csrDER(b)
	if err != nil {
		return CSR{}, err
	}
	parts, err := splitCSR(der)
	if err != nil {
		return CSR{}, err
	}
	return parts.proven()
}

// proven is the key of a request that was taken apart, if it is a good one
// and the request's signature proves its possession.
func (p csrParts) proven() (CSR, error) {
	key, err := x509.ParsePKIXPublicKey(p.spki)
	if err != nil || !onlyEncoding(key, p.spki) {
		return CSR{}, errKeyUnsupported()
	}
	if err := goodKey(key); err != nil {
		return CSR{}, err
	}
	if err := p.checkPossession(key); err != nil {
		return CSR{}, err
	}
	return CSR{key: key, spki: p.spki}, nil
}

// onlyEncoding reports whether spki is how the key is written in DER. The
// parser of the standard library passes over parts it does not know; a key
// that could be written in two ways would count as two.
func onlyEncoding(key crypto.PublicKey, spki []byte) bool {
	der, err := x509.MarshalPKIXPublicKey(key)
	return err == nil && bytes.Equal(der, spki)
}

// csrDER takes the armour off, if there is any.
func csrDER(b []byte) ([]byte, error) {
	begin := []byte("-----BEGIN")
	text := bytes.TrimLeft(b, " \t\r\n")
	if !bytes.HasPrefix(text, begin) {
		return b, nil
	}
	block, rest := pem.Decode(text)
	// Decode passes over broken blocks: what it read must begin only once.
	if block == nil || bytes.Count(text[:len(text)-len(rest)], begin) != 1 ||
		(block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST") {
		return nil, errCSRMalformed()
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errCSRTrailing()
	}
	return block.Bytes, nil
}

func errCSRMalformed() error {
	return fault.New(fault.Invalid, "csr_malformed", "this is not a PKCS #10 certification request in DER or PEM; make it anew, with openssl req -new or in the browser")
}

func errCSRTrailing() error {
	return fault.New(fault.Invalid, "csr_trailing_bytes", "there is something after the end of the certification request; send the request alone")
}

// csrParts are the parts of a request that are looked at.
type csrParts struct {
	info      []byte // the signed bytes
	spki      []byte
	algorithm asn1.ObjectIdentifier
	signature []byte
}

// splitCSR takes a request apart:
//
//	CertificationRequest ::= SEQUENCE {
//	    certificationRequestInfo  SEQUENCE {
//	        version     INTEGER { v1(0) },
//	        subject     Name,
//	        subjectPKInfo SubjectPublicKeyInfo,
//	        attributes  [0] Attributes },
//	    signatureAlgorithm  AlgorithmIdentifier,
//	    signature           BIT STRING }
//
// Attributes are optional here: some clients leave the empty set out.
// The parameters of the signature's algorithm are absent or NULL (RFC 5758
// section 3.2, RFC 4055 section 5), whichever of the two the algorithm wants.
func splitCSR(der []byte) (p csrParts, err error) {
	input := cryptobyte.String(der)
	var req, info, inner, subject, spki, alg, none cryptobyte.String
	var version int
	if !input.ReadASN1(&req, cryptobyte_asn1.SEQUENCE) {
		return p, errCSRMalformed()
	}
	if !input.Empty() {
		return p, errCSRTrailing()
	}
	if !req.ReadASN1Element(&info, cryptobyte_asn1.SEQUENCE) ||
		!req.ReadASN1(&alg, cryptobyte_asn1.SEQUENCE) ||
		!alg.ReadASN1ObjectIdentifier(&p.algorithm) ||
		!alg.ReadOptionalASN1(&none, nil, cryptobyte_asn1.NULL) || !none.Empty() || !alg.Empty() ||
		!req.ReadASN1BitStringAsBytes(&p.signature) || !req.Empty() {
		return p, errCSRMalformed()
	}
	p.info = info
	if !info.ReadASN1(&inner, cryptobyte_asn1.SEQUENCE) ||
		!inner.ReadASN1Integer(&version) || version != 0 ||
		!inner.ReadASN1(&subject, cryptobyte_asn1.SEQUENCE) ||
		!inner.ReadASN1Element(&spki, cryptobyte_asn1.SEQUENCE) ||
		!inner.SkipOptionalASN1(cryptobyte_asn1.Tag(0).ContextSpecific().Constructed()) || !inner.Empty() {
		return p, errCSRMalformed()
	}
	p.spki = spki
	return p, nil
}

// csrAlgorithms are the signature algorithms a proof of possession may use;
// SHA-1 and MD5 are not among them.
var csrAlgorithms = map[string]x509.SignatureAlgorithm{
	"1.2.840.10045.4.3.2":   x509.ECDSAWithSHA256,
	"1.2.840.10045.4.3.3":   x509.ECDSAWithSHA384,
	"1.2.840.10045.4.3.4":   x509.ECDSAWithSHA512,
	"1.2.840.113549.1.1.11": x509.SHA256WithRSA,
	"1.2.840.113549.1.1.12": x509.SHA384WithRSA,
	"1.2.840.113549.1.1.13": x509.SHA512WithRSA,
}

func (p csrParts) checkPossession(key crypto.PublicKey) error {
	alg, ok := csrAlgorithms[p.algorithm.String()]
	if !ok {
		return fault.New(fault.Invalid, "csr_algorithm_unsupported", "the request is signed with an algorithm that is not accepted; use ECDSA or RSA (PKCS #1) with SHA-256, SHA-384 or SHA-512")
	}
	c := &x509.Certificate{PublicKey: key}
	if err := c.CheckSignature(alg, p.info, p.signature); err != nil {
		return fault.New(fault.Invalid, "csr_possession_unproven", "the request's signature does not prove possession of its key; make the request anew with the key it names")
	}
	return nil
}
