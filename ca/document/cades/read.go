package cades

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca/document"
)

// Read takes a CMS (DER or one PEM block) apart into the signatures of its
// signers. beside is the document where it is not inside. What is not
// well-formed is Invalid; nothing else is judged here.
func Read(raw []byte, beside document.Content) ([]document.Signature, error) {
	m, err := parse(raw)
	if err != nil {
		return nil, err
	}
	content := beside
	if m.content != nil {
		content = document.Bytes(m.content)
	}
	carried := m.values()
	var list []document.Signature
	for _, s := range m.signers {
		one := s.described(carried, content)
		if m.content != nil && beside.Bytes() != nil && !bytes.Equal(beside.Bytes(), m.content) {
			one.Unfit = "the signature holds another document than the one beside it"
		}
		list = append(list, one)
	}
	return list, nil
}

// Enclosed returns the document inside; nil if it is detached.
func Enclosed(raw []byte) ([]byte, error) {
	m, err := parse(raw)
	return m.content, err
}

// described says what the judge needs of a signer.
func (s signer) described(carried document.Values, content document.Content) document.Signature {
	one := document.Signature{
		Format: document.CAdES, Algorithm: s.algorithm, Input: s.attrs.signed, Value: s.signature,
		Hash: s.hash, Stated: s.attrs.messageDigest, Digest: content.Digest(s.hash),
		ClaimedTime: s.attrs.signingTime, MIME: s.attrs.mime,
		Stamped: s.signature, ContentStamps: s.attrs.stamps, Content: content, Carried: carried,
	}
	if s.attrs.states || s.attrs.mime == "" && content.Statement() {
		one.Unfit = "what is signed is a statement to this service, which is no document"
	}
	for _, c := range carried.Certificates {
		if s.made(c) {
			one.Signer, one.Bound = c, s.attrs.certificate.names(c)
			break
		}
	}
	for _, raw := range s.unsigned {
		one.Stamps = append(one.Stamps, stampsOf(raw)...)
	}
	return one
}

// made reports whether the certificate is the one the signer is named by.
func (s signer) made(c *x509.Certificate) bool {
	if s.serial != nil {
		return s.serial.Cmp(c.SerialNumber) == 0 && bytes.Equal(s.issuer, c.RawIssuer)
	}
	return bytes.Equal(s.keyID, c.SubjectKeyId)
}

// stampsOf returns the tokens of an unsigned attribute; none if it is another
// or broken: what is not signed cannot make a signature wrong.
func stampsOf(raw cryptobyte.String) [][]byte {
	var attr, values cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !raw.ReadASN1(&attr, der.SEQUENCE) || !attr.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidSignatureStamp) ||
		!attr.ReadASN1(&values, der.SET) || !attr.Empty() {
		return nil
	}
	list, _ := elements(values, maxValues)
	return list
}

// values are the certificates and revocation values of the message; what is
// not one of X.509 is left out.
//
//	RevocationInfoChoice ::= CHOICE {
//	  crl CertificateList,
//	  other [1] IMPLICIT OtherRevocationInfoFormat }
//	OtherRevocationInfoFormat ::= SEQUENCE {
//	  otherRevInfoFormat OBJECT IDENTIFIER,         -- id-ri-ocsp-response
//	  otherRevInfo ANY DEFINED BY otherRevInfoFormat }
//
// (RFC 5652 section 10.2.1, RFC 5940 section 2.1).
func (m message) values() (v document.Values) {
	for _, raw := range m.certs {
		if c, err := x509.ParseCertificate(raw); err == nil {
			v.Certificates = append(v.Certificates, c)
		}
	}
	for _, raw := range m.crls {
		in := cryptobyte.String(raw)
		var other, response cryptobyte.String
		var oid asn1.ObjectIdentifier
		switch {
		case in.PeekASN1Tag(der.SEQUENCE):
			v.CRLs = append(v.CRLs, raw)
		case in.ReadASN1(&other, tag1) && other.ReadASN1ObjectIdentifier(&oid) && oid.Equal(oidOCSPResponse) &&
			other.ReadASN1Element(&response, der.SEQUENCE) && other.Empty():
			v.OCSPs = append(v.OCSPs, response)
		}
	}
	return v
}
