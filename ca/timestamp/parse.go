package timestamp

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Limits of a response from outside.
const (
	maxResponse     = 64 << 10
	maxCertificates = 8
	maxAttributes   = 16
)

// parseResponse reads a granted TimeStampResp and the token in it; response.go
// and token.go have the definitions.
func parseResponse(der []byte) (token, error) {
	raw, err := tokenOf(der)
	if err != nil {
		return token{}, err
	}
	return parseToken(raw)
}

// tokenOf returns the timeStampToken of a granted TimeStampResp, unread.
func tokenOf(der []byte) ([]byte, error) {
	if len(der) > maxResponse {
		return nil, errors.New("it is too long")
	}
	in := cryptobyte.String(der)
	var outer, status, content cryptobyte.String
	var code int64
	if !in.ReadASN1(&outer, cryptobyte_asn1.SEQUENCE) || !in.Empty() ||
		!outer.ReadASN1(&status, cryptobyte_asn1.SEQUENCE) || !status.ReadASN1Integer(&code) {
		return nil, errors.New("not a TimeStampResp")
	}
	if code != statusGranted && code != statusGrantedWithMods {
		return nil, errors.New("the stamp was refused")
	}
	if !outer.ReadASN1Element(&content, cryptobyte_asn1.SEQUENCE) || !outer.Empty() {
		return nil, errors.New("not a signed token")
	}
	return content, nil
}

// parseToken reads a TimeStampToken.
func parseToken(der []byte) (token, error) {
	var t token
	if len(der) > maxResponse {
		return t, errors.New("it is too long")
	}
	in := cryptobyte.String(der)
	var content, wrapped, signed cryptobyte.String
	var kind asn1.ObjectIdentifier
	if !in.ReadASN1(&content, cryptobyte_asn1.SEQUENCE) || !in.Empty() ||
		!content.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidSignedData) ||
		!content.ReadASN1(&wrapped, tag(0)) || !content.Empty() ||
		!wrapped.ReadASN1(&signed, cryptobyte_asn1.SEQUENCE) || !wrapped.Empty() {
		return t, errors.New("not a signed token")
	}
	return t, t.readSignedData(signed)
}

func (t *token) readSignedData(in cryptobyte.String) error {
	var algorithms, encapsulated, wrapped, info, certificates, signers cryptobyte.String
	var version int64
	var kind asn1.ObjectIdentifier
	if !in.ReadASN1Integer(&version) || version != 3 ||
		!in.ReadASN1(&algorithms, cryptobyte_asn1.SET) ||
		!in.ReadASN1(&encapsulated, cryptobyte_asn1.SEQUENCE) ||
		!encapsulated.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidTSTInfo) ||
		!encapsulated.ReadASN1(&wrapped, tag(0)) || !encapsulated.Empty() ||
		!wrapped.ReadASN1(&info, cryptobyte_asn1.OCTET_STRING) || !wrapped.Empty() ||
		!in.ReadOptionalASN1(&certificates, nil, tag(0)) ||
		!in.SkipOptionalASN1(tag(1)) ||
		!in.ReadASN1(&signers, cryptobyte_asn1.SET) || !in.Empty() {
		return errors.New("not a SignedData with a TSTInfo")
	}
	t.info = info
	for !certificates.Empty() {
		var raw cryptobyte.String
		if len(t.certificates) == maxCertificates || !certificates.ReadASN1Element(&raw, cryptobyte_asn1.SEQUENCE) {
			return errors.New("too many certificates, or something else among them")
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return errors.New("a certificate is malformed")
		}
		t.certificates = append(t.certificates, c)
	}
	if err := t.readSigner(signers); err != nil {
		return err
	}
	return t.readInfo(info)
}

// readSigner reads the one SignerInfo.
func (t *token) readSigner(in cryptobyte.String) error {
	var s, sid, name, digest, attributes, algorithm, signature cryptobyte.String
	var version int64
	var digestID, algorithmID asn1.ObjectIdentifier
	t.serial = new(big.Int)
	if !in.ReadASN1(&s, cryptobyte_asn1.SEQUENCE) || !in.Empty() ||
		!s.ReadASN1Integer(&version) || version != 1 ||
		!s.ReadASN1(&sid, cryptobyte_asn1.SEQUENCE) ||
		!sid.ReadASN1Element(&name, cryptobyte_asn1.SEQUENCE) || !sid.ReadASN1Integer(t.serial) || !sid.Empty() ||
		!s.ReadASN1(&digest, cryptobyte_asn1.SEQUENCE) || !digest.ReadASN1ObjectIdentifier(&digestID) ||
		!s.ReadASN1Element(&attributes, tag(0)) ||
		!s.ReadASN1(&algorithm, cryptobyte_asn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&algorithmID) ||
		!s.ReadASN1(&signature, cryptobyte_asn1.OCTET_STRING) ||
		!s.SkipOptionalASN1(tag(1)) || !s.Empty() {
		return errors.New("not one SignerInfo with signed attributes")
	}
	t.issuer, t.signature = name, signature
	if t.digestAlgorithm = hashOf(digestID); t.digestAlgorithm == 0 {
		return errors.New("a digest algorithm that is not SHA-2")
	}
	if t.signatureAlgorithm = signatureOf(algorithmID, t.digestAlgorithm); t.signatureAlgorithm == x509.UnknownSignatureAlgorithm {
		return errors.New("a signature algorithm that is not known")
	}
	t.signedAttributes = bytes.Clone(attributes)
	t.signedAttributes[0] = byte(cryptobyte_asn1.SET) // RFC 5652 section 5.4
	return t.readAttributes(attributes)
}

// readAttributes reads the three signed attributes that must be there; each
// comes once and has one value.
func (t *token) readAttributes(element cryptobyte.String) error {
	var list cryptobyte.String
	if !element.ReadASN1(&list, tag(0)) {
		return errors.New("not signed attributes")
	}
	values := map[string]cryptobyte.String{}
	for !list.Empty() {
		var a, set cryptobyte.String
		var id asn1.ObjectIdentifier
		if len(values) == maxAttributes || !list.ReadASN1(&a, cryptobyte_asn1.SEQUENCE) || !a.ReadASN1ObjectIdentifier(&id) ||
			!a.ReadASN1(&set, cryptobyte_asn1.SET) || !a.Empty() {
			return errors.New("a signed attribute is malformed")
		}
		if _, twice := values[id.String()]; twice {
			return errors.New("a signed attribute comes twice")
		}
		values[id.String()] = set
	}
	var kind asn1.ObjectIdentifier
	var digest cryptobyte.String
	v := values[oidContentType.String()]
	if !v.ReadASN1ObjectIdentifier(&kind) || !v.Empty() || !kind.Equal(oidTSTInfo) {
		return errors.New("the signed content type is not TSTInfo")
	}
	v = values[oidMessageDigest.String()]
	if !v.ReadASN1(&digest, cryptobyte_asn1.OCTET_STRING) || !v.Empty() {
		return errors.New("no signed digest")
	}
	t.messageDigest = digest
	return t.readSigningCertificate(values[oidSigningCertificate.String()])
}

// readSigningCertificate reads the first ESSCertIDv2, the signer's.
func (t *token) readSigningCertificate(v cryptobyte.String) error {
	var outer, list, first, algorithm, hash cryptobyte.String
	var has bool
	if !v.ReadASN1(&outer, cryptobyte_asn1.SEQUENCE) || !v.Empty() || !outer.ReadASN1(&list, cryptobyte_asn1.SEQUENCE) ||
		!list.ReadASN1(&first, cryptobyte_asn1.SEQUENCE) ||
		!first.ReadOptionalASN1(&algorithm, &has, cryptobyte_asn1.SEQUENCE) ||
		!first.ReadASN1(&hash, cryptobyte_asn1.OCTET_STRING) {
		return errors.New("no signed signing-certificate-v2")
	}
	t.certHash, t.certHashAlgorithm = hash, crypto.SHA256
	if has {
		var id asn1.ObjectIdentifier
		if !algorithm.ReadASN1ObjectIdentifier(&id) {
			return errors.New("signing-certificate-v2 is malformed")
		}
		if t.certHashAlgorithm = hashOf(id); t.certHashAlgorithm == 0 {
			return errors.New("signing-certificate-v2 has a hash that is not SHA-2")
		}
	}
	return nil
}

// readInfo reads TSTInfo.
func (t *token) readInfo(in cryptobyte.String) error {
	var body, imprint, stated, nonce cryptobyte.String
	var version int64
	var policy asn1.ObjectIdentifier
	if !in.ReadASN1(&body, cryptobyte_asn1.SEQUENCE) || !in.Empty() ||
		!body.ReadASN1Integer(&version) || version != 1 ||
		!body.ReadASN1ObjectIdentifier(&policy) ||
		!body.ReadASN1(&imprint, cryptobyte_asn1.SEQUENCE) ||
		!body.ReadASN1Integer(new(big.Int)) ||
		!body.ReadASN1(&stated, cryptobyte_asn1.GeneralizedTime) ||
		!body.SkipOptionalASN1(cryptobyte_asn1.SEQUENCE) ||
		!body.SkipOptionalASN1(cryptobyte_asn1.BOOLEAN) ||
		!body.ReadOptionalASN1(&nonce, nil, cryptobyte_asn1.INTEGER) ||
		!body.SkipOptionalASN1(tag(0)) {
		return errors.New("not a TSTInfo")
	}
	t.nonce = nonce
	var q request
	if failure := q.readImprint(imprint); failure != none {
		return fmt.Errorf("its imprint is of no use: %s", failure)
	}
	t.imprintHash, t.imprint = q.hash, q.digest
	var err error
	if t.at, err = parseTime(string(stated)); err != nil {
		return err
	}
	return readInfoExtensions(body)
}

// readInfoExtensions refuses critical extensions: we know none.
func readInfoExtensions(in cryptobyte.String) error {
	var list cryptobyte.String
	if !in.ReadOptionalASN1(&list, nil, tag(1)) || !in.Empty() {
		return errors.New("bytes behind the TSTInfo")
	}
	for !list.Empty() {
		var e cryptobyte.String
		var critical bool
		if !list.ReadASN1(&e, cryptobyte_asn1.SEQUENCE) || !e.SkipASN1(cryptobyte_asn1.OBJECT_IDENTIFIER) ||
			e.PeekASN1Tag(cryptobyte_asn1.BOOLEAN) && !e.ReadASN1Boolean(&critical) ||
			!e.SkipASN1(cryptobyte_asn1.OCTET_STRING) || !e.Empty() || critical {
			return errors.New("an extension is malformed, or critical and unknown")
		}
	}
	return nil
}
