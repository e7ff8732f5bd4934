package lint

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// certificate is a parsed certificate, with the parts that the standard
// library passes over.
type certificate struct {
	*x509.Certificate
	subject    []attribute
	issuer     []attribute
	eku        []asn1.ObjectIdentifier
	statements []statement // of qcStatements; nil where there is none
	malformed  string      // what of these could not be read
}

// attribute is one AttributeTypeAndValue of a name.
type attribute struct {
	id    asn1.ObjectIdentifier
	tag   cryptobyte_asn1.Tag
	value string
	rdn   int // which RelativeDistinguishedName it is in
}

func parseCertificate(der []byte) (*certificate, error) {
	if len(der) > maxObject {
		return nil, errTooLong
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("lint: certificate: %w", err)
	}
	c := &certificate{Certificate: parsed}
	var ok bool
	if c.subject, ok = parseName(parsed.RawSubject); !ok {
		c.malformed = "the subject"
	}
	if c.issuer, ok = parseName(parsed.RawIssuer); !ok {
		c.malformed = "the issuer"
	}
	if e := c.extension(oidExtKeyUsage); e != nil {
		if c.eku, ok = parseObjectIDs(e.Value); !ok {
			c.malformed = "the extended key usage"
		}
	}
	if e := c.extension(oidQCStatements); e != nil {
		if c.statements, ok = parseStatements(e.Value); !ok {
			c.malformed = "qcStatements, which is not a SEQUENCE of statements"
		}
	}
	return c, nil
}

// extension returns the extension of the id; nil if there is none.
func (c *certificate) extension(id asn1.ObjectIdentifier) *pkix.Extension {
	return find(c.Extensions, id)
}

func find(list []pkix.Extension, id asn1.ObjectIdentifier) *pkix.Extension {
	i := slices.IndexFunc(list, func(e pkix.Extension) bool { return e.Id.Equal(id) })
	if i < 0 {
		return nil
	}
	return &list[i]
}

func (c *certificate) has(id asn1.ObjectIdentifier) bool { return c.extension(id) != nil }

// plain reports whether the extension is there and not critical.
func (c *certificate) plain(id asn1.ObjectIdentifier) bool {
	e := c.extension(id)
	return e != nil && !e.Critical
}

// isNull reports whether the extension's value is NULL and it is not critical.
func (c *certificate) isNull(id asn1.ObjectIdentifier) bool {
	return c.plain(id) && string(c.extension(id).Value) == string(asn1.NullBytes)
}

// uses reports whether the extended key usage has id.
func (c *certificate) uses(id asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc(c.eku, id.Equal)
}

// life is how long the certificate is valid, both ends included.
func (c *certificate) life() time.Duration { return c.NotAfter.Sub(c.NotBefore) + time.Second }

// parseName reads a Name (RFC 5280 section 4.1.2.4):
//
//	Name ::= SEQUENCE OF SET OF SEQUENCE { type OBJECT IDENTIFIER, value ANY }
func parseName(der []byte) (list []attribute, ok bool) {
	input := cryptobyte.String(der)
	var rdns, set, pair, value cryptobyte.String
	if !input.ReadASN1(&rdns, cryptobyte_asn1.SEQUENCE) || !input.Empty() {
		return nil, false
	}
	for n := 0; !rdns.Empty(); n++ {
		if !rdns.ReadASN1(&set, cryptobyte_asn1.SET) {
			return nil, false
		}
		for !set.Empty() {
			a := attribute{rdn: n}
			if !set.ReadASN1(&pair, cryptobyte_asn1.SEQUENCE) || !pair.ReadASN1ObjectIdentifier(&a.id) ||
				!pair.ReadAnyASN1(&value, &a.tag) || !pair.Empty() {
				return nil, false
			}
			a.value = string(value)
			list = append(list, a)
		}
	}
	return list, true
}

// parseObjectIDs reads SEQUENCE OF OBJECT IDENTIFIER, with one at least.
func parseObjectIDs(der []byte) (list []asn1.ObjectIdentifier, ok bool) {
	input := cryptobyte.String(der)
	var ids cryptobyte.String
	if !input.ReadASN1(&ids, cryptobyte_asn1.SEQUENCE) || !input.Empty() || ids.Empty() {
		return nil, false
	}
	for !ids.Empty() {
		var id asn1.ObjectIdentifier
		if !ids.ReadASN1ObjectIdentifier(&id) {
			return nil, false
		}
		list = append(list, id)
	}
	return list, true
}

// values returns the values of the attributes of a type.
func values(name []attribute, id asn1.ObjectIdentifier) (list []string) {
	for _, a := range name {
		if a.id.Equal(id) {
			list = append(list, a.value)
		}
	}
	return list
}

// once reports whether each of the types is there exactly once.
func once(name []attribute, ids ...asn1.ObjectIdentifier) bool {
	return !slices.ContainsFunc(ids, func(id asn1.ObjectIdentifier) bool { return len(values(name, id)) != 1 })
}

// hasAny reports whether one of the types is there.
func hasAny(name []attribute, ids ...asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc(ids, func(id asn1.ObjectIdentifier) bool { return len(values(name, id)) > 0 })
}

// httpURLs reports whether there is one URL and all are of plain http: who
// checks a certificate must not need one (RFC 5280 section 8).
func httpURLs(list []string) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(s string) bool { return !strings.HasPrefix(s, "http://") || len(s) < len("http://a/") })
}
