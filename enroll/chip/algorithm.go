package chip

import (
	"crypto"
	"crypto/rsa"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// scheme is a way to sign.
type scheme int

const (
	pkcs1      scheme = iota + 1 // RSASSA-PKCS1-v1_5
	pss                          // RSASSA-PSS
	ecdsaDER                     // ECDSA, r and s as ASN.1
	ecdsaPlain                   // ECDSA, r and s beside each other
)

// algorithm is a scheme with its hash.
type algorithm struct {
	scheme scheme
	hash   crypto.Hash // 0: RSA whose hash is said elsewhere
	salt   int         // of pss, octets
}

var (
	tag0 = der.Tag(0).ContextSpecific().Constructed()
	tag1 = der.Tag(1).ContextSpecific().Constructed()
	tag2 = der.Tag(2).ContextSpecific().Constructed()
	tag3 = der.Tag(3).ContextSpecific().Constructed()
)

// readHash reads the AlgorithmIdentifier of a hash, without parameters or
// with NULL (RFC 5754, 2).
func readHash(s *cryptobyte.String, part string) (crypto.Hash, error) {
	var alg cryptobyte.String
	if !s.ReadASN1(&alg, der.SEQUENCE) {
		return 0, errMalformed(part)
	}
	oid, ok := readOID(&alg)
	if !ok || !alg.Empty() && !onlyNull(alg) {
		return 0, errMalformed(part)
	}
	if weak := weakOIDs[oid]; weak != "" {
		return 0, errWeakHash(weak)
	}
	h := hashOIDs[oid]
	if h == 0 {
		return 0, errAlgorithm(oid)
	}
	return h, nil
}

// readAlgorithm reads the AlgorithmIdentifier of a signature.
func readAlgorithm(s *cryptobyte.String, part string) (algorithm, error) {
	var alg cryptobyte.String
	if !s.ReadASN1(&alg, der.SEQUENCE) {
		return algorithm{}, errMalformed(part)
	}
	oid, ok := readOID(&alg)
	if !ok {
		return algorithm{}, errMalformed(part)
	}
	if weak := weakOIDs[oid]; weak != "" {
		return algorithm{}, errWeakHash(weak)
	}
	if oid == oidRSAPSS {
		return readPSS(&alg, part)
	}
	a, known := signatureOIDs[oid]
	if oid == oidRSA { // in CMS, with the digestAlgorithm's hash (RFC 3370, 3.2)
		a, known = algorithm{scheme: pkcs1}, true
	}
	switch {
	case !known:
		return a, errAlgorithm(oid)
	case !alg.Empty() && !(a.scheme == pkcs1 && onlyNull(alg)):
		return a, errMalformed(part)
	}
	return a, nil
}

// readPSS reads
//
//	RSASSA-PSS-params ::= SEQUENCE {
//	  hashAlgorithm    [0] HashAlgorithm DEFAULT sha1,
//	  maskGenAlgorithm [1] MaskGenAlgorithm DEFAULT mgf1SHA1,
//	  saltLength       [2] INTEGER DEFAULT 20,
//	  trailerField     [3] INTEGER DEFAULT 1 }
//
// (RFC 4055, 3.1). The defaults are SHA-1: whoever leaves them out uses it.
// Both hashes are the same one, and the salt is as long as it at least.
func readPSS(s *cryptobyte.String, part string) (algorithm, error) {
	a := algorithm{scheme: pss, salt: 20}
	var params, field, mgf cryptobyte.String
	var inside bool
	if !s.ReadASN1(&params, der.SEQUENCE) || !s.Empty() || !params.ReadOptionalASN1(&field, &inside, tag0) {
		return a, errMalformed(part)
	}
	if !inside {
		return a, errWeakHash("SHA-1")
	}
	var err error
	if a.hash, err = readHash(&field, part); err != nil {
		return a, err
	}
	if !field.Empty() || !params.ReadOptionalASN1(&field, &inside, tag1) {
		return a, errMalformed(part)
	}
	if !inside {
		return a, errWeakHash("SHA-1")
	}
	if !field.ReadASN1(&mgf, der.SEQUENCE) || !field.Empty() {
		return a, errMalformed(part)
	}
	oid, ok := readOID(&mgf)
	if !ok {
		return a, errMalformed(part)
	}
	if oid != oidMGF1 {
		return a, errAlgorithm(oid)
	}
	masks, err := readHash(&mgf, part)
	if err != nil {
		return a, err
	}
	trailer := 1
	if !mgf.Empty() || !readSmall(&params, tag2, &a.salt) || !readSmall(&params, tag3, &trailer) || !params.Empty() {
		return a, errMalformed(part)
	}
	if masks != a.hash || trailer != 1 || a.salt < a.hash.Size() || a.salt > maxRSA/8 {
		return a, errAlgorithm("RSASSA-PSS with parameters that do not fit")
	}
	return a, nil
}

// readSmall reads an explicitly tagged INTEGER into v, if it is there.
func readSmall(s *cryptobyte.String, tag der.Tag, v *int) bool {
	var field cryptobyte.String
	var inside bool
	return s.ReadOptionalASN1(&field, &inside, tag) && (!inside || field.ReadASN1Integer(v) && field.Empty())
}

// fits reports whether the key may sign with the algorithm.
func (k publicKey) fits(a algorithm) bool {
	switch a.scheme {
	case ecdsaDER, ecdsaPlain:
		return k.curve != nil
	case pkcs1:
		return k.rsa != nil && k.pss == nil
	case pss:
		return k.rsa != nil && (k.pss == nil || k.pss.hash == a.hash && k.pss.salt <= a.salt)
	}
	return false
}

// verify reports whether sig is the key's over message.
func (k publicKey) verify(a algorithm, message, sig []byte) bool {
	if !k.fits(a) || a.hash == 0 {
		return false
	}
	h := a.hash.New()
	h.Write(message)
	digest := h.Sum(nil)
	switch a.scheme {
	case pkcs1:
		return rsa.VerifyPKCS1v15(k.rsa, a.hash, digest, sig) == nil
	case pss:
		return rsa.VerifyPSS(k.rsa, a.hash, digest, sig, &rsa.PSSOptions{SaltLength: a.salt}) == nil
	case ecdsaPlain:
		half := (k.curve.n.BitLen() + 7) / 8
		if len(sig) != 2*half {
			return false
		}
		return k.curve.verify(k.point, digest, new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:]))
	}
	s := cryptobyte.String(sig)
	var pair cryptobyte.String
	r, t := new(big.Int), new(big.Int)
	if !s.ReadASN1(&pair, der.SEQUENCE) || !s.Empty() || !pair.ReadASN1Integer(r) || !pair.ReadASN1Integer(t) || !pair.Empty() {
		return false
	}
	return k.curve.verify(k.point, digest, r, t)
}
