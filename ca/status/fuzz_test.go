package status

import (
	"bytes"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// FuzzParseRequest feeds the parser with foreign bytes. What it takes, it
// must have taken from within its bounds, and echo what stood there.
func FuzzParseRequest(f *testing.F) {
	seed := func(extension ...byte) []byte {
		var b cryptobyte.Builder
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
								b.AddASN1ObjectIdentifier(oidSHA1)
								b.AddASN1NULL()
							})
							b.AddASN1OctetString(make([]byte, 20))
							b.AddASN1OctetString(make([]byte, 20))
							b.AddASN1Int64(0x1234)
						})
					})
				})
				b.AddBytes(extension)
			})
		})
		return b.BytesOrPanic()
	}
	f.Add(seed())
	f.Add(seed(0xa2, 0x15, 0x30, 0x13, 0x30, 0x11, 6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2, 4, 4, 4, 2, 1, 2))
	f.Add(append(seed(), 0))
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := parseRequest(der)
		if err != nil {
			return
		}
		if len(r.certs) == 0 || len(r.certs) > maxCertIDs {
			t.Fatalf("%d certificates", len(r.certs))
		}
		for _, id := range r.certs {
			in := cryptobyte.String(id.raw)
			if !bytes.Contains(der, id.raw) || !in.SkipASN1(cryptobyte_asn1.SEQUENCE) || !in.Empty() || id.serial == "" {
				t.Fatalf("a CertID is %x with the serial %q", id.raw, id.serial)
			}
		}
		if raw, ok := bareCertID(der); ok && (len(r.certs) != 1 || r.nonce != nil || !bytes.Equal(raw, r.certs[0].raw)) {
			t.Fatalf("%x is not all that is asked for", raw)
		}
		if r.nonce != nil && checkNonce(r.nonce) != nil {
			t.Fatalf("a nonce is %x", r.nonce)
		}
	})
}
