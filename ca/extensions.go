package ca

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// keyIdentifier is the SHA-256 of the public key's bits, cut to 160 bits
// (RFC 7093 section 2, method 1).
func keyIdentifier(spki []byte) ([]byte, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(info.Key.Bytes)
	return sum[:20], nil
}

// qcStatements builds the extension of RFC 3739 section 3.2.6 and EN 319
// 412-5: the type "for signatures", the disclosure statements, the semantics
// of the subject's serialNumber. The statements 1 (compliance), 4 (SSCD) and
// 7 (legislation) are not asserted: nothing here entitles us to.
//
//	QCStatements ::= SEQUENCE OF SEQUENCE {
//	    statementId OBJECT IDENTIFIER, statementInfo ANY OPTIONAL }
//	QcType       ::= SEQUENCE OF OBJECT IDENTIFIER
//	PdsLocations ::= SEQUENCE OF SEQUENCE { url IA5String, language PrintableString(SIZE(2)) }
//	SemanticsInformation ::= SEQUENCE { semanticsIdentifier OBJECT IDENTIFIER OPTIONAL, ... }
func qcStatements(portal string) (pkix.Extension, error) {
	var b cryptobyte.Builder
	sequence := func(b *cryptobyte.Builder, fill func(*cryptobyte.Builder)) {
		b.AddASN1(cryptobyte_asn1.SEQUENCE, fill)
	}
	statement := func(b *cryptobyte.Builder, id asn1.ObjectIdentifier, info func(*cryptobyte.Builder)) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(id)
			sequence(b, info)
		})
	}
	sequence(&b, func(b *cryptobyte.Builder) {
		statement(b, oidQcType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidQcTypeSign) })
		statement(b, oidQcPDS, func(b *cryptobyte.Builder) {
			for _, lang := range []string{"en", "fa"} {
				sequence(b, func(b *cryptobyte.Builder) {
					b.AddASN1(cryptobyte_asn1.IA5String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(portal + "/repository/pds-" + lang)) })
					b.AddASN1(cryptobyte_asn1.PrintableString, func(b *cryptobyte.Builder) { b.AddBytes([]byte(lang)) })
				})
			}
		})
		statement(b, oidSemantics, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidSemanticsNatural) })
	})
	der, err := b.Bytes()
	return pkix.Extension{Id: oidQCStatements, Value: der}, err
}

// privateKeyUsage builds privateKeyUsagePeriod (RFC 3280 section 4.2.1.4):
//
//	PrivateKeyUsagePeriod ::= SEQUENCE {
//	    notBefore [0] GeneralizedTime OPTIONAL, notAfter [1] GeneralizedTime OPTIONAL }
func privateKeyUsage(from, to time.Time) (pkix.Extension, error) {
	const layout = "20060102150405Z"
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyte_asn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(from.UTC().Format(layout))) })
		b.AddASN1(cryptobyte_asn1.Tag(1).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(to.UTC().Format(layout))) })
	})
	der, err := b.Bytes()
	return pkix.Extension{Id: oidPrivateKeyUsage, Value: der}, err
}

// extKeyUsage builds the extension by hand: the standard library never marks
// it critical, which time stamping must (RFC 3161 section 2.3).
func extKeyUsage(p profile) (pkix.Extension, error) {
	der, err := asn1.Marshal(p.extKeyUsage)
	return pkix.Extension{Id: oidExtKeyUsage, Critical: p.ekuCritical, Value: der}, err
}

// noCheck is ocsp-nocheck (RFC 6960 section 4.2.2.2.1), whose value is NULL.
func noCheck() pkix.Extension {
	return pkix.Extension{Id: oidOCSPNoCheck, Value: asn1.NullBytes}
}

// expectedExtensions lists, for a profile, exactly what a certificate of it
// carries and whether it is critical.
func (p profile) expectedExtensions() map[string]bool {
	want := map[string]bool{
		oidKeyUsage.String(): true, oidExtKeyUsage.String(): p.ekuCritical,
		oidSKI.String(): false, oidAKI.String(): false, oidPolicies.String(): false,
		oidAIA.String(): false,
	}
	if p.noCheck {
		want[oidOCSPNoCheck.String()] = false
	} else {
		want[oidCRLDP.String()] = false
	}
	if p.qc {
		want[oidQCStatements.String()] = false
	}
	if p.keyPeriod {
		want[oidPrivateKeyUsage.String()] = false
	}
	if p.san {
		want[oidSAN.String()] = false
	}
	return want
}

// hasExactly reports the first difference between c's extensions and the profile's.
func (p profile) hasExactly(c *x509.Certificate) (string, bool) {
	want := p.expectedExtensions()
	for _, e := range c.Extensions {
		critical, ok := want[e.Id.String()]
		if !ok {
			return "unexpected extension " + e.Id.String(), false
		}
		if critical != e.Critical {
			return "criticality of " + e.Id.String(), false
		}
		delete(want, e.Id.String())
	}
	for id := range want {
		return "missing extension " + id, false
	}
	return "", true
}
