package ca_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca"
	"mohr/internal/fault"
)

func derOf(f func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	f(&b)
	return b.BytesOrPanic()
}

func inTag(t der.Tag, parts ...[]byte) []byte {
	return derOf(func(b *cryptobyte.Builder) {
		b.AddASN1(t, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(parts, nil)) })
	})
}

func context(n int) der.Tag { return der.Tag(n).ContextSpecific().Constructed() }

// crmfParts are what a request is made of.
type crmfParts struct {
	key       *ecdsa.PrivateKey
	template  func(spki []byte) []byte // the fields of the template
	popo      func(signed []byte) []byte
	algorithm asn1.ObjectIdentifier
}

func newCRMF(t testing.TB) crmfParts {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return crmfParts{key: key, template: func(spki []byte) []byte { return spki }, popo: func(p []byte) []byte { return p }, algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
}

func (p crmfParts) make(t testing.TB) []byte {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(&p.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	in := cryptobyte.String(spki)
	var inside cryptobyte.String
	in.ReadASN1(&inside, der.SEQUENCE)
	req := inTag(der.SEQUENCE, []byte{2, 1, 0}, inTag(der.SEQUENCE, p.template(inTag(context(6), inside))))
	sum := sha256.Sum256(req)
	sig, err := ecdsa.SignASN1(rand.Reader, p.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	alg := inTag(der.SEQUENCE, derOf(func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(p.algorithm) }))
	popo := inTag(context(1), alg, derOf(func(b *cryptobyte.Builder) { b.AddASN1BitString(sig) }))
	return inTag(der.SEQUENCE, req, p.popo(popo))
}

func TestACRMFRequestGivesItsKey(t *testing.T) {
	p := newCRMF(t)
	p.template = func(spki []byte) []byte { // greedy: it asks to be a CA; that is skipped
		return bytes.Join([][]byte{inTag(context(5), inTag(der.SEQUENCE)), spki, inTag(context(9), []byte("CA:TRUE"))}, nil)
	}
	csr, err := ca.ParseCRMF(p.make(t))
	if err != nil || !p.key.PublicKey.Equal(csr.Key()) {
		t.Fatalf("%v", err)
	}
	for _, c := range []struct {
		name, code string
		change     func(*crmfParts)
		after      func([]byte) []byte
	}{
		{"no key", "crmf_malformed", func(p *crmfParts) { p.template = func([]byte) []byte { return nil } }, nil},
		{"the key twice", "crmf_malformed", func(p *crmfParts) { p.template = func(k []byte) []byte { return append(bytes.Clone(k), k...) } }, nil},
		{"fields in another order", "crmf_malformed", func(p *crmfParts) {
			p.template = func(k []byte) []byte { return append(bytes.Clone(k), inTag(context(5))...) }
		}, nil},
		{"an unknown field", "crmf_malformed", func(p *crmfParts) {
			p.template = func(k []byte) []byte { return append(bytes.Clone(k), inTag(context(10))...) }
		}, nil},
		{"no proof", "crmf_malformed", func(p *crmfParts) { p.popo = func([]byte) []byte { return nil } }, nil},
		{"a proof that others vouch for", "crmf_malformed", func(p *crmfParts) { p.popo = func([]byte) []byte { return []byte{0x80, 0} } }, nil},
		{"a proof over something else", "crmf_malformed", func(p *crmfParts) {
			p.popo = func(popo []byte) []byte {
				in := cryptobyte.String(popo)
				var inside cryptobyte.String
				in.ReadASN1(&inside, context(1))
				return inTag(context(1), inTag(context(0)), inside)
			}
		}, nil},
		{"a signature with SHA-1", "csr_algorithm_unsupported", func(p *crmfParts) { p.algorithm = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1} }, nil},
		{"a signature of another key", "csr_possession_unproven", nil, func(b []byte) []byte { b[len(b)-2] ^= 1; return b }},
		{"something after the end", "csr_trailing_bytes", nil, func(b []byte) []byte { return append(b, 0) }},
		{"too much", "csr_too_large", nil, func(b []byte) []byte { return make([]byte, ca.MaxCSR+1) }},
		{"a PKCS #10 request", "crmf_malformed", nil, func([]byte) []byte {
			b, _ := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, p.key)
			return b
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newCRMF(t)
			if c.change != nil {
				c.change(&p)
			}
			b := p.make(t)
			if c.after != nil {
				b = c.after(b)
			}
			if _, err := ca.ParseCRMF(b); fault.Code(err) != c.code {
				t.Errorf("%v, want %s", err, c.code)
			}
		})
	}
	if _, err := ca.PKCS10.Parse(p.make(t)); fault.Code(err) != "csr_malformed" {
		t.Errorf("as PKCS #10: %v", err)
	}
}

// FuzzParseCRMF: a request is read or refused with a fault.
func FuzzParseCRMF(f *testing.F) {
	f.Add(newCRMF(f).make(f))
	f.Add([]byte{0x30, 0x00})
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		csr, err := ca.ParseCRMF(b)
		if err == nil && csr.Key() == nil {
			t.Fatal("no key and no error")
		}
		if _, ok := fault.Of(err); err != nil && !ok {
			t.Fatalf("no fault: %v", err)
		}
	})
}
