package status

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Limits of a request. RFC 6960 has none of its own but for the nonce.
const (
	maxRequest = 16 << 10
	maxCertIDs = 32
	maxSerial  = 64  // octets; RFC 5280 allows 20
	maxNonce   = 128 // octets, RFC 9654 section 2.1
)

// Object identifiers of RFC 6960 and of the hashes of a CertID.
var (
	oidNonce         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidBasic         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidAcceptable    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 4}
	oidArchiveCutoff = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}
	oidSHA1          = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
)

// request is what is asked, as far as it matters.
type request struct {
	certs []certID
	nonce []byte // value of the extension, to be echoed; nil if there was none
}

// certID is one certificate asked for.
type certID struct {
	raw      []byte      // the CertID as it came, to be echoed
	hash     crypto.Hash // zero if we do not know the algorithm
	nameHash []byte
	keyHash  []byte
	serial   string // as records have it: lower-case hex
}

// clone returns what is needed to answer id again, without the request it
// was a part of.
func (id certID) clone() certID {
	return certID{raw: bytes.Clone(id.raw), serial: id.serial}
}

// parseRequest reads an OCSPRequest (RFC 6960 section 4.1.1). A signature is
// let pass unread: nothing here depends on who asks.
//
//	OCSPRequest ::= SEQUENCE {
//	    tbsRequest         TBSRequest,
//	    optionalSignature  [0] EXPLICIT Signature OPTIONAL }
//	TBSRequest ::= SEQUENCE {
//	    version            [0] EXPLICIT Version DEFAULT v1,
//	    requestorName      [1] EXPLICIT GeneralName OPTIONAL,
//	    requestList        SEQUENCE OF Request,
//	    requestExtensions  [2] EXPLICIT Extensions OPTIONAL }
func parseRequest(der []byte) (request, error) {
	var r request
	if len(der) > maxRequest {
		return r, errors.New("request too long")
	}
	in := cryptobyte.String(der)
	var outer, tbs, list, extensions cryptobyte.String
	var hasExtensions bool
	version := int64(0)
	if !in.ReadASN1(&outer, cryptobyte_asn1.SEQUENCE) || !in.Empty() ||
		!outer.ReadASN1(&tbs, cryptobyte_asn1.SEQUENCE) ||
		!outer.SkipOptionalASN1(tag(0)) || !outer.Empty() ||
		!tbs.ReadOptionalASN1Integer(&version, tag(0), int64(0)) || version != 0 ||
		!tbs.SkipOptionalASN1(tag(1)) ||
		!tbs.ReadASN1(&list, cryptobyte_asn1.SEQUENCE) ||
		!tbs.ReadOptionalASN1(&extensions, &hasExtensions, tag(2)) || !tbs.Empty() {
		return r, errors.New("not an OCSPRequest")
	}
	for !list.Empty() {
		if len(r.certs) == maxCertIDs {
			return r, errors.New("too many certificates in one request")
		}
		id, err := parseSingle(&list)
		if err != nil {
			return r, err
		}
		r.certs = append(r.certs, id)
	}
	if len(r.certs) == 0 {
		return r, errors.New("no certificate in the request")
	}
	if !hasExtensions {
		return r, nil
	}
	return r, parseExtensions(extensions, func(id asn1.ObjectIdentifier, critical bool, value []byte) error {
		switch {
		case id.Equal(oidNonce):
			r.nonce = value
			return checkNonce(value)
		case critical && !id.Equal(oidAcceptable):
			return errors.New("unknown critical extension")
		}
		return nil
	})
}

func tag(n uint8) cryptobyte_asn1.Tag {
	return cryptobyte_asn1.Tag(n).ContextSpecific().Constructed()
}

// bareCertID returns the CertID (DER) of a request that holds one and nothing
// else, each length in one octet: what most clients send. It is for looking
// it up, not for judging it.
func bareCertID(der []byte) ([]byte, bool) {
	for range 4 { // OCSPRequest, TBSRequest, requestList, Request
		if len(der) < 2 || der[0] != 0x30 || int(der[1]) != len(der)-2 || der[1] > 0x7f {
			return nil, false
		}
		der = der[2:]
	}
	return der, true
}

// parseSingle reads one Request.
//
//	Request ::= SEQUENCE {
//	    reqCert                  CertID,
//	    singleRequestExtensions  [0] EXPLICIT Extensions OPTIONAL }
//	CertID ::= SEQUENCE {
//	    hashAlgorithm   AlgorithmIdentifier,
//	    issuerNameHash  OCTET STRING,
//	    issuerKeyHash   OCTET STRING,
//	    serialNumber    CertificateSerialNumber }
func parseSingle(list *cryptobyte.String) (certID, error) {
	var id certID
	var single, raw, cert, algorithm, nameHash, keyHash, serial, extensions cryptobyte.String
	var hasExtensions bool
	var oid asn1.ObjectIdentifier
	if !list.ReadASN1(&single, cryptobyte_asn1.SEQUENCE) ||
		!single.ReadASN1Element(&raw, cryptobyte_asn1.SEQUENCE) ||
		!single.ReadOptionalASN1(&extensions, &hasExtensions, tag(0)) || !single.Empty() {
		return id, errors.New("not a Request")
	}
	id.raw = raw
	n := new(big.Int)
	if !raw.ReadASN1(&cert, cryptobyte_asn1.SEQUENCE) ||
		!cert.ReadASN1(&algorithm, cryptobyte_asn1.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&oid) ||
		!cert.ReadASN1(&nameHash, cryptobyte_asn1.OCTET_STRING) ||
		!cert.ReadASN1(&keyHash, cryptobyte_asn1.OCTET_STRING) ||
		!cert.ReadASN1Element(&serial, cryptobyte_asn1.INTEGER) || !cert.Empty() ||
		len(serial) > maxSerial || !serial.ReadASN1Integer(n) {
		return id, errors.New("not a CertID")
	}
	id.nameHash, id.keyHash, id.serial = nameHash, keyHash, n.Text(16)
	switch {
	case oid.Equal(oidSHA1):
		id.hash = crypto.SHA1
	case oid.Equal(oidSHA256):
		id.hash = crypto.SHA256
	}
	if id.hash != 0 && !algorithm.Empty() && (!algorithm.SkipASN1(cryptobyte_asn1.NULL) || !algorithm.Empty()) {
		return id, errors.New("parameters of a hash algorithm")
	}
	if !hasExtensions {
		return id, nil
	}
	return id, parseExtensions(extensions, func(_ asn1.ObjectIdentifier, critical bool, _ []byte) error {
		if critical {
			return errors.New("unknown critical extension")
		}
		return nil
	})
}

// parseExtensions calls fn with each extension; none may come twice.
//
//	Extensions ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE {
//	    extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }
func parseExtensions(in cryptobyte.String, fn func(id asn1.ObjectIdentifier, critical bool, value []byte) error) error {
	var list cryptobyte.String
	if !in.ReadASN1(&list, cryptobyte_asn1.SEQUENCE) || !in.Empty() || list.Empty() {
		return errors.New("not Extensions")
	}
	seen := map[string]bool{}
	for !list.Empty() {
		var e, value cryptobyte.String
		var id asn1.ObjectIdentifier
		var critical bool
		if !list.ReadASN1(&e, cryptobyte_asn1.SEQUENCE) || !e.ReadASN1ObjectIdentifier(&id) ||
			e.PeekASN1Tag(cryptobyte_asn1.BOOLEAN) && !e.ReadASN1Boolean(&critical) ||
			!e.ReadASN1(&value, cryptobyte_asn1.OCTET_STRING) || !e.Empty() {
			return errors.New("not an Extension")
		}
		if seen[id.String()] {
			return errors.New("an extension comes twice")
		}
		seen[id.String()] = true
		if err := fn(id, critical, value); err != nil {
			return err
		}
	}
	return nil
}

// checkNonce refuses what RFC 9654 section 2.1 has refused.
//
//	Nonce ::= OCTET STRING (SIZE (1..128))
func checkNonce(value []byte) error {
	in := cryptobyte.String(value)
	var nonce cryptobyte.String
	if !in.ReadASN1(&nonce, cryptobyte_asn1.OCTET_STRING) || !in.Empty() || len(nonce) == 0 || len(nonce) > maxNonce {
		return errors.New("a nonce has 1 to 128 octets")
	}
	return nil
}

// issuerHashes are the hashes by which CertIDs name an issuer.
type issuerHashes struct {
	name, key map[crypto.Hash][]byte
}

// hashesOf hashes the certificate's subject and public key: the latter is the
// BIT STRING's content without tag, length and unused bits (RFC 6960 section 4.1.1).
func hashesOf(c *x509.Certificate) (issuerHashes, error) {
	spki := cryptobyte.String(c.RawSubjectPublicKeyInfo)
	var inner cryptobyte.String
	var bits []byte
	if !spki.ReadASN1(&inner, cryptobyte_asn1.SEQUENCE) || !inner.SkipASN1(cryptobyte_asn1.SEQUENCE) || !inner.ReadASN1BitStringAsBytes(&bits) {
		return issuerHashes{}, errors.New("the public key is not a SubjectPublicKeyInfo")
	}
	h := issuerHashes{name: map[crypto.Hash][]byte{}, key: map[crypto.Hash][]byte{}}
	name1, key1 := sha1.Sum(c.RawSubject), sha1.Sum(bits) // SHA-1 only names things here
	name256, key256 := sha256.Sum256(c.RawSubject), sha256.Sum256(bits)
	h.name[crypto.SHA1], h.key[crypto.SHA1] = name1[:], key1[:]
	h.name[crypto.SHA256], h.key[crypto.SHA256] = name256[:], key256[:]
	return h, nil
}

// issued reports whether the CertID names this issuer.
func (h issuerHashes) issued(id certID) bool {
	return id.hash != 0 &&
		bytes.Equal(h.name[id.hash], id.nameHash) &&
		bytes.Equal(h.key[id.hash], id.keyHash)
}
