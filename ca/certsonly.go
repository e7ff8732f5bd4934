package ca

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidCMSData       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} // RFC 5652 section 4
	oidCMSSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2} // RFC 5652 section 5.1
)

// CertsOnly is a Simple PKI Response (RFC 5272 section 4.1): a SignedData that
// signs nothing and carries certificates, given in DER.
//
//	ContentInfo ::= SEQUENCE {
//	    contentType  id-signedData,
//	    content [0]  SEQUENCE {
//	        version           INTEGER (1),
//	        digestAlgorithms  SET {},
//	        encapContentInfo  SEQUENCE { id-data },
//	        certificates [0]  IMPLICIT SET OF Certificate,
//	        signerInfos       SET {} } }
func CertsOnly(certs ...[]byte) ([]byte, error) {
	var b cryptobyte.Builder
	tag0 := cryptobyte_asn1.Tag(0).ContextSpecific().Constructed()
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidCMSSignedData)
		b.AddASN1(tag0, func(b *cryptobyte.Builder) {
			b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(cryptobyte_asn1.SET, func(*cryptobyte.Builder) {})
				b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidCMSData) })
				b.AddASN1(tag0, func(b *cryptobyte.Builder) {
					for _, der := range certs {
						b.AddBytes(der)
					}
				})
				b.AddASN1(cryptobyte_asn1.SET, func(*cryptobyte.Builder) {})
			})
		})
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("make PKCS #7: %w", err)
	}
	return der, nil
}

// Authorities returns, in DER, the roots and the CAs that stand between one of
// them and certificates of the profile.
func (a *Authority) Authorities(profile string) (ders [][]byte) {
	list := slices.Clone(a.Anchors())
	for _, i := range a.Serving(profile) {
		for _, c := range i.Delivery() {
			if !slices.ContainsFunc(list, func(had *x509.Certificate) bool { return had.Equal(c) }) {
				list = append(list, c)
			}
		}
	}
	for _, c := range list {
		ders = append(ders, c.Raw)
	}
	return ders
}
