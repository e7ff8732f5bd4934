package scep

import (
	"encoding/asn1"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// challengeOf returns the application and its one-time secret from the
// challengePassword of a PKCS #10 request that ca.ParseCSR has read: the two,
// with a colon between them. false if there is none.
//
//	attributes [0] IMPLICIT SET OF SEQUENCE { type OBJECT IDENTIFIER, values SET }
//	challengePassword ::= DirectoryString   -- PrintableString or UTF8String here
//
// (RFC 2986 section 4.1, RFC 2985 section 5.4.1).
func challengeOf(csr []byte) (user, secret string, ok bool) {
	input := cryptobyte.String(csr)
	var req, info, attrs cryptobyte.String
	if !input.ReadASN1(&req, der.SEQUENCE) || !req.ReadASN1(&info, der.SEQUENCE) ||
		!info.SkipASN1(der.INTEGER) || !info.SkipASN1(der.SEQUENCE) || !info.SkipASN1(der.SEQUENCE) ||
		!info.ReadASN1(&attrs, tag0) {
		return "", "", false
	}
	for !attrs.Empty() {
		var attr, values, text cryptobyte.String
		var kind asn1.ObjectIdentifier
		if !attrs.ReadASN1(&attr, der.SEQUENCE) || !attr.ReadASN1ObjectIdentifier(&kind) {
			return "", "", false
		}
		if !kind.Equal(oidChallenge) {
			continue
		}
		var tag der.Tag
		if !attr.ReadASN1(&values, der.SET) || !values.ReadAnyASN1(&text, &tag) || !values.Empty() ||
			tag != der.PrintableString && tag != der.UTF8String {
			return "", "", false
		}
		return strings.Cut(string(text), ":")
	}
	return "", "", false
}
