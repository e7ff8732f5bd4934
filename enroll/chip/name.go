package chip

import (
	"bytes"
	"encoding/asn1"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// maxNameParts bounds the attributes of a distinguished name.
const maxNameParts = 24

// name is a distinguished name as its attributes. Countries write the same
// name with its parts in another order, in another string type, in other
// capitals; so a name only finds a certificate, and a signature decides.
type name []namePart

type namePart struct {
	oid   string
	tag   der.Tag
	value []byte
}

// readName reads
//
//	Name ::= SEQUENCE OF RelativeDistinguishedName
//	RelativeDistinguishedName ::= SET OF SEQUENCE {
//	  type OBJECT IDENTIFIER, value ANY }
//
// (RFC 5280, 4.1.2.4).
func readName(s *cryptobyte.String) (name, bool) {
	var list, set, part, value cryptobyte.String
	if !s.ReadASN1(&list, der.SEQUENCE) {
		return nil, false
	}
	var n name
	for !list.Empty() {
		if !list.ReadASN1(&set, der.SET) || set.Empty() {
			return nil, false
		}
		for !set.Empty() {
			var p namePart
			var ok bool
			if len(n) == maxNameParts || !set.ReadASN1(&part, der.SEQUENCE) {
				return nil, false
			}
			if p.oid, ok = readOID(&part); !ok || !part.ReadAnyASN1(&value, &p.tag) || !part.Empty() {
				return nil, false
			}
			p.value = bytes.Clone(value)
			n = append(n, p)
		}
	}
	return n, true
}

// exactly reports whether the names have the same attributes with the same
// octets, in any order and in either of the two usual string types.
func (n name) exactly(m name) bool {
	return n.same(m, func(p namePart) string {
		if p.tag == der.PrintableString {
			p.tag = der.UTF8String
		}
		return p.oid + "=" + string([]byte{byte(p.tag)}) + string(p.value)
	})
}

// roughly also looks away from capitals, spaces and string types.
func (n name) roughly(m name) bool {
	return n.same(m, func(p namePart) string {
		return p.oid + "=" + strings.ToLower(strings.Join(strings.Fields(string(p.value)), " "))
	})
}

func (n name) same(m name, form func(namePart) string) bool {
	written := func(n name) []string {
		var list []string
		for _, p := range n {
			list = append(list, form(p))
		}
		slices.Sort(list)
		return list
	}
	return len(n) > 0 && slices.Equal(written(n), written(m))
}

// country returns the two letters of the name's one country in capitals, "" if
// there is none or more.
func (n name) country() string {
	c := ""
	for _, p := range n {
		if p.oid == oidCountry {
			if c != "" {
				return ""
			}
			c = strings.ToUpper(string(p.value))
		}
	}
	if len(c) != 2 {
		return ""
	}
	return c
}

// shortNames are the attributes that people read.
var shortNames = map[string]string{oidCountry: "C", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.3": "CN", "2.5.4.5": "serialNumber"}

// String is for people; it is not to be compared.
func (n name) String() string {
	var list []string
	for _, p := range n {
		key := shortNames[p.oid]
		if key == "" {
			key = p.oid
		}
		list = append(list, key+"="+strings.ToValidUTF8(string(p.value), "?"))
	}
	return strings.Join(list, ", ")
}

// maxOID bounds an object identifier, octets.
const maxOID = 32

// readOID reads an OBJECT IDENTIFIER, in dots.
func readOID(s *cryptobyte.String) (string, bool) {
	var oid asn1.ObjectIdentifier
	var element cryptobyte.String
	ok := s.ReadASN1Element(&element, der.OBJECT_IDENTIFIER) && len(element) <= maxOID && element.ReadASN1ObjectIdentifier(&oid)
	return oid.String(), ok
}
