package lint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/bits"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const day = 24 * time.Hour

// Longest lives. They are ours.
const (
	maxLife      = 3 * 366 * day // of an end entity
	maxShortLife = day           // of what is never revoked
	maxResponder = 92 * day      // of an OCSP responder, which is never revoked either
	maxAuthority = 30 * 366 * day
)

// endEntityRules are all that an end entity's certificate must keep.
var endEntityRules = slices.Concat(nameRules, commonRules, endEntityOnly, personRules, qcRules, roleRules)

// commonRules hold of end entities and of CAs.
var commonRules = []rule[*certificate]{
	{"version", "RFC 5280 4.1.2.1", func(c *certificate) string { return unless(c.Version == 3, "the version is not 3") }},
	{"validity", "RFC 5280 4.1.2.5", func(c *certificate) string {
		return unless(c.NotBefore.Before(c.NotAfter), "it ends before it begins")
	}},
	{"signature_algorithm", "SP 800-57, ours", func(c *certificate) string {
		return unless(strong(c.SignatureAlgorithm), "it is signed by neither ECDSA nor RSA (PKCS #1) with SHA-256, SHA-384 or SHA-512")
	}},
	{"key_usage_form", "RFC 5280 4.2.1.3, X.690 11.2.2", keyUsageForm},
	{"subject_key_identifier", "RFC 5280 4.2.1.2", func(c *certificate) string {
		return unless(c.plain(oidSKI) && len(c.SubjectKeyId) > 0, "there is no subject key identifier, or it is critical")
	}},
	{"extended_key_usage_form", "RFC 5280 4.2.1.12", func(c *certificate) string {
		for i, id := range c.eku {
			if id.Equal(oidAnyUsage) || slices.ContainsFunc(c.eku[:i], id.Equal) {
				return id.String() + " is any usage or is there twice"
			}
		}
		return ""
	}},
}

// endEntityOnly hold of end entities of all kinds.
var endEntityOnly = []rule[*certificate]{
	{"serial", "RFC 5280 4.1.2.2; ours", func(c *certificate) string {
		b := c.SerialNumber.Bytes()
		ok := c.SerialNumber.Sign() > 0 && len(b) <= 20 && b[0] <= 0x7f && c.SerialNumber.BitLen() > 64
		return unless(ok, "the serial is not of 9 to 20 octets, the first 0x01 to 0x7f")
	}},
	{"no_authority", "RFC 5280 4.2.1.9", func(c *certificate) string {
		return unless(!c.IsCA && c.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) == 0, "an end entity may sign certificates or CRLs")
	}},
	{"life", "ours", func(c *certificate) string {
		return unless(c.life() <= maxLife, "it lives longer than three years")
	}},
	{"never", "RFC 5280 4.2.1", func(c *certificate) string {
		for _, id := range []asn1.ObjectIdentifier{oidPolicyMappings, oidNameConstraints, oidPolicyConstraint, oidInhibitAnyPolicy} {
			if c.has(id) {
				return id.String() + " is for CAs only"
			}
		}
		return ""
	}},
	{"critical", "RFC 5280 4.2; ours", func(c *certificate) string {
		for _, e := range c.Extensions {
			known := e.Id.Equal(oidKeyUsage) || e.Id.Equal(oidBasicConstraints) || e.Id.Equal(oidExtKeyUsage) && c.uses(oidTimeStamping)
			if e.Critical && !known {
				return e.Id.String() + " is critical"
			}
		}
		return ""
	}},
	{"subject_key", "SP 800-57; ours", func(c *certificate) string { return subjectKey(c, 2048) }},
	{"authority_key_identifier", "RFC 5280 4.2.1.1", func(c *certificate) string {
		return unless(c.plain(oidAKI) && len(c.AuthorityKeyId) > 0, "there is no authority key identifier, or it is critical")
	}},
	{"policies", "EN 319 412-2 4.3.3", func(c *certificate) string {
		if !c.plain(oidPolicies) || len(c.Policies) == 0 {
			return "there is no certificate policy, or the extension is critical"
		}
		for i, p := range c.Policies {
			if p.String() == "2.5.29.32.0" || slices.ContainsFunc(c.Policies[:i], p.Equal) {
				return "the policy " + p.String() + " is any policy or is there twice"
			}
		}
		return ""
	}},
	{"issuer_certificate", "EN 319 412-2 4.4.1", func(c *certificate) string {
		return unless(c.plain(oidAIA) && httpURLs(c.IssuingCertificateURL), "authority information access has no http URL of the issuer's certificate")
	}},
	{"extended_key_usage", "ours", func(c *certificate) string {
		return unless(len(c.eku) > 0, "there is no extended key usage")
	}},
	{"key_usage", "RFC 5280 4.2.1.3, RFC 8813 3", func(c *certificate) string {
		_, ec := c.PublicKey.(*ecdsa.PublicKey)
		encipher := c.KeyUsage&(x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment) != 0
		return unless(!ec || !encipher, "an EC key that enciphers")
	}},
	{"key_usage_type", "EN 319 412-2 4.3.2", func(c *certificate) string {
		if c.qcType() == nil {
			return ""
		}
		const a, b = x509.KeyUsageContentCommitment, x509.KeyUsageDigitalSignature
		return unless(c.KeyUsage == a || c.KeyUsage == a|b || c.KeyUsage == b, "key usage is of none of the types A, B and C")
	}},
}

func strong(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA:
		return true
	}
	return false
}

// subjectKey asks for EC on P-256 or P-384, or RSA of so many bits to 4096.
func subjectKey(c *certificate, least int) string {
	switch k := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return unless(k.Curve == elliptic.P256() || k.Curve == elliptic.P384(), "the key is on another curve than P-256 and P-384")
	case *rsa.PublicKey:
		return unless(k.N.BitLen() >= least && k.N.BitLen() <= 4096 && k.E >= 65537, "the RSA key is too short, too long or has a small exponent")
	}
	return "the key is neither EC nor RSA"
}

// keyUsageForm asks for a critical, shortest KeyUsage ::= BIT STRING with a
// usage in it.
func keyUsageForm(c *certificate) string {
	e := c.extension(oidKeyUsage)
	if e == nil || !e.Critical {
		return "there is no key usage, or it is not critical"
	}
	input := cryptobyte.String(e.Value)
	var content cryptobyte.String
	var unused uint8
	if !input.ReadASN1(&content, cryptobyte_asn1.BIT_STRING) || !input.Empty() || !content.ReadUint8(&unused) || len(content) < 1 || len(content) > 2 {
		return "key usage is not a BIT STRING of 1 to 9 bits"
	}
	last := content[len(content)-1]
	return unless(last != 0 && bits.TrailingZeros8(last) == int(unused), "key usage has zero bits at its end")
}
