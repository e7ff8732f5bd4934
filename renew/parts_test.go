package renew_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"encoding/asn1"

	"mohr/ca"
	"mohr/internal/gateway"
	"mohr/renew"
)

// revokingRegistry does something while it is asked.
type revokingRegistry struct {
	*registry
	revoke func()
}

func (r *revokingRegistry) Person(ctx context.Context, code, birthDate string) (gateway.Answer[gateway.Person], error) {
	r.revoke()
	return r.registry.Person(ctx, code, birthDate)
}

// withoutAttributes makes a CMS whose signature is over the content itself,
// as RFC 5652 section 5.4 allows and this service does not.
func withoutAttributes(t testing.TB, h holder, content []byte) []byte {
	t.Helper()
	digest := sha256.Sum256(content)
	sig, err := h.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	must(t, err)
	sha := func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1})
		})
	}
	tag0 := der.Tag(0).ContextSpecific().Constructed()
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2})
		b.AddASN1(tag0, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(der.SET, sha)
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1})
				})
				b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddBytes(h.cert.Raw) })
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1Int64(1)
						b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddBytes(h.cert.RawIssuer)
							b.AddASN1BigInt(h.cert.SerialNumber)
						})
						sha(b)
						b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2})
						})
						b.AddASN1OctetString(sig)
					})
				})
			})
		})
	})
	out, err := b.Bytes()
	must(t, err)
	return out
}

func TestIdentityIsReadFromThePersonsCertificateOnly(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.OrganisationSign)
	id, err := renew.IdentityOf(h.cert)
	must(t, err)
	if id.NationalCode != sara || id.GivenName != "سارا" || id.Surname != "کریمی" || id.LegalID != company || id.LegalName != "شرکت نمونه" || id.Title != "مدیرعامل" {
		t.Errorf("identity %+v", id)
	}
	if id.BirthDate != "" || id.Mobile != "" {
		t.Errorf("what no certificate says: %+v", id)
	}
	for name, cert := range map[string]ca.SigningKey{
		"service": b.fixture.SigningKey(t, "audit", ca.Service{Profile: ca.Audit, CommonName: "Audit"}),
	} {
		if id, err := renew.IdentityOf(cert.Certificate); err == nil {
			t.Errorf("%s: %+v", name, id)
		}
	}
}
