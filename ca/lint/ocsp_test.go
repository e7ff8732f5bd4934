package lint

import (
	"bytes"
	"crypto/elliptic"
	"crypto/sha1"
	"encoding/asn1"
	"testing"
	"time"

	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// answer is an OCSP response in parts.
type answer struct {
	kind         asn1.ObjectIdentifier
	version, id  []byte
	produced     []byte
	singles      [][]byte
	extensions   []extn
	algorithm    []byte
	certificates [][]byte
	embed        bool
	unsigned     bool
}

// one is a SingleResponse in parts.
type one struct {
	hash, name, key, status, this, next []byte
	extensions                          []extn
}

func (o one) der() []byte {
	parts := [][]byte{seq(seq(o.hash, null), octet(o.name), octet(o.key), bigNumber(1, 2, 3)), o.status, o.this}
	if o.next != nil {
		parts = append(parts, explicit(0, o.next))
	}
	if o.extensions != nil {
		parts = append(parts, explicit(1, writeExtensions(o.extensions)))
	}
	return seq(parts...)
}

func good() one {
	return one{hash: oid(oidSHA1), name: bytes.Repeat([]byte{1}, 20), key: bytes.Repeat([]byte{2}, 20), status: implicit(0, nil),
		this: generalizedAt(begin), next: generalizedAt(begin.Add(time.Hour))}
}

func revoked(at time.Time, reason ...byte) []byte {
	if len(reason) == 0 {
		return explicit(1, generalizedAt(at))
	}
	return explicit(1, generalizedAt(at), explicit(0, wrap(cryptobyte_asn1.ENUM, reason)))
}

func byKey(t testing.TB) []byte {
	sum := sha1.Sum(keyBits(spkiOf(t, testKey(t, elliptic.P256(), 2).Public())))
	return explicit(2, octet(sum[:]))
}

func reply(t testing.TB) answer {
	return answer{
		kind: oidOCSPBasic, id: byKey(t), produced: generalizedAt(begin.Add(time.Minute)), singles: [][]byte{good().der()}, algorithm: ecdsaSHA256,
		extensions:   []extn{{oidOCSPNonce, false, octet([]byte("0123456789abcdef"))}},
		certificates: [][]byte{responder(t).signed(t, testKey(t, elliptic.P256(), 1))}, embed: true,
	}
}

func (a answer) der(t testing.TB) []byte {
	var parts [][]byte
	if a.version != nil {
		parts = append(parts, a.version)
	}
	parts = append(parts, a.id, a.produced, seq(a.singles...))
	if a.extensions != nil {
		parts = append(parts, explicit(1, writeExtensions(a.extensions)))
	}
	data := seq(parts...)
	signature := signatureOf(t, testKey(t, elliptic.P256(), 2), data)
	if a.unsigned {
		signature = wrap(cryptobyte_asn1.BIT_STRING, make([]byte, 65))
	}
	basic := [][]byte{data, a.algorithm, signature}
	if a.embed {
		basic = append(basic, explicit(0, seq(a.certificates...)))
	}
	return seq([]byte{10, 1, 0}, explicit(0, seq(oid(a.kind), octet(seq(basic...)))))
}

type ocspCase struct {
	name   string
	rule   string
	change func(*answer)
}

// with makes the one answer another.
func with(change func(*one)) func(*answer) {
	return func(a *answer) {
		o := good()
		change(&o)
		a.singles = [][]byte{o.der()}
	}
}

func TestOCSPResponses(t *testing.T) {
	var cases []namedCase
	for _, c := range append(ocspCases, responderCases(t)...) {
		a := reply(t)
		if c.change != nil {
			c.change(&a)
		}
		cases = append(cases, namedCase{c.name, c.rule, a.der(t)})
	}
	for status, name := range map[byte]string{1: "a malformed request", 3: "try later", 6: "unauthorized"} {
		cases = append(cases, namedCase{name, "", seq([]byte{10, 1, status})})
	}
	cases = append(cases,
		namedCase{"an error that does not exist", "an error that does not exist", seq([]byte{10, 1, 4})},
		namedCase{"an error with a response", "an error that does not exist", seq([]byte{10, 1, 6}, explicit(0, seq(oid(oidOCSPBasic), octet(null))))},
		namedCase{"something after the response", "no OCSP response", append(reply(t).der(t), 0)},
	)
	runCases(t, "ocsp", OCSP, ruleNames(ocspRules), cases)
}

var ocspCases = []ocspCase{
	{"good", "", nil},
	{"revoked", "", with(func(o *one) { o.status = revoked(begin, 1) })},
	{"unknown", "", with(func(o *one) { o.status = implicit(2, nil) })},
	{"with SHA-256 and an archive cutoff", "", with(func(o *one) {
		o.hash, o.name, o.key = oid(oidSHA256), bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
		o.extensions = []extn{{oidOCSPArchiveCutoff, false, generalizedAt(begin.Add(-day))}}
	})},
	{"never issued", "", func(a *answer) {
		with(func(o *one) { o.status = revoked(time.Unix(0, 0).UTC(), 6) })(a)
		a.extensions = []extn{{oidOCSPExtended, false, null}}
	}},
	{"two answers", "", func(a *answer) {
		other := good()
		other.name = bytes.Repeat([]byte{3}, 20)
		a.singles = append(a.singles, other.der())
	}},
	{"without a certificate", "", func(a *answer) { a.embed = false }},
	{"another type of response", "ocsp_basic", func(a *answer) { a.kind = testPolicy }},
	{"the default version spelled out", "ocsp_basic", func(a *answer) { a.version = explicit(0, number(0)) }},
	{"a signature with SHA-1", "ocsp_signature_algorithm", func(a *answer) { a.algorithm, a.embed = rsaSHA1, false }},
	{"a responder that is not named", "ocsp_responder_id", func(a *answer) { a.id = explicit(2, octet([]byte("x"))) }},
	{"produced at a fraction of a second", "ocsp_produced_at", func(a *answer) {
		a.produced = wrap(cryptobyte_asn1.GeneralizedTime, []byte("20261123120100.5Z"))
	}},
	{"no answer", "ocsp_answers", func(a *answer) { a.singles = nil }},
	{"one answer twice", "ocsp_answers", func(a *answer) { a.singles = append(a.singles, good().der()) }},
	{"a certificate named by MD5", "ocsp_certificate_id", with(func(o *one) { o.hash = oid(asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 5}) })},
	{"a hash that is too short", "ocsp_certificate_id", with(func(o *one) { o.key = o.key[:19] })},
	{"an answer from the future", "ocsp_this_update", with(func(o *one) { o.this = generalizedAt(begin.Add(2 * time.Minute)) })},
	{"no next update", "ocsp_next_update", with(func(o *one) { o.next = nil })},
	{"a next update that is past", "ocsp_next_update", with(func(o *one) { o.next = generalizedAt(begin.Add(30 * time.Second)) })},
	{"a next update in a month", "ocsp_next_update", with(func(o *one) { o.next = generalizedAt(begin.Add(30 * day)) })},
	{"revoked in the future", "ocsp_revoked", with(func(o *one) { o.status = revoked(begin.Add(time.Hour), 1) })},
	{"revoked for the reason unspecified", "ocsp_revoked", with(func(o *one) { o.status = revoked(begin, 0) })},
	{"never issued and not said so", "ocsp_revoked", with(func(o *one) { o.status = revoked(time.Unix(0, 0).UTC(), 6) })},
	{"an empty nonce", "ocsp_nonce", func(a *answer) { a.extensions = []extn{{oidOCSPNonce, false, octet(nil)}} }},
	{"a nonce of 129 octets", "ocsp_nonce", func(a *answer) { a.extensions = []extn{{oidOCSPNonce, false, octet(make([]byte, 129))}} }},
	{"a bare nonce", "ocsp_nonce", func(a *answer) { a.extensions = []extn{{oidOCSPNonce, false, []byte("0123456789abcdef")}} }},
	{"an archive cutoff in the future", "ocsp_archive_cutoff", with(func(o *one) {
		o.extensions = []extn{{oidOCSPArchiveCutoff, false, generalizedAt(begin.Add(day))}}
	})},
	{"an archive cutoff in UTCTime", "ocsp_archive_cutoff", with(func(o *one) { o.extensions = []extn{{oidOCSPArchiveCutoff, false, utc(begin)}} })},
	{"an unknown critical extension", "ocsp_extensions", func(a *answer) { a.extensions = []extn{{testPolicy, true, null}} }},
	{"an unknown extension of an answer", "ocsp_extensions", with(func(o *one) { o.extensions = []extn{{testPolicy, false, null}} })},
	{"a nonce twice", "ocsp_extensions", func(a *answer) { a.extensions = append(a.extensions, a.extensions...) }},
	{"a signature by another", "zlint: bad signature", func(a *answer) { a.unsigned = true }},
}

// responderCases are about the certificate that is embedded.
func responderCases(t *testing.T) []ocspCase {
	ca := testKey(t, elliptic.P256(), 1)
	embed := func(change func(*cert)) func(*answer) {
		return func(a *answer) {
			c := responder(t)
			change(&c)
			a.certificates = [][]byte{c.signed(t, ca)}
		}
	}
	return []ocspCase{
		{"by name", "", func(a *answer) { a.id = explicit(1, responder(t).subject) }},
		{"by another name", "ocsp_responder", func(a *answer) { a.id = explicit(1, caName("x")) }},
		{"by another key", "ocsp_responder", func(a *answer) { a.id = explicit(2, octet(make([]byte, 20))) }},
		{"a certificate that is no responder's", "ocsp_responder", embed(func(c *cert) { c.set(ekuOf(oidClientAuth)) })},
		{"a responder without ocsp-nocheck", "ocsp_responder", embed(func(c *cert) { c.drop(oidOCSPNoCheck) })},
		{"a responder that has expired", "ocsp_responder", embed(func(c *cert) { c.from, c.to = begin.Add(-2*day), begin.Add(-day) })},
		{"the whole chain", "ocsp_one_certificate", func(a *answer) { a.certificates = append(a.certificates, issuing(t).signed(t, ca)) }},
	}
}
