package status_test

import (
	"bytes"
	"crypto/rand"
	"encoding/asn1"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidNonce  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidCutoff = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}
)

// extension is one to be put into a request.
type extension struct {
	oid      asn1.ObjectIdentifier
	critical bool
	value    []byte
}

func nonce(size int) extension {
	b := make([]byte, size)
	rand.Read(b)
	return extension{oid: oidNonce, value: octets(b)}
}

func octets(b []byte) []byte {
	var out cryptobyte.Builder
	out.AddASN1OctetString(b)
	return out.BytesOrPanic()
}

// singleOf takes the one Request out of an OCSPRequest of x/crypto.
func singleOf(t testing.TB, der []byte) []byte {
	t.Helper()
	in := cryptobyte.String(der)
	var outer, tbs, list cryptobyte.String
	if !in.ReadASN1(&outer, cryptobyte_asn1.SEQUENCE) || !outer.ReadASN1(&tbs, cryptobyte_asn1.SEQUENCE) ||
		!tbs.SkipOptionalASN1(cryptobyte_asn1.Tag(0).ContextSpecific().Constructed()) || !tbs.ReadASN1(&list, cryptobyte_asn1.SEQUENCE) {
		t.Fatal("x/crypto's request is not one")
	}
	return list
}

// build makes an OCSPRequest of Requests, with extensions.
func build(singles [][]byte, extensions ...extension) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(singles, nil)) })
			if len(extensions) > 0 {
				b.AddASN1(cryptobyte_asn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
					b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						for _, e := range extensions {
							b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
								b.AddASN1ObjectIdentifier(e.oid)
								if e.critical {
									b.AddASN1Boolean(true)
								}
								b.AddASN1OctetString(e.value)
							})
						}
					})
				})
			}
		})
	})
	return b.BytesOrPanic()
}

// versioned makes an OCSPRequest that says its version.
func versioned(single []byte, version int64) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cryptobyte_asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1Int64(version) })
			b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(single) })
		})
	})
	return b.BytesOrPanic()
}

// read is an OCSPResponse taken apart by encoding/asn1, a second parser.
type read struct {
	certIDs    [][]byte
	statuses   []int    // 0 good, 1 revoked, 2 unknown
	details    [][]byte // RevokedInfo's content
	extensions map[string][]byte
	single     map[string][]byte // of the first
}

func take(t testing.TB, der []byte) read {
	t.Helper()
	type ext struct {
		ID       asn1.ObjectIdentifier
		Critical bool `asn1:"optional"`
		Value    []byte
	}
	var outer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type     asn1.ObjectIdentifier
			Response []byte
		} `asn1:"explicit,tag:0,optional"`
	}
	var basic struct {
		Data struct {
			Responder  asn1.RawValue
			ProducedAt time.Time `asn1:"generalized"`
			Responses  []struct {
				CertID     asn1.RawValue
				Status     asn1.RawValue
				ThisUpdate time.Time `asn1:"generalized"`
				NextUpdate time.Time `asn1:"generalized,explicit,tag:0,optional"`
				Extensions []ext     `asn1:"explicit,tag:1,optional"`
			}
			Extensions []ext `asn1:"explicit,tag:1,optional"`
		}
		Algorithm asn1.RawValue
		Signature asn1.BitString
		Certs     []asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 || outer.Status != 0 {
		t.Fatalf("not a successful OCSPResponse: %v, %x", err, der)
	}
	if rest, err := asn1.Unmarshal(outer.Bytes.Response, &basic); err != nil || len(rest) > 0 {
		t.Fatalf("not a BasicOCSPResponse: %v", err)
	}
	if len(basic.Certs) != 1 {
		t.Fatalf("%d certificates are with the response, want the responder's", len(basic.Certs))
	}
	r := read{extensions: map[string][]byte{}, single: map[string][]byte{}}
	for n, s := range basic.Data.Responses {
		r.certIDs = append(r.certIDs, s.CertID.FullBytes)
		r.statuses = append(r.statuses, s.Status.Tag)
		r.details = append(r.details, s.Status.Bytes)
		for _, e := range s.Extensions {
			if n == 0 {
				r.single[e.ID.String()] = e.Value
			}
		}
	}
	for _, e := range basic.Data.Extensions {
		r.extensions[e.ID.String()] = e.Value
	}
	return r
}
