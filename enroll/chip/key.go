package chip

import (
	"bytes"
	"crypto/rsa"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// publicKey is a key of a document or its issuer: rsa, or a point of curve.
type publicKey struct {
	rsa   *rsa.PublicKey
	pss   *algorithm // an RSA key that signs in this way only; nil: in any
	curve *curve
	point point
}

// Bounds of RSA keys, bits. Issuers' keys are those of Doc 9303-12, 4.1.6,
// from today's least on; a chip's own key may be as short as chips have it.
const (
	minRSA     = 2048
	minChipRSA = 1024
	maxRSA     = 8192
)

// readKey reads
//
//	SubjectPublicKeyInfo ::= SEQUENCE {
//	  algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }
//
// (RFC 5280, 4.1). The RSA modulus has least bits.
func readKey(s *cryptobyte.String, part string, least int) (publicKey, error) {
	var info, alg cryptobyte.String
	var bits []byte
	if !s.ReadASN1(&info, der.SEQUENCE) || !info.ReadASN1(&alg, der.SEQUENCE) ||
		!info.ReadASN1BitStringAsBytes(&bits) || !info.Empty() {
		return publicKey{}, errMalformed(part)
	}
	oid, ok := readOID(&alg)
	if !ok {
		return publicKey{}, errMalformed(part)
	}
	var k publicKey
	var err error
	switch oid {
	case oidECKey:
		if k.curve, err = readCurve(&alg, part); err != nil {
			return k, err
		}
		k.point, ok = k.curve.readPoint(bits)
		if !ok {
			return k, errWeakKey("a point that is not on its curve")
		}
		return k, nil
	case oidRSAPSS:
		if !alg.Empty() {
			a, err := readPSS(&alg, part)
			if err != nil {
				return k, err
			}
			k.pss = &a
		}
	case oidRSA:
		if !alg.Empty() && !onlyNull(alg) {
			return k, errMalformed(part)
		}
	default:
		return k, errAlgorithm(oid)
	}
	k.rsa, err = readRSA(bits, part, least)
	return k, err
}

// readRSA reads RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent
// INTEGER } (RFC 8017, A.1.1).
func readRSA(b []byte, part string, least int) (*rsa.PublicKey, error) {
	s := cryptobyte.String(b)
	var key cryptobyte.String
	n, e := new(big.Int), 0
	if !s.ReadASN1(&key, der.SEQUENCE) || !s.Empty() || !key.ReadASN1Integer(n) || !key.ReadASN1Integer(&e) || !key.Empty() {
		return nil, errMalformed(part)
	}
	switch size := n.BitLen(); {
	case n.Sign() <= 0 || size < least:
		return nil, errWeakKey("RSA that is too short")
	case size > maxRSA:
		return nil, errTooLarge(part+": RSA modulus", maxRSA/8)
	case n.Bit(0) == 0 || e < 3 || e&1 == 0 || e > 1<<31-1:
		return nil, errWeakKey("RSA with numbers that no such key has")
	}
	return &rsa.PublicKey{N: n, E: e}, nil
}

// readPoint reads an uncompressed point (SEC 1, 2.3.4) that is on the curve.
func (c *curve) readPoint(b []byte) (point, bool) {
	k := c.octets()
	if len(b) != 1+2*k || b[0] != 4 {
		return point{}, false
	}
	q := point{new(big.Int).SetBytes(b[1 : 1+k]), new(big.Int).SetBytes(b[1+k:])}
	return q, c.on(q)
}

// write writes a point of the curve, uncompressed or compressed (SEC 1, 2.3.3).
func (c *curve) write(q point, compressed bool) []byte {
	k := c.octets()
	x := q.x.FillBytes(make([]byte, k))
	if compressed {
		return append([]byte{2 | byte(q.y.Bit(0))}, x...)
	}
	return append(append([]byte{4}, x...), q.y.FillBytes(make([]byte, k))...)
}

// readCurve reads
//
//	ECPKParameters ::= CHOICE {
//	  ecParameters ECParameters, namedCurve OBJECT IDENTIFIER, ... }
//	ECParameters ::= SEQUENCE {
//	  version INTEGER (1), fieldID SEQUENCE { OBJECT IDENTIFIER, INTEGER },
//	  curve SEQUENCE { a OCTET STRING, b OCTET STRING, seed BIT STRING OPTIONAL },
//	  base OCTET STRING, order INTEGER, cofactor INTEGER OPTIONAL }
//
// (RFC 3279, 2.3.5). Of explicit parameters all must be those of a known
// curve: who may choose one of them can sign for any key.
func readCurve(s *cryptobyte.String, part string) (*curve, error) {
	if s.PeekASN1Tag(der.OBJECT_IDENTIFIER) {
		oid, ok := readOID(s)
		if !ok || !s.Empty() {
			return nil, errMalformed(part)
		}
		c := curves()[namedCurves[oid]]
		if c == nil {
			return nil, errCurve()
		}
		return c, nil
	}
	var params, field, shape, a, b, base cryptobyte.String
	var seed []byte
	version, p, n, h := 0, new(big.Int), new(big.Int), 1
	if !s.ReadASN1(&params, der.SEQUENCE) || !s.Empty() || !params.ReadASN1Integer(&version) || !params.ReadASN1(&field, der.SEQUENCE) {
		return nil, errMalformed(part)
	}
	if kind, ok := readOID(&field); !ok || kind != oidPrimeField || version != 1 {
		return nil, errCurve()
	}
	if !field.ReadASN1Integer(p) || !field.Empty() || !params.ReadASN1(&shape, der.SEQUENCE) ||
		!shape.ReadASN1(&a, der.OCTET_STRING) || !shape.ReadASN1(&b, der.OCTET_STRING) ||
		!shape.Empty() && !shape.ReadASN1BitStringAsBytes(&seed) || !shape.Empty() ||
		!params.ReadASN1(&base, der.OCTET_STRING) || !params.ReadASN1Integer(n) ||
		!params.Empty() && !params.ReadASN1Integer(&h) || !params.Empty() {
		return nil, errMalformed(part)
	}
	for _, c := range curves() {
		g := point{c.gx, c.gy}
		if c.p.Cmp(p) == 0 && c.n.Cmp(n) == 0 && h == 1 && c.isNumber(c.a, a) && c.isNumber(c.b, b) &&
			(bytes.Equal(base, c.write(g, false)) || bytes.Equal(base, c.write(g, true))) {
			return c, nil
		}
	}
	return nil, errCurve()
}

// isNumber reports whether b is v, with or without leading zeros.
func (c *curve) isNumber(v *big.Int, b []byte) bool {
	return len(b) <= c.octets() && new(big.Int).SetBytes(b).Cmp(v) == 0
}

// onlyNull reports whether s is a NULL and nothing else.
func onlyNull(s cryptobyte.String) bool {
	var null cryptobyte.String
	return s.ReadASN1(&null, der.NULL) && null.Empty() && s.Empty()
}
