package lint

import (
	"encoding/asn1"
	"testing"
	"time"

	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// list is a CRL in parts.
type list struct {
	version, algorithm, outer, issuer []byte
	this, next                        time.Time
	entries                           [][]byte // nil: the field is left out
	extensions                        []extn
}

func entry(serial []byte, at time.Time, extensions ...extn) []byte {
	parts := [][]byte{serial, utc(at)}
	if extensions != nil {
		parts = append(parts, writeExtensions(extensions))
	}
	return seq(parts...)
}

func reason(code byte) extn {
	return extn{oidReasonCode, false, wrap(cryptobyte_asn1.ENUM, []byte{code})}
}

func (l list) der() []byte {
	parts := [][]byte{l.version, l.algorithm, l.issuer, utc(l.this)}
	if !l.next.IsZero() {
		parts = append(parts, utc(l.next))
	}
	if l.entries != nil {
		parts = append(parts, seq(l.entries...))
	}
	parts = append(parts, explicit(0, writeExtensions(l.extensions)))
	outer := l.algorithm
	if l.outer != nil {
		outer = l.outer
	}
	return seq(seq(parts...), outer, wrap(cryptobyte_asn1.BIT_STRING, make([]byte, 65)))
}

func (l *list) set(e extn) {
	c := cert{extensions: l.extensions}
	c.set(e)
	l.extensions = c.extensions
}

func (l *list) drop(id asn1.ObjectIdentifier) {
	c := cert{extensions: l.extensions}
	c.drop(id)
	l.extensions = c.extensions
}

func idp(parts ...[]byte) extn { return extn{oidIDP, true, seq(parts...)} }

var shardURL = explicit(0, explicit(0, implicit(6, []byte("http://mohr.test/crl/sign-p256/0.crl"))))

// shard is the CRL of an issuer's shard.
func shard() list {
	return list{
		version: number(1), algorithm: ecdsaSHA256, issuer: caName("Mohr Signature CA"), this: begin, next: begin.Add(day),
		entries: [][]byte{
			entry(bigNumber(1, 2, 3), begin.Add(-time.Hour)), entry(bigNumber(1, 2, 4), begin, reason(1)),
			entry(bigNumber(1, 2, 5), begin, reason(6)),
		},
		extensions: []extn{{oidAKI, false, seq(implicit(0, caKeyID))}, {oidCRLNumber, false, number(7)}, idp(shardURL, implicit(1, []byte{0xff})),
			{oidExpiredCertsOnCRL, false, generalizedAt(begin.Add(-day))}},
	}
}

// rootList is the CRL of a root.
func rootList() list {
	l := shard()
	l.issuer, l.entries, l.next = caName("Mohr Root CA"), nil, begin.Add(365*day)
	l.drop(oidIDP)
	l.drop(oidExpiredCertsOnCRL)
	return l
}

type crlCase struct {
	name   string
	rule   string
	kind   func() list
	change func(*list)
}

func TestCRLs(t *testing.T) {
	var cases []namedCase
	for _, c := range crlCases {
		l := c.kind()
		if c.change != nil {
			c.change(&l)
		}
		cases = append(cases, namedCase{c.name, c.rule, l.der()})
	}
	runCases(t, "crl", CRL, ruleNames(crlRules), cases)
}

func entries(all ...[]byte) func(*list) { return func(l *list) { l.entries = all } }

var crlCases = []crlCase{
	{"a shard", "", shard, nil},
	{"a root", "", rootList, nil},
	{"an empty shard", "", shard, func(l *list) { l.entries = nil }},
	{"a delta CRL that takes a hold away", "", shard, func(l *list) {
		l.set(extn{oidDeltaCRL, true, number(6)})
		l.entries = [][]byte{entry(bigNumber(1, 2, 3), begin, reason(8))}
	}},
	{"version 1", "lint: CRL", shard, func(l *list) { l.version = number(0) }},
	{"two algorithms", "lint: CRL", shard, func(l *list) { l.outer = rsaSHA256 }},
	{"an issuer without a country", "crl_issuer", shard, func(l *list) { l.issuer = name(attr(oidCommonName, utf8String("Mohr"))) }},
	{"a CRL signed with SHA-1", "crl_signature_algorithm", shard, func(l *list) { l.algorithm = rsaSHA1 }},
	{"no authority key identifier", "crl_authority_key_identifier", shard, func(l *list) { l.drop(oidAKI) }},
	{"no number", "crl_number", shard, func(l *list) { l.drop(oidCRLNumber) }},
	{"a critical number", "crl_number", shard, func(l *list) { l.set(extn{oidCRLNumber, true, number(7)}) }},
	{"a number of 21 octets", "crl_number", shard, func(l *list) { l.set(extn{oidCRLNumber, false, bigNumber(append([]byte{1}, make([]byte, 20)...)...)}) }},
	{"a number below zero", "crl_number", shard, func(l *list) { l.set(extn{oidCRLNumber, false, number(-1)}) }},
	{"no next update", "crl_updates", shard, func(l *list) { l.next = time.Time{} }},
	{"a next update before this one", "crl_updates", shard, func(l *list) { l.next = l.this.Add(-time.Second) }},
	{"a shard of a month", "crl_life", shard, func(l *list) { l.next = l.this.Add(30 * day) }},
	{"a root's of two years", "crl_life", rootList, func(l *list) { l.next = l.this.Add(730 * day) }},
	{"an unknown critical extension", "crl_critical", shard, func(l *list) { l.set(extn{testPolicy, true, null}) }},
	{"a distribution point that is not critical", "crl_point", shard, func(l *list) {
		e := idp(shardURL)
		e.critical = false
		l.set(e)
	}},
	{"a distribution point without a URL", "crl_point", shard, func(l *list) { l.set(idp(implicit(1, []byte{0xff}))) }},
	{"a distribution point behind TLS", "crl_point", shard, func(l *list) {
		l.set(idp(explicit(0, explicit(0, implicit(6, []byte("https://mohr.test/crl/sign-p256/0.crl"))))))
	}},
	{"a distribution point for some reasons", "crl_point", shard, func(l *list) { l.set(idp(shardURL, implicit(3, []byte{1, 0x40}))) }},
	{"an indirect CRL", "crl_point", shard, func(l *list) { l.set(idp(shardURL, implicit(4, []byte{0xff}))) }},
	{"a distribution point that is no SEQUENCE", "crl_point", shard, func(l *list) { l.set(extn{oidIDP, true, null}) }},
	{"expired certificates since tomorrow", "crl_expired_certificates", shard, func(l *list) {
		l.set(extn{oidExpiredCertsOnCRL, false, generalizedAt(begin.Add(day))})
	}},
	{"expired certificates since a UTCTime", "crl_expired_certificates", shard, func(l *list) { l.set(extn{oidExpiredCertsOnCRL, false, utc(begin)}) }},
	{"critical expired certificates", "crl_expired_certificates", shard, func(l *list) {
		l.set(extn{oidExpiredCertsOnCRL, true, generalizedAt(begin)})
	}},
	{"a serial twice", "crl_serials", shard, entries(entry(bigNumber(1, 2, 3), begin), entry(bigNumber(1, 2, 4), begin), entry(bigNumber(1, 2, 3), begin))},
	{"a serial of 21 octets", "crl_serials", shard, entries(entry(bigNumber(append([]byte{1}, make([]byte, 20)...)...), begin))},
	{"a serial of zero", "crl_serials", shard, entries(entry(number(0), begin))},
	{"a certificate that will be revoked", "crl_dates", shard, entries(entry(bigNumber(1, 2, 3), begin.Add(time.Second)))},
	{"the reason unspecified", "crl_reasons", shard, entries(entry(bigNumber(1, 2, 3), begin, reason(0)))},
	{"a reason that does not exist", "crl_reasons", shard, entries(entry(bigNumber(1, 2, 3), begin, reason(7)))},
	{"a hold taken away outside a delta CRL", "crl_reasons", shard, entries(entry(bigNumber(1, 2, 3), begin, reason(8)))},
	{"a critical reason", "crl_reasons", shard, entries(entry(bigNumber(1, 2, 3), begin, extn{oidReasonCode, true, wrap(cryptobyte_asn1.ENUM, []byte{1})}))},
	{"an invalidity date that is none", "crl_reasons", shard, entries(entry(bigNumber(1, 2, 3), begin, extn{oidInvalidityDate, false, utc(begin)}))},
	{"an unknown extension of an entry", "crl_reasons", shard, entries(entry(bigNumber(1, 2, 3), begin, extn{testPolicy, false, null}))},
	{"an empty list of entries", "e_crl", shard, func(l *list) { l.entries = [][]byte{} }},
}
