package timestamp

import (
	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// PKIStatus of a response (RFC 3161 section 2.4.2).
const (
	statusGranted         = 0
	statusGrantedWithMods = 1
	statusRejection       = 2
)

// granted wraps a token.
//
//	TimeStampResp ::= SEQUENCE {
//	    status          PKIStatusInfo,
//	    timeStampToken  ContentInfo OPTIONAL }
//	PKIStatusInfo ::= SEQUENCE {
//	    status        INTEGER,
//	    statusString  SEQUENCE OF UTF8String OPTIONAL,
//	    failInfo      BIT STRING OPTIONAL }
func granted(token []byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Int64(statusGranted) })
		b.AddBytes(token)
	})
	return b.Bytes()
}

// rejected is the response without a token. A named bit list has no trailing
// zero bits (X.690 section 11.2.2).
func rejected(f failInfo) []byte {
	bits := make([]byte, 1+f/8+1)
	bits[0] = byte(7 - f%8) // unused
	bits[len(bits)-1] = 0x80 >> (f % 8)
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(statusRejection)
			b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cryptobyte_asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(f.String())) })
			})
			b.AddASN1(cryptobyte_asn1.BIT_STRING, func(b *cryptobyte.Builder) { b.AddBytes(bits) })
		})
	})
	return b.BytesOrPanic() // constant but for the bit
}
