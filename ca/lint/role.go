package lint

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// roleRules hold of what a certificate is for, and of how its end is learned.
var roleRules = []rule[*certificate]{
	{"sign_only", "RFC 9336 3; ours", func(c *certificate) string {
		for _, id := range []asn1.ObjectIdentifier{oidServerAuth, oidClientAuth, oidTimeStamping, oidOCSPSigning} {
			if c.qcType() != nil && !c.qcType().Equal(oidQcTypeWeb) && c.uses(id) {
				return "a certificate for signatures or seals that also serves " + id.String()
			}
		}
		return ""
	}},
	{"tls_key_usage", "RFC 5280 4.2.1.12; ours", func(c *certificate) string {
		tls := c.uses(oidServerAuth) || c.uses(oidClientAuth)
		return unless(!tls || c.KeyUsage == x509.KeyUsageDigitalSignature, "TLS with another key usage than digitalSignature")
	}},
	{"tls_names", "RFC 9525 4.1", func(c *certificate) string {
		if !c.uses(oidServerAuth) {
			return ""
		}
		return unless(c.plain(oidSAN) && len(c.DNSNames)+len(c.IPAddresses) > 0, "a server without a host name or address in subjectAltName")
	}},
	{"names_without_wildcard", "ours", func(c *certificate) string {
		wild := slices.ContainsFunc(c.DNSNames, func(n string) bool { return slices.Contains([]byte(n), '*') })
		return unless(!wild, "a host name with a wildcard")
	}},
	{"stamping_alone", "RFC 3161 2.3", func(c *certificate) string {
		if !c.uses(oidTimeStamping) {
			return ""
		}
		return unless(len(c.eku) == 1 && c.extension(oidExtKeyUsage).Critical, "time stamping is not the only extended key usage, or it is not critical")
	}},
	{"stamping_key_usage", "EN 319 422 6", func(c *certificate) string {
		const allowed = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
		return unless(!c.uses(oidTimeStamping) || c.KeyUsage&allowed != 0 && c.KeyUsage&^allowed == 0, "time stamping with another key usage than digitalSignature or contentCommitment")
	}},
	{"stamping_key_period", "EN 319 421 7.7; ours", func(c *certificate) string {
		if !c.uses(oidTimeStamping) {
			return ""
		}
		return keyPeriod(c)
	}},
	{"responder_alone", "RFC 6960 4.2.2.2", func(c *certificate) string {
		if !c.uses(oidOCSPSigning) {
			return ""
		}
		return unless(len(c.eku) == 1 && c.KeyUsage == x509.KeyUsageDigitalSignature, "a responder that does more than sign responses")
	}},
	{"responder_no_check", "RFC 6960 4.2.2.2.1", func(c *certificate) string {
		if !c.uses(oidOCSPSigning) {
			return unless(!c.has(oidOCSPNoCheck), "ocsp-nocheck without being a responder")
		}
		return unless(c.isNull(oidOCSPNoCheck) && c.life() <= maxResponder, "a responder without ocsp-nocheck as NULL, or one that lives longer than 92 days with it")
	}},
	{"short_form", "RFC 9608 3, EN 319 412-1 5.2", func(c *certificate) string {
		for _, id := range []asn1.ObjectIdentifier{oidNoRevAvail, oidShortTerm} {
			if c.has(id) && !c.isNull(id) {
				return id.String() + " is critical or not NULL"
			}
		}
		return ""
	}},
	{"short_life", "EN 319 411-1; ours", func(c *certificate) string {
		return unless(!c.short() || c.life() <= maxShortLife, "a certificate that is never revoked lives longer than a day")
	}},
	{"unrevoked_says_nothing", "RFC 9608 4, RFC 6960 4.2.2.2.1", func(c *certificate) string {
		if !c.short() && !c.has(oidOCSPNoCheck) {
			return ""
		}
		where := c.has(oidCRLDP) || c.has(oidFreshestCRL) || len(c.OCSPServer) > 0
		return unless(!where, "a certificate whose revocation is not to be asked for says where to ask")
	}},
	{"ocsp_url", "EN 319 412-2 4.4.1", func(c *certificate) string {
		if c.short() || c.has(oidOCSPNoCheck) {
			return ""
		}
		return unless(httpURLs(c.OCSPServer), "authority information access has no http URL of OCSP")
	}},
	{"crl_url", "EN 319 412-2 4.3.11, RFC 5280 4.2.1.13", func(c *certificate) string {
		if c.short() || c.has(oidOCSPNoCheck) {
			return ""
		}
		return crlURL(c)
	}},
}

// short reports whether the certificate says that it is never revoked.
func (c *certificate) short() bool { return c.has(oidNoRevAvail) || c.has(oidShortTerm) }

// crlURL asks for one distribution point with an http URL and nothing else:
//
//	CRLDistributionPoints ::= SEQUENCE OF SEQUENCE {
//	    distributionPoint [0] OPTIONAL, reasons [1] OPTIONAL, cRLIssuer [2] OPTIONAL }
func crlURL(c *certificate) string {
	const why = "CRL distribution points are missing, critical, or more than http URLs"
	if !c.plain(oidCRLDP) || !httpURLs(c.CRLDistributionPoints) {
		return why
	}
	input := cryptobyte.String(c.extension(oidCRLDP).Value)
	var points, one cryptobyte.String
	if !input.ReadASN1(&points, cryptobyte_asn1.SEQUENCE) || !input.Empty() {
		return why
	}
	for !points.Empty() {
		if !points.ReadASN1(&one, cryptobyte_asn1.SEQUENCE) || !one.SkipASN1(cryptobyte_asn1.Tag(0).ContextSpecific().Constructed()) || !one.Empty() {
			return why
		}
	}
	return ""
}

// keyPeriod asks for a privateKeyUsagePeriod within the validity:
//
//	SEQUENCE { notBefore [0] GeneralizedTime OPTIONAL, notAfter [1] GeneralizedTime OPTIONAL }
func keyPeriod(c *certificate) string {
	const why = "privateKeyUsagePeriod is missing, critical or not within the validity"
	if !c.plain(oidPrivateKeyUsage) {
		return why
	}
	input := cryptobyte.String(c.extension(oidPrivateKeyUsage).Value)
	var period, from, to cryptobyte.String
	if !input.ReadASN1(&period, cryptobyte_asn1.SEQUENCE) || !input.Empty() ||
		!period.ReadASN1(&from, cryptobyte_asn1.Tag(0).ContextSpecific()) ||
		!period.ReadASN1(&to, cryptobyte_asn1.Tag(1).ContextSpecific()) || !period.Empty() {
		return why
	}
	begin, ok1 := generalized(string(from))
	end, ok2 := generalized(string(to))
	return unless(ok1 && ok2 && !begin.Before(c.NotBefore) && begin.Before(end) && !end.After(c.NotAfter), why)
}

// generalized reads the content of a GeneralizedTime as RFC 5280 section
// 4.1.2.5.2 writes it: whole seconds, Z. It returns the zero time for others.
func generalized(s string) (time.Time, bool) {
	const layout = "20060102150405Z"
	t, err := time.Parse(layout, s)
	if err != nil || t.Format(layout) != s {
		return time.Time{}, false
	}
	return t, true
}
