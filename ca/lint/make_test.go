package lint

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// What follows writes DER by hand, so that it can be wrong in one place. All
// keys are fixed and all signatures repeatable: the files are always the same.

func wrap(tag cryptobyte_asn1.Tag, parts ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, p := range parts {
			b.AddBytes(p)
		}
	})
	return b.BytesOrPanic()
}

func seq(parts ...[]byte) []byte { return wrap(cryptobyte_asn1.SEQUENCE, parts...) }

func implicit(n uint8, content []byte) []byte {
	return wrap(cryptobyte_asn1.Tag(n).ContextSpecific(), content)
}

func explicit(n uint8, parts ...[]byte) []byte { return wrap(tagged(n), parts...) }

func oid(id asn1.ObjectIdentifier) []byte {
	var b cryptobyte.Builder
	b.AddASN1ObjectIdentifier(id)
	return b.BytesOrPanic()
}

func oids(list ...asn1.ObjectIdentifier) []byte {
	var all [][]byte
	for _, id := range list {
		all = append(all, oid(id))
	}
	return seq(all...)
}

func printable(s string) []byte  { return wrap(cryptobyte_asn1.PrintableString, []byte(s)) }
func utf8String(s string) []byte { return wrap(cryptobyte_asn1.UTF8String, []byte(s)) }
func octet(b []byte) []byte      { return wrap(cryptobyte_asn1.OCTET_STRING, b) }
func number(n int64) []byte      { var b cryptobyte.Builder; b.AddASN1Int64(n); return b.BytesOrPanic() }
func bigNumber(b ...byte) []byte {
	return wrap(cryptobyte_asn1.INTEGER, b)
}

func generalizedAt(t time.Time) []byte {
	return wrap(cryptobyte_asn1.GeneralizedTime, []byte(t.Format("20060102150405Z")))
}

func utc(t time.Time) []byte {
	return wrap(cryptobyte_asn1.UTCTime, []byte(t.Format("060102150405Z")))
}

var null = []byte{5, 0}

func attr(id asn1.ObjectIdentifier, value []byte) []byte { return seq(oid(id), value) }

// name writes one attribute a set.
func name(attrs ...[]byte) []byte {
	var sets [][]byte
	for _, a := range attrs {
		sets = append(sets, wrap(cryptobyte_asn1.SET, a))
	}
	return seq(sets...)
}

type extn struct {
	id       asn1.ObjectIdentifier
	critical bool
	value    []byte
}

func writeExtensions(list []extn) []byte {
	var all [][]byte
	for _, e := range list {
		critical := []byte{}
		if e.critical {
			critical = []byte{1, 1, 0xff}
		}
		all = append(all, seq(oid(e.id), critical, octet(e.value)))
	}
	return seq(all...)
}

// begin is when everything here begins.
var begin = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func testKey(t testing.TB, c elliptic.Curve, seed byte) *ecdsa.PrivateKey {
	t.Helper()
	raw := make([]byte, (c.Params().BitSize+7)/8)
	raw[len(raw)-1] = seed
	k, err := ecdsa.ParseRawPrivateKey(c, raw)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func spkiOf(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// rsaInfo is a key of that many bits that nobody has the primes of.
func rsaInfo(t testing.TB, bits, e int) []byte {
	var b []byte
	for i := byte(0); len(b) < bits/8; i++ {
		sum := sha256.Sum256([]byte{'n', i})
		b = append(b, sum[:]...)
	}
	b = b[:bits/8]
	b[0] |= 0x80
	n := new(big.Int).SetBytes(b)
	for n.Bit(0) == 0 || !roughPrime(n) {
		n.Add(n, big.NewInt(1))
	}
	return spkiOf(t, &rsa.PublicKey{N: n, E: e})
}

func roughPrime(n *big.Int) bool {
	for p := int64(3); p < 1000; p += 2 {
		if new(big.Int).Mod(n, big.NewInt(p)).Sign() == 0 {
			return false
		}
	}
	return true
}

// cert is a certificate in parts; nil parts are left out.
type cert struct {
	version, serial, issuer, subject, spki []byte
	algorithm                              []byte
	from, to                               time.Time
	extensions                             []extn
}

var (
	ecdsaSHA256 = seq(oid(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}))
	rsaSHA1     = seq(oid(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}), null)
	rsaSHA256   = seq(oid(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}), null)
	caKeyID     = []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14")
	ownKeyID    = []byte("\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2b\x2c\x2d\x2e\x2f\x30\x31\x32\x33\x34")
)

func caName(cn string) []byte {
	return name(attr(oidCountry, printable("IR")), attr(oidOrganisation, utf8String("Mohr")), attr(oidCommonName, utf8String(cn)))
}

// tbs writes the times as RFC 5280 section 4.1.2.5 wants them.
func (c cert) tbs() []byte {
	at := func(t time.Time) []byte {
		if t.Year() >= 2050 {
			return generalizedAt(t)
		}
		return utc(t)
	}
	parts := [][]byte{c.version, c.serial, c.algorithm, c.issuer, seq(at(c.from), at(c.to)), c.subject, c.spki}
	if c.extensions != nil {
		parts = append(parts, explicit(3, writeExtensions(c.extensions)))
	}
	return seq(parts...)
}

// der gives the certificate a dummy signature.
func (c cert) der() []byte {
	return seq(c.tbs(), c.algorithm, wrap(cryptobyte_asn1.BIT_STRING, make([]byte, 65)))
}

// signed gives it a real one.
func (c cert) signed(t testing.TB, key *ecdsa.PrivateKey) []byte {
	return seq(c.tbs(), c.algorithm, signatureOf(t, key, c.tbs()))
}

// signatureOf is repeatable: deterministic ECDSA (RFC 6979).
func signatureOf(t testing.TB, key *ecdsa.PrivateKey, data []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(data)
	s, err := key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return wrap(cryptobyte_asn1.BIT_STRING, []byte{0}, s)
}

// set replaces the extension of the same id, or adds it.
func (c *cert) set(e extn) {
	c.drop(e.id)
	c.extensions = append(slices.Clone(c.extensions), e)
}

func (c *cert) drop(id asn1.ObjectIdentifier) {
	c.extensions = slices.DeleteFunc(slices.Clone(c.extensions), func(e extn) bool { return e.id.Equal(id) })
}

// critical makes the extension critical, or not.
func (c *cert) critical(id asn1.ObjectIdentifier, yes bool) {
	c.extensions = slices.Clone(c.extensions)
	for i := range c.extensions {
		if c.extensions[i].id.Equal(id) {
			c.extensions[i].critical = yes
		}
	}
}

// Extensions as they should be.

func keyUsage(unused, octets byte) extn {
	return extn{oidKeyUsage, true, wrap(cryptobyte_asn1.BIT_STRING, []byte{unused, octets})}
}

func ekuOf(ids ...asn1.ObjectIdentifier) extn { return extn{oidExtKeyUsage, false, oids(ids...)} }

func policy(ids ...asn1.ObjectIdentifier) extn {
	var all [][]byte
	for _, id := range ids {
		all = append(all, seq(oid(id)))
	}
	return extn{oidPolicies, false, seq(all...)}
}

func access(ocsp, issuer string) extn {
	var all [][]byte
	if ocsp != "" {
		all = append(all, seq(oid(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1}), implicit(6, []byte(ocsp))))
	}
	if issuer != "" {
		all = append(all, seq(oid(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 2}), implicit(6, []byte(issuer))))
	}
	return extn{oidAIA, false, seq(all...)}
}

func crlPoint(url string, more ...[]byte) extn {
	return extn{oidCRLDP, false, seq(seq(slices.Concat([][]byte{explicit(0, explicit(0, implicit(6, []byte(url))))}, more)...))}
}

func stated(id asn1.ObjectIdentifier, info ...[]byte) []byte {
	return seq(slices.Concat([][]byte{oid(id)}, info)...)
}

func location(url, lang string) []byte {
	return seq(wrap(cryptobyte_asn1.IA5String, []byte(url)), printable(lang))
}

func pds(locations ...[]byte) []byte { return stated(oidQcPDS, seq(locations...)) }

var (
	goodPDS  = pds(location("https://mohr.test/pds-en", "en"), location("https://mohr.test/pds-fa", "fa"))
	signType = stated(oidQcType, oids(oidQcTypeSign))
	sealType = stated(oidQcType, oids(oidQcTypeSeal))
	person   = stated(oidSemantics, oids(oidSemanticsNatural))
	legal    = stated(oidSemantics, oids(oidSemanticsLegal))
)

func qc(statements ...[]byte) extn { return extn{oidQCStatements, false, seq(statements...)} }

var (
	oidDocumentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36}
	testPolicy         = asn1.ObjectIdentifier{2, 999, 1, 1, 1}
	realPolicy         = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}
)
