package chipsim

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	_ "crypto/sha1" // what must be refused
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// What a SignedData may hold (Doc 9303-10, 4.6.2; Doc 9303-12, 9).
var (
	SecurityObjectType = asn1.ObjectIdentifier{2, 23, 136, 1, 1, 1}
	MasterListType     = asn1.ObjectIdentifier{2, 23, 136, 1, 1, 2}
)

var (
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningTime   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}

	tag0 = der.Tag(0).ContextSpecific().Constructed()
)

// algorithms are the object identifiers of a hash, of ECDSA and of RSA with it.
var algorithms = map[crypto.Hash][3]asn1.ObjectIdentifier{
	crypto.SHA1:   {{1, 3, 14, 3, 2, 26}, {1, 2, 840, 10045, 4, 1}, {1, 2, 840, 113549, 1, 1, 5}},
	crypto.SHA256: {{2, 16, 840, 1, 101, 3, 4, 2, 1}, {1, 2, 840, 10045, 4, 3, 2}, {1, 2, 840, 113549, 1, 1, 11}},
	crypto.SHA384: {{2, 16, 840, 1, 101, 3, 4, 2, 2}, {1, 2, 840, 10045, 4, 3, 3}, {1, 2, 840, 113549, 1, 1, 12}},
	crypto.SHA512: {{2, 16, 840, 1, 101, 3, 4, 2, 3}, {1, 2, 840, 10045, 4, 3, 4}, {1, 2, 840, 113549, 1, 1, 13}},
}

// SignedData signs content with each signer (RFC 5652). A zero time leaves
// the signing time out. It holds the first signer's certificate.
func SignedData(contentType asn1.ObjectIdentifier, content []byte, hash crypto.Hash, at time.Time, signers ...Signer) ([]byte, error) {
	var infos [][]byte
	for _, s := range signers {
		info, err := signerInfo(contentType, content, hash, at, s)
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSignedData)
		b.AddASN1(tag0, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(3)
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) { addAlgorithm(b, algorithms[hash][0], false) })
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(contentType)
					b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(content) })
				})
				b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddBytes(signers[0].Certificate) })
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(slices.Concat(infos...)) })
			})
		})
	})
	return b.Bytes()
}

func addAlgorithm(b *cryptobyte.Builder, oid asn1.ObjectIdentifier, null bool) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		if null {
			b.AddASN1NULL()
		}
	})
}

func signerInfo(contentType asn1.ObjectIdentifier, content []byte, hash crypto.Hash, at time.Time, s Signer) ([]byte, error) {
	names, known := algorithms[hash]
	if !known {
		return nil, fmt.Errorf("chipsim: no name for %v", hash)
	}
	signed := attributes(contentType, sum(hash, content), at)
	sig, err := s.Key.Sign(rand.Reader, sum(hash, setOf(signed)), hash)
	if err != nil {
		return nil, err
	}
	issuer, number, err := issuerAndSerial(s.Certificate)
	if err != nil {
		return nil, err
	}
	_, ec := s.Key.Public().(*ecdsa.PublicKey)
	oid := names[2]
	if ec {
		oid = names[1]
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(issuer); b.AddBytes(number) })
		addAlgorithm(b, names[0], false)
		b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddBytes(signed) })
		addAlgorithm(b, oid, !ec)
		b.AddASN1OctetString(sig)
	})
	return b.Bytes()
}

// attributes returns the elements of the signed attributes in the order of DER.
func attributes(contentType asn1.ObjectIdentifier, digest []byte, at time.Time) []byte {
	var list [][]byte
	add := func(oid asn1.ObjectIdentifier, value cryptobyte.BuilderContinuation) {
		var b cryptobyte.Builder
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			b.AddASN1(der.SET, value)
		})
		list = append(list, b.BytesOrPanic())
	}
	add(oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(contentType) })
	add(oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest) })
	if !at.IsZero() {
		add(oidSigningTime, func(b *cryptobyte.Builder) { b.AddASN1UTCTime(at.UTC()) })
	}
	slices.SortFunc(list, bytes.Compare)
	return slices.Concat(list...)
}

func setOf(elements []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(elements) })
	return b.BytesOrPanic()
}

// issuerAndSerial returns the two elements as the certificate has them.
func issuerAndSerial(certificate []byte) (issuer, number []byte, err error) {
	var c struct {
		TBS struct {
			Version   int `asn1:"explicit,tag:0"`
			Serial    asn1.RawValue
			Algorithm asn1.RawValue
			Issuer    asn1.RawValue
			Rest      asn1.RawValue
			Subject   asn1.RawValue
			Key       asn1.RawValue
			More      asn1.RawValue `asn1:"optional,explicit,tag:3"`
		}
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	_, err = asn1.Unmarshal(certificate, &c)
	return c.TBS.Issuer.FullBytes, c.TBS.Serial.FullBytes, err
}

func sum(h crypto.Hash, b []byte) []byte {
	d := h.New()
	d.Write(b)
	return d.Sum(nil)
}

// SecurityObject lists the hashes of files by their numbers (version 0).
func SecurityObject(hash crypto.Hash, files map[int][]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		addAlgorithm(b, algorithms[hash][0], false)
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			for n := 1; n <= 16; n++ {
				if files[n] == nil {
					continue
				}
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1Int64(int64(n))
					b.AddASN1OctetString(sum(hash, files[n]))
				})
			}
		})
	})
	return b.BytesOrPanic()
}

func masterList(certificates [][]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(slices.Concat(certificates...)) })
	})
	return b.BytesOrPanic()
}
