package chip

import (
	"bytes"
	"crypto"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// maxGroups is the number of data groups there are.
const maxGroups = 16

// securityObject is the list of hashes that the EF.SOD signs.
type securityObject struct {
	hash   crypto.Hash
	digest map[int][]byte // by the number of the data group
}

// readSecurityObject reads
//
//	LDSSecurityObject ::= SEQUENCE {
//	  version INTEGER { v0(0), v1(1) }, hashAlgorithm AlgorithmIdentifier,
//	  dataGroupHashValues SEQUENCE SIZE (2..16) OF SEQUENCE {
//	    dataGroupNumber INTEGER (1..16), dataGroupHashValue OCTET STRING },
//	  ldsVersionInfo SEQUENCE {
//	    ldsVersion PrintableString, unicodeVersion PrintableString } OPTIONAL }
//
// (Doc 9303-10, 4.6.2.3). Version 1 has the version info, version 0 has not.
func readSecurityObject(raw []byte) (securityObject, error) {
	const part = "EF.SOD: LDSSecurityObject"
	s := cryptobyte.String(raw)
	var object, list, versions, v cryptobyte.String
	o := securityObject{digest: map[int][]byte{}}
	version := 0
	if !s.ReadASN1(&object, der.SEQUENCE) {
		return o, errMalformed(part)
	}
	if !s.Empty() {
		return o, errTrailing(part)
	}
	if !object.ReadASN1Integer(&version) || version != 0 && version != 1 {
		return o, errMalformed(part)
	}
	var err error
	if o.hash, err = readHash(&object, part); err != nil {
		return o, err
	}
	if !object.ReadASN1(&list, der.SEQUENCE) || !o.readDigests(list) {
		return o, errMalformed(part)
	}
	if version == 1 && (!object.ReadASN1(&versions, der.SEQUENCE) || !versions.ReadASN1(&v, der.PrintableString) ||
		!versions.ReadASN1(&v, der.PrintableString) || !versions.Empty()) || !object.Empty() {
		return o, errMalformed(part)
	}
	return o, nil
}

func (o *securityObject) readDigests(list cryptobyte.String) bool {
	for !list.Empty() {
		var one, digest cryptobyte.String
		number := 0
		if !list.ReadASN1(&one, der.SEQUENCE) || !one.ReadASN1Integer(&number) || number < 1 || number > maxGroups ||
			o.digest[number] != nil || !one.ReadASN1(&digest, der.OCTET_STRING) || len(digest) != o.hash.Size() || !one.Empty() {
			return false
		}
		o.digest[number] = digest
	}
	return len(o.digest) >= 2
}

// check refuses a data group that is not the one that was signed.
func (o *securityObject) check(number int, file []byte) error {
	want := o.digest[number]
	if want == nil {
		return errUnlisted(number)
	}
	h := o.hash.New()
	h.Write(file)
	if !bytes.Equal(h.Sum(nil), want) {
		return errGroup(number)
	}
	return nil
}
