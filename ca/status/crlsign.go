package status

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca"
)

// Extensions of a CRL that the standard library does not build.
var (
	oidIssuingDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28} // RFC 5280 section 5.2.5
	oidExpiredCertsOnCRL        = asn1.ObjectIdentifier{2, 5, 29, 60} // X.509 (10/2019) section 9.5.2.8
)

// signCRL signs a complete CRL of a shard (RFC 5280 section 5): v2 with
// authorityKeyIdentifier, CRLNumber, a critical issuingDistributionPoint that
// is the distribution point of the shard's certificates, and
// expiredCertsOnCRL: no entry is dropped because its certificate expired.
func signCRL(i ca.Issuer, c state, url string, kept time.Time, revoked []ca.Revoked) ([]byte, error) {
	point, err := distributionPoint(url)
	if err != nil {
		return nil, err
	}
	since, err := expiredCertsOnCRL(kept)
	if err != nil {
		return nil, err
	}
	entries := make([]x509.RevocationListEntry, len(revoked))
	for n, r := range revoked {
		serial, ok := new(big.Int).SetString(r.Serial, 16)
		if !ok {
			return nil, fmt.Errorf("serial %q is not hexadecimal", r.Serial)
		}
		// Code 0, unspecified, is left out by CreateRevocationList (section
		// 5.3.1). So is a reason that only a newer version knows: that the
		// certificate is revoked matters more than why.
		code, _ := r.Reason.Code()
		entries[n] = x509.RevocationListEntry{SerialNumber: serial, RevocationTime: noLater(r.At.UTC(), c.ThisUpdate), ReasonCode: code}
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number:                    big.NewInt(c.Number),
		ThisUpdate:                c.ThisUpdate,
		NextUpdate:                c.NextUpdate,
		RevokedCertificateEntries: entries,
		ExtraExtensions:           []pkix.Extension{point, since},
	}, i.Certificate, i.Signer)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return der, nil
}

// distributionPoint builds the extension:
//
//	IssuingDistributionPoint ::= SEQUENCE {
//	    distributionPoint [0] DistributionPointName OPTIONAL, ... }
//	DistributionPointName ::= CHOICE { fullName [0] GeneralNames, ... }
//	GeneralName           ::= CHOICE { uniformResourceIdentifier [6] IA5String, ... }
func distributionPoint(url string) (pkix.Extension, error) {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tag(0), func(b *cryptobyte.Builder) {
			b.AddASN1(tag(0), func(b *cryptobyte.Builder) {
				b.AddASN1(cryptobyte_asn1.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(url)) })
			})
		})
	})
	der, err := b.Bytes()
	return pkix.Extension{Id: oidIssuingDistributionPoint, Critical: true, Value: der}, err
}

// expiredCertsOnCRL builds the extension: revocations of certificates that
// expired at or after the date are kept.
//
//	ExpiredCertsOnCRL ::= GeneralizedTime
func expiredCertsOnCRL(since time.Time) (pkix.Extension, error) {
	var b cryptobyte.Builder
	b.AddASN1GeneralizedTime(since.UTC())
	der, err := b.Bytes()
	return pkix.Extension{Id: oidExpiredCertsOnCRL, Value: der}, err
}
