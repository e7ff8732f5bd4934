package document_test

import (
	"bytes"
	"crypto"
	_ "crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"slices"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca"
)

// handmade is a detached CAdES-B signature over text by an RSA key with any
// hash: what our own writer refuses to make.
func handmade(t *testing.T, key ca.SigningKey, h crypto.Hash) []byte {
	t.Helper()
	oids := map[crypto.Hash]asn1.ObjectIdentifier{
		crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA1: {1, 3, 14, 3, 2, 26}, crypto.MD5: {1, 2, 840, 113549, 2, 5},
	}
	digest := func(b []byte) []byte {
		d := h.New()
		d.Write(b)
		return d.Sum(nil)
	}
	pkcs9 := func(n ...int) asn1.ObjectIdentifier {
		return append(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9}, n...)
	}
	data := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	sum := sha256.Sum256(key.Certificate.Raw)
	attribute := func(oid asn1.ObjectIdentifier, value func(b *cryptobyte.Builder)) []byte {
		var b cryptobyte.Builder
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			b.AddASN1(der.SET, value)
		})
		return b.BytesOrPanic()
	}
	list := [][]byte{
		attribute(pkcs9(3), func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(data) }),
		attribute(pkcs9(4), func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest(text)) }),
		attribute(pkcs9(16, 2, 47), func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1OctetString(sum[:]) })
				})
			})
		}),
	}
	slices.SortFunc(list, bytes.Compare)
	attrs := slices.Concat(list...)
	var set cryptobyte.Builder
	set.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(attrs) })
	sig, err := rsa.SignPKCS1v15(rand.Reader, key.Signer.(*rsa.PrivateKey), h, digest(set.BytesOrPanic()))
	if err != nil {
		t.Fatal(err)
	}
	tag0 := der.Tag(0).ContextSpecific().Constructed()
	hash := func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oids[h]) }
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2})
		b.AddASN1(tag0, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddASN1(der.SEQUENCE, hash) })
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(data) })
				b.AddASN1(tag0, func(b *cryptobyte.Builder) {
					b.AddBytes(key.Certificate.Raw)
					b.AddBytes(key.Chain[0].Raw)
				})
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1Int64(1)
						b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddBytes(key.Certificate.RawIssuer)
							b.AddASN1BigInt(key.Certificate.SerialNumber)
						})
						b.AddASN1(der.SEQUENCE, hash)
						b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddBytes(attrs) })
						b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1})
							b.AddASN1NULL()
						})
						b.AddASN1OctetString(sig)
					})
				})
			})
		})
	})
	return b.BytesOrPanic()
}
