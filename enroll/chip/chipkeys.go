package chip

import (
	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// keyed is what DG14 says of the chip's own keys.
type keyed struct {
	active  algorithm // of active authentication by ECDSA; zero: not said, or refused
	refused error     // why it proves nothing
}

// maxInfos bounds the SecurityInfos of DG14.
const maxInfos = 32

// readDG14 reads
//
//	SecurityInfos ::= SET OF SEQUENCE {
//	  protocol OBJECT IDENTIFIER, requiredData ANY, optionalData ANY OPTIONAL }
//	ActiveAuthenticationInfo: requiredData version INTEGER (1),
//	  optionalData signatureAlgorithm OBJECT IDENTIFIER
//
// (Doc 9303-11, 9.2). Other protocols, chip authentication for one, pass.
func readDG14(file []byte) (keyed, error) {
	const part = "DG14"
	var k keyed
	b, err := group(file, tagDG14, part, maxDG14)
	if err != nil {
		return k, err
	}
	if b, err = normalise(b, part); err != nil {
		return k, err
	}
	s := cryptobyte.String(b)
	var set cryptobyte.String
	if !s.ReadASN1(&set, der.SET) || !s.Empty() {
		return k, errMalformed(part)
	}
	for n := 0; !set.Empty(); n++ {
		var info cryptobyte.String
		if n == maxInfos || !set.ReadASN1(&info, der.SEQUENCE) {
			return k, errMalformed(part)
		}
		protocol, ok := readOID(&info)
		if !ok {
			return k, errMalformed(part)
		}
		if protocol != oidActiveAuth {
			continue
		}
		version := 0
		if !info.ReadASN1Integer(&version) || version != 1 || k.active.hash != 0 || k.refused != nil {
			return k, errMalformed(part)
		}
		oid, ok := readOID(&info)
		if !ok || !info.Empty() {
			return k, errMalformed(part)
		}
		// The document is genuine whatever its chip can show.
		switch a := signatureOIDs[oid]; {
		case weakOIDs[oid] != "":
			k.refused = errWeakHash(weakOIDs[oid])
		case a.scheme != ecdsaPlain:
			k.refused = errAlgorithm(oid)
		default:
			k.active = a
		}
	}
	return k, nil
}

// readDG15 reads the key of active authentication, a SubjectPublicKeyInfo
// (Doc 9303-10, 4.7.15).
func readDG15(file []byte) (publicKey, error) {
	const part = "DG15"
	b, err := group(file, tagDG15, part, maxDG15)
	if err != nil {
		return publicKey{}, err
	}
	s := cryptobyte.String(b)
	k, err := readKey(&s, part, minChipRSA)
	if err == nil && !s.Empty() {
		err = errTrailing(part)
	}
	return k, err
}
