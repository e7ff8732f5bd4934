package suite

import (
	"crypto"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// hashes are the digest algorithms (RFC 5754 section 2, RFC 3370 section 2.1).
var hashes = []struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
}{
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512},
	{asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, crypto.SHA1},
}

// named are the signature algorithms that go by one identifier. Where the hash
// is zero it is the digestAlgorithm's (RFC 3370 section 3.2).
var named = []struct {
	oid    asn1.ObjectIdentifier
	family Family
	hash   crypto.Hash
}{
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, ECDSA, crypto.SHA256}, // RFC 5754 section 3.3
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, ECDSA, crypto.SHA384},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, ECDSA, crypto.SHA512},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}, ECDSA, crypto.SHA1},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, PKCS1, crypto.SHA256}, // RFC 5754 section 3.2
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, PKCS1, crypto.SHA384},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, PKCS1, crypto.SHA512},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, PKCS1, crypto.SHA1},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, PKCS1, 0},
}

var (
	oidPSS  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10} // RFC 4056 section 2
	oidMGF1 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}  // RFC 4055 section 2.2
)

// ReadHash reads a whole
//
//	AlgorithmIdentifier ::= SEQUENCE {
//	  algorithm OBJECT IDENTIFIER,
//	  parameters ANY DEFINED BY algorithm OPTIONAL }
//
// of a hash, whose parameters are absent or NULL. ok is false if it is no such
// thing; a hash that is not known is zero.
func ReadHash(s *cryptobyte.String) (h crypto.Hash, ok bool) {
	var alg cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&alg, der.SEQUENCE) || !alg.ReadASN1ObjectIdentifier(&oid) || !nullOrNone(alg) {
		return 0, false
	}
	for _, k := range hashes {
		if k.oid.Equal(oid) {
			return k.hash, true
		}
	}
	return 0, true
}

// nullOrNone reports whether s is empty or a NULL and nothing else.
func nullOrNone(s cryptobyte.String) bool {
	var null cryptobyte.String
	return s.Empty() || s.ReadASN1(&null, der.NULL) && null.Empty() && s.Empty()
}

// ReadSignature reads a whole SignatureAlgorithmIdentifier that goes with the
// digestAlgorithm hash. One that is not known, or that names another hash
// (stricter than RFC 5652), is the zero Algorithm.
func ReadSignature(s *cryptobyte.String, hash crypto.Hash) (a Algorithm, ok bool) {
	var alg cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&alg, der.SEQUENCE) || !alg.ReadASN1ObjectIdentifier(&oid) {
		return Algorithm{}, false
	}
	if oid.Equal(oidPSS) {
		return readPSS(alg, hash), true
	}
	for _, n := range named {
		if n.oid.Equal(oid) && (n.hash == 0 || n.hash == hash) && hash != 0 && nullOrNone(alg) {
			return Algorithm{Family: n.family, Hash: hash}, true
		}
	}
	return Algorithm{}, true
}

// readPSS reads
//
//	RSASSA-PSS-params ::= SEQUENCE {
//	  hashAlgorithm    [0] HashAlgorithm DEFAULT sha1,
//	  maskGenAlgorithm [1] MaskGenAlgorithm DEFAULT mgf1SHA1,
//	  saltLength       [2] INTEGER DEFAULT 20,
//	  trailerField     [3] INTEGER DEFAULT 1 }
//
// (RFC 4055 section 3.1). Both hashes must be the digestAlgorithm's.
func readPSS(alg cryptobyte.String, hash crypto.Hash) Algorithm {
	field := func(n uint8) der.Tag { return der.Tag(n).ContextSpecific().Constructed() }
	var params, first, second, mask, third cryptobyte.String
	var oid asn1.ObjectIdentifier
	var salt int
	if !alg.ReadASN1(&params, der.SEQUENCE) || !alg.Empty() ||
		!params.ReadASN1(&first, field(0)) || !params.ReadASN1(&second, field(1)) || !params.ReadASN1(&third, field(2)) ||
		!params.SkipOptionalASN1(field(3)) || !params.Empty() ||
		!second.ReadASN1(&mask, der.SEQUENCE) || !second.Empty() || !mask.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidMGF1) ||
		!third.ReadASN1Integer(&salt) || !third.Empty() {
		return Algorithm{}
	}
	h1, ok1 := ReadHash(&first)
	h2, ok2 := ReadHash(&mask)
	if !ok1 || !ok2 || !first.Empty() || !mask.Empty() || hash == 0 || h1 != hash || h2 != hash || salt < 1 || salt > maxRSA/8 {
		return Algorithm{}
	}
	return Algorithm{Family: PSS, Hash: hash, Salt: salt}
}

// AddHash adds the AlgorithmIdentifier of a hash, parameters absent.
func AddHash(b *cryptobyte.Builder, h crypto.Hash) {
	for _, k := range hashes {
		if k.hash == h {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(k.oid) })
			return
		}
	}
	b.SetError(asn1.StructuralError{Msg: "no identifier for " + h.String()})
}

// AddSignature adds the SignatureAlgorithmIdentifier of what For returned for CMS.
func (a Algorithm) AddSignature(b *cryptobyte.Builder) {
	for _, n := range named {
		if n.family != a.Family || n.hash != a.Hash {
			continue
		}
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(n.oid)
			if a.Family == PKCS1 {
				b.AddASN1NULL()
			}
		})
		return
	}
	b.SetError(asn1.StructuralError{Msg: "no identifier for " + a.String()})
}
