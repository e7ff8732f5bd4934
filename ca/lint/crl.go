package lint

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Longest lives of a CRL, from thisUpdate to nextUpdate. They are ours, and
// wide.
const (
	maxShardCRL = 10 * day
	maxRootCRL  = 366 * day
)

// crl is a parsed CRL with its issuing distribution point.
type crl struct {
	*x509.RevocationList
	issuer []attribute
	point  *point // nil where there is none
	broken bool   // there is one that cannot be read
}

// point is an IssuingDistributionPoint (RFC 5280 section 5.2.5).
type point struct {
	urls   int
	others bool // anything but a fullName of URLs and onlyContainsUserCerts
}

func parseCRL(der []byte) (*crl, error) {
	if len(der) > maxObject {
		return nil, errTooLong
	}
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("lint: CRL: %w", err)
	}
	if len(parsed.Raw) != len(der) { // the parser passes over what follows
		return nil, errors.New("lint: CRL: trailing data")
	}
	l := &crl{RevocationList: parsed}
	l.issuer, _ = parseName(parsed.RawIssuer)
	if e := find(l.Extensions, oidIDP); e != nil {
		l.point = new(point)
		l.broken = !l.point.parse(e.Value)
	}
	return l, nil
}

// parse reads
//
//	IssuingDistributionPoint ::= SEQUENCE {
//	    distributionPoint [0] CHOICE { fullName [0] GeneralNames, ... } OPTIONAL,
//	    onlyContainsUserCerts [1] BOOLEAN DEFAULT FALSE, ... }
func (p *point) parse(der []byte) bool {
	input := cryptobyte.String(der)
	var idp, where, names, name cryptobyte.String
	if !input.ReadASN1(&idp, cryptobyte_asn1.SEQUENCE) || !input.Empty() {
		return false
	}
	holds := cryptobyte_asn1.Tag(0).ContextSpecific().Constructed()
	if idp.PeekASN1Tag(holds) {
		if !idp.ReadASN1(&where, holds) || !where.ReadASN1(&names, holds) || !where.Empty() {
			return false
		}
	}
	for !names.Empty() {
		var tag cryptobyte_asn1.Tag
		if !names.ReadAnyASN1(&name, &tag) {
			return false
		}
		if tag == cryptobyte_asn1.Tag(6).ContextSpecific() && httpURLs([]string{string(name)}) {
			p.urls++
		} else {
			p.others = true
		}
	}
	if users := cryptobyte_asn1.Tag(1).ContextSpecific(); idp.PeekASN1Tag(users) && !idp.SkipASN1(users) {
		return false
	}
	p.others = p.others || !idp.Empty()
	return true
}

func (l *crl) plain(id asn1.ObjectIdentifier) bool {
	e := find(l.Extensions, id)
	return e != nil && !e.Critical
}

// crlRules are all that a CRL must keep. That it is v2, and that the two
// algorithm identifiers are one, the parser asks.
var crlRules = []rule[*crl]{
	{"crl_issuer", "EN 319 412-2 4.2.3.1", func(l *crl) string { return authorityName(l.issuer) }},
	{"crl_signature_algorithm", "SP 800-57; ours", func(l *crl) string {
		return unless(strong(l.SignatureAlgorithm), "it is signed by neither ECDSA nor RSA (PKCS #1) with SHA-256, SHA-384 or SHA-512")
	}},
	{"crl_authority_key_identifier", "RFC 5280 5.2.1", func(l *crl) string {
		return unless(l.plain(oidAKI) && len(l.AuthorityKeyId) > 0, "there is no authority key identifier, or it is critical")
	}},
	{"crl_number", "RFC 5280 5.2.3", func(l *crl) string {
		ok := l.plain(oidCRLNumber) && l.Number != nil && l.Number.Sign() >= 0 && len(l.Number.Bytes()) <= 20
		return unless(ok, "there is no CRL number of at most 20 octets, or it is critical")
	}},
	{"crl_updates", "RFC 5280 5.1.2.5", func(l *crl) string {
		return unless(l.ThisUpdate.Before(l.NextUpdate), "nextUpdate is missing or not after thisUpdate")
	}},
	{"crl_life", "ours", func(l *crl) string {
		longest := maxRootCRL
		if l.point != nil {
			longest = maxShardCRL
		}
		return unless(l.NextUpdate.Sub(l.ThisUpdate) <= longest, "nextUpdate is too far away")
	}},
	{"crl_critical", "RFC 5280 5.2; ours", func(l *crl) string {
		for _, e := range l.Extensions {
			if e.Critical && !e.Id.Equal(oidIDP) && !e.Id.Equal(oidDeltaCRL) {
				return e.Id.String() + " is critical"
			}
		}
		return ""
	}},
	{"crl_point", "RFC 5280 5.2.5", func(l *crl) string {
		if l.point == nil {
			return ""
		}
		ok := !l.broken && !l.point.others && l.point.urls > 0 && find(l.Extensions, oidIDP).Critical
		return unless(ok, "the issuing distribution point is not critical, or holds more or less than http URLs and onlyContainsUserCerts")
	}},
	{"crl_expired_certificates", "X.509 9.5.2.3, EN 319 411-2", func(l *crl) string {
		e := find(l.Extensions, oidExpiredCertsOnCRL)
		if e == nil {
			return ""
		}
		since, ok := generalizedTime(e.Value)
		return unless(ok && !e.Critical && !since.After(l.ThisUpdate), "expiredCertsOnCRL is critical, no GeneralizedTime, or in the future")
	}},
	{"crl_serials", "RFC 5280 5.1.2.6; ours", crlSerials},
	{"crl_dates", "RFC 5280 5.1.2.6", func(l *crl) string {
		late := slices.ContainsFunc(l.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool { return e.RevocationTime.After(l.ThisUpdate) })
		return unless(!late, "a certificate was revoked after thisUpdate")
	}},
	{"crl_reasons", "RFC 5280 5.3", func(l *crl) string {
		for _, e := range l.RevokedCertificateEntries {
			if why := entryExtensions(e.Extensions, find(l.Extensions, oidDeltaCRL) != nil); why != "" {
				return why + ": " + e.SerialNumber.Text(16)
			}
		}
		return ""
	}},
}

// crlSerials asks for each serial once, and for serials as we give them.
func crlSerials(l *crl) string {
	seen := make(map[string]bool, len(l.RevokedCertificateEntries))
	for _, e := range l.RevokedCertificateEntries {
		b := string(e.SerialNumber.Bytes())
		if e.SerialNumber.Sign() <= 0 || len(b) > 20 {
			return "a serial is not positive or is longer than 20 octets"
		}
		if seen[b] {
			return "a serial is there twice: " + e.SerialNumber.Text(16)
		}
		seen[b] = true
	}
	return ""
}

// entryExtensions asks the extensions of an entry: a reason that says
// something, a date of invalidity, nothing critical. removeFromCRL is for
// delta CRLs.
func entryExtensions(list []pkix.Extension, delta bool) string {
	for _, e := range list {
		switch {
		case e.Critical:
			return "a critical extension of an entry"
		case e.Id.Equal(oidReasonCode):
			input := cryptobyte.String(e.Value)
			var code int
			if !input.ReadASN1Enum(&code) || !input.Empty() || code < 1 || code > 10 || code == 7 || code == 8 && !delta {
				return "a reason that does not exist, or that is better left out"
			}
		case e.Id.Equal(oidInvalidityDate):
			if _, ok := generalizedTime(e.Value); !ok {
				return "a date of invalidity that is no GeneralizedTime"
			}
		default:
			return "an extension of an entry that nobody asks for"
		}
	}
	return ""
}

// generalizedTime reads a GeneralizedTime and nothing after it.
func generalizedTime(der []byte) (time.Time, bool) {
	input := cryptobyte.String(der)
	var content cryptobyte.String
	if !input.ReadASN1(&content, cryptobyte_asn1.GeneralizedTime) || !input.Empty() {
		return time.Time{}, false
	}
	return generalized(string(content))
}
