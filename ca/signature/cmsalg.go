package signature

import (
	"crypto"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// parseHash reads the rest of
//
//	AlgorithmIdentifier ::= SEQUENCE {
//	  algorithm OBJECT IDENTIFIER,
//	  parameters ANY DEFINED BY algorithm OPTIONAL }
//
// of SHA-256, SHA-384 or SHA-512, whose parameters are absent or NULL (RFC
// 5754 section 2). SHA-1 and MD5 are no hashes here.
func parseHash(alg cryptobyte.String) (crypto.Hash, bool) {
	var oid asn1.ObjectIdentifier
	if !alg.ReadASN1ObjectIdentifier(&oid) || !(alg.Empty() || onlyNull(alg)) {
		return 0, false
	}
	switch {
	case oid.Equal(oidSHA256):
		return crypto.SHA256, true
	case oid.Equal(oidSHA384):
		return crypto.SHA384, true
	case oid.Equal(oidSHA512):
		return crypto.SHA512, true
	}
	return 0, false
}

// onlyNull reports whether s is a NULL and nothing else.
func onlyNull(s cryptobyte.String) bool {
	var null cryptobyte.String
	return s.ReadASN1(&null, der.NULL) && null.Empty() && s.Empty()
}

// parseSignatureAlgorithm reads the rest of a SignatureAlgorithmIdentifier.
// Stricter than RFC 5652: the hash in it, where there is one, must be the
// digestAlgorithm's.
func parseSignatureAlgorithm(alg cryptobyte.String, hash crypto.Hash) (scheme, bool) {
	var oid asn1.ObjectIdentifier
	if !alg.ReadASN1ObjectIdentifier(&oid) {
		return scheme{}, false
	}
	if oid.Equal(oidRSAPSS) {
		return parsePSS(alg, hash)
	}
	for _, a := range signatureAlgorithms() {
		if !oid.Equal(a.oid) || a.hash != 0 && a.hash != hash {
			continue
		}
		// RSA has NULL or, by some, nothing (RFC 4055 section 5), ECDSA nothing
		// (RFC 5754 section 3.3).
		return scheme{hash: hash, rsa: a.null}, a.null && (onlyNull(alg) || alg.Empty()) || !a.null && alg.Empty()
	}
	return scheme{}, false
}

// signatureAlgorithm is one way to name ECDSA or PKCS #1 v1.5.
type signatureAlgorithm struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash // zero: the digestAlgorithm's
	null bool        // RSA: parameters are NULL
}

func signatureAlgorithms() []signatureAlgorithm {
	return []signatureAlgorithm{
		{oidECDSAWithSHA256, crypto.SHA256, false},
		{oidECDSAWithSHA384, crypto.SHA384, false},
		{oidECDSAWithSHA512, crypto.SHA512, false},
		{oidRSA, 0, true},
		{oidSHA256WithRSA, crypto.SHA256, true},
		{oidSHA384WithRSA, crypto.SHA384, true},
		{oidSHA512WithRSA, crypto.SHA512, true},
	}
}

// parsePSS reads
//
//	RSASSA-PSS-params ::= SEQUENCE {
//	  hashAlgorithm    [0] HashAlgorithm DEFAULT sha1,
//	  maskGenAlgorithm [1] MaskGenAlgorithm DEFAULT mgf1SHA1,
//	  saltLength       [2] INTEGER DEFAULT 20,
//	  trailerField     [3] INTEGER DEFAULT 1 }
//
// (RFC 4055 section 3.1). Both hashes must be there, since their defaults are
// SHA-1, and be the digestAlgorithm's; the trailer is its default, absent in DER.
func parsePSS(alg cryptobyte.String, hash crypto.Hash) (scheme, bool) {
	tag2 := der.Tag(2).ContextSpecific().Constructed()
	var params, hashField, hashAlg, mgfField, mgf, mgfHash, saltField cryptobyte.String
	var oid asn1.ObjectIdentifier
	var salt int
	if !alg.ReadASN1(&params, der.SEQUENCE) || !alg.Empty() ||
		!params.ReadASN1(&hashField, tag0) || !hashField.ReadASN1(&hashAlg, der.SEQUENCE) || !hashField.Empty() ||
		!params.ReadASN1(&mgfField, tag1) || !mgfField.ReadASN1(&mgf, der.SEQUENCE) || !mgfField.Empty() ||
		!mgf.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidMGF1) ||
		!mgf.ReadASN1(&mgfHash, der.SEQUENCE) || !mgf.Empty() ||
		!params.ReadASN1(&saltField, tag2) || !saltField.ReadASN1Integer(&salt) || !saltField.Empty() ||
		!params.Empty() {
		return scheme{}, false
	}
	h1, ok1 := parseHash(hashAlg)
	h2, ok2 := parseHash(mgfHash)
	// At least the hash's size (RFC 8017 section 9.1); a longer one than the
	// key has room for fails in the verification.
	if !ok1 || !ok2 || h1 != hash || h2 != hash || salt < hash.Size() || salt > maxRSA/8 {
		return scheme{}, false
	}
	return scheme{hash: hash, rsa: true, pss: true, salt: salt}, true
}
