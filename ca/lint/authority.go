package lint

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"slices"
)

// authorityRules are all that a CA's certificate must keep. A root is signed
// by its own key; what has a path length is an issuing CA; a certificate of
// another root's key without one is a cross-certificate.
var authorityRules = slices.Concat(nameRules, commonRules, []rule[*certificate]{
	// A foreign root chooses the serials of those below it: any that RFC 5280
	// allows will do, also one whose first octet would be 0x80 or above and
	// which DER therefore writes with a zero before it.
	{"ca_serial", "RFC 5280 4.1.2.2; ours", func(c *certificate) string {
		ok := c.SerialNumber.Sign() > 0 && c.SerialNumber.BitLen() <= 8*20-1 && c.SerialNumber.BitLen() > 64
		return unless(ok, "the serial is not positive, of at most 20 octets and of more than 64 bits")
	}},
	{"ca_names", "EN 319 412-2 4.2.3.1", func(c *certificate) string { return authorityName(c.subject) }},
	{"ca_constraints", "RFC 5280 4.2.1.9", func(c *certificate) string {
		e := c.extension(oidBasicConstraints)
		return unless(e != nil && e.Critical && c.IsCA, "basicConstraints are missing, not critical, or deny that this is a CA")
	}},
	{"ca_path_length", "RFC 5280 4.2.1.9; ours", func(c *certificate) string {
		limited := c.MaxPathLen > 0 || c.MaxPathLen == 0 && c.MaxPathLenZero
		switch {
		case c.root():
			return unless(!limited, "a root with a path length")
		case limited:
			return unless(c.MaxPathLen == 0, "an issuing CA with a path length above 0")
		}
		return ""
	}},
	{"ca_key_usage", "RFC 5280 4.2.1.3; ours", func(c *certificate) string {
		return unless(c.KeyUsage == x509.KeyUsageCertSign|x509.KeyUsageCRLSign, "key usage is not keyCertSign and cRLSign alone")
	}},
	{"ca_key", "SP 800-57; ours", func(c *certificate) string { return subjectKey(c, 3072) }},
	{"ca_life", "ours", func(c *certificate) string {
		return unless(c.life() <= maxAuthority, "a CA that lives longer than 30 years")
	}},
	{"ca_critical", "RFC 5280 4.2", func(c *certificate) string {
		known := []asn1.ObjectIdentifier{oidKeyUsage, oidBasicConstraints, oidNameConstraints, oidPolicyConstraint, oidInhibitAnyPolicy, oidPolicyMappings, oidPolicies}
		for _, e := range c.Extensions {
			if e.Critical && !slices.ContainsFunc(known, e.Id.Equal) {
				return e.Id.String() + " is critical"
			}
		}
		return ""
	}},
	{"root_no_extended_key_usage", "ours", func(c *certificate) string {
		return unless(!c.root() || !c.has(oidExtKeyUsage), "a root with an extended key usage")
	}},
	{"ca_authority_key_identifier", "RFC 5280 4.2.1.1", func(c *certificate) string {
		return unless(c.root() || c.plain(oidAKI) && len(c.AuthorityKeyId) > 0, "there is no authority key identifier, or it is critical")
	}},
	{"ca_policies", "RFC 5280 4.2.1.4; ours", func(c *certificate) string {
		return unless(c.root() || len(c.Policies) > 0, "there is no certificate policy")
	}},
	{"ca_crl_url", "RFC 5280 4.2.1.13; ours", func(c *certificate) string {
		if c.root() {
			return ""
		}
		return crlURL(c)
	}},
	{"ca_issuer_certificate", "RFC 5280 4.2.2.1; ours", func(c *certificate) string {
		return unless(c.root() || c.plain(oidAIA) && httpURLs(c.IssuingCertificateURL), "authority information access has no http URL of the issuer's certificate")
	}},
	{"ca_no_statements", "EN 319 412-5 4.1; ours", func(c *certificate) string {
		return unless(!c.has(oidQCStatements), "a CA with qcStatements")
	}},
})

// root reports whether the certificate names its own key as the one that
// signed it.
func (c *certificate) root() bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && (len(c.AuthorityKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId))
}
