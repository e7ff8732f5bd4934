package jades_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"mohr/ca"
	"mohr/ca/document"
	"mohr/ca/document/doctest"
	"mohr/ca/document/jades"
	"mohr/ca/signature"
	"mohr/internal/fault"
)

var text = []byte("a contract\n")

// at is the day of all that happens here.
var at = doctest.Start.AddDate(0, 0, 10)

// source is a Source that says one thing.
type source document.Values

func (v source) Values(context.Context, []*x509.Certificate) (document.Values, error) {
	return document.Values(v), nil
}

// bench is a PKI with options for level LT.
type bench struct {
	*doctest.PKI
	options jades.Options
}

func open(t testing.TB) *bench {
	t.Helper()
	p := doctest.New(t)
	return &bench{p, jades.Options{
		MIME: "text/plain", Time: at, Name: "contract.txt", Stamper: p.Unit(t, func() time.Time { return at }, nil), Source: source(p.Good(t, at)),
	}}
}

func (b *bench) sign(t testing.TB, key ca.SigningKey, content []byte, change func(*jades.Options)) []byte {
	t.Helper()
	o := b.options
	if change != nil {
		change(&o)
	}
	raw, err := jades.Sign(t.Context(), key, document.Bytes(content), o)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (b *bench) judge(t testing.TB, raw []byte, beside document.Content) document.Verdict {
	t.Helper()
	list, err := jades.Read(raw, beside)
	if err != nil {
		t.Fatal(err)
	}
	return document.Validate(document.Proof{Signatures: list, Roots: []*x509.Certificate{b.Root}, Known: b.Good(t, at)}, document.Policy{}, at).Signatures[0]
}

func enclose(o *jades.Options) { o.Enclose = true }

func TestAnotherLibraryTakesOurSignatures(t *testing.T) {
	b := open(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{doctest.Key(t), p384, rsa2048} {
		raw := b.sign(t, b.Issue(t, key, nil), text, enclose)
		parsed, err := jose.ParseSignedJSON(string(raw), []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.PS256})
		if err != nil {
			t.Fatalf("%T: %v", key, err)
		}
		payload, err := parsed.Verify(key.Public())
		if err != nil || !bytes.Equal(payload, text) {
			t.Errorf("%T: %q, %v", key, payload, err)
		}
	}
}

func TestWhatAnotherLibrarySignsIsRead(t *testing.T) {
	b := open(t)
	key := b.Issue(t, nil, nil)
	o := &jose.SignerOptions{}
	chain := []string{base64.StdEncoding.EncodeToString(key.Certificate.Raw), base64.StdEncoding.EncodeToString(b.Issuing.Raw)}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key.Signer}, o.WithHeader("x5c", chain).WithHeader("iat", at.Unix()))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	detached, err := signed.DetachedCompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{compact, signed.FullSerialize(), detached, compact + "\n"} {
		if v := b.judge(t, []byte(raw), document.Bytes(text)); v.Indication != document.Passed || !v.ClaimedTime.Equal(at) {
			t.Errorf("%s: %s %s (%s)", raw[:20], v.Indication, v.SubIndication, v.Why)
		}
	}
	if v := b.judge(t, []byte(detached), document.Content{}); v.SubIndication != document.SignedDataNotFound {
		t.Errorf("without the document: %s %s", v.Indication, v.SubIndication)
	}
	if v := b.judge(t, []byte(detached), document.Bytes([]byte("another"))); v.SubIndication != document.SigCryptoFailure {
		t.Errorf("another document: %s %s", v.Indication, v.SubIndication)
	}
}

func TestADocumentsSignatureGetsItsIndication(t *testing.T) {
	b := open(t)
	key := b.Issue(t, nil, nil)
	other := doctest.Key(t)
	detached, enclosing := b.sign(t, key, text, nil), b.sign(t, key, text, enclose)
	replaced := func(raw []byte, old, new string) []byte {
		t.Helper()
		if !bytes.Contains(raw, []byte(old)) {
			t.Fatalf("no %s in it", old)
		}
		return bytes.Replace(raw, []byte(old), []byte(new), 1)
	}
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	sum := document.Bytes(text).Digest(crypto.SHA256)
	tests := []struct {
		name   string
		raw    []byte
		beside document.Content
		want   document.Indication
		sub    document.Sub
	}{
		{"detached", detached, document.Bytes(text), document.Passed, ""},
		{"detached, by the digest alone", detached, document.SHA256(sum), document.Passed, ""},
		{"detached, and no document", detached, document.Content{}, document.Indeterminate, document.SignedDataNotFound},
		{"detached, and another document", detached, document.Bytes([]byte("another")), document.Failed, document.HashFailure},
		{"enclosing", enclosing, document.Content{}, document.Passed, ""},
		{"enclosing, with the document beside it", enclosing, document.Bytes(text), document.Passed, ""},
		{"enclosing, with another beside it", enclosing, document.Bytes([]byte("another")), document.Indeterminate, document.SigConstraints},
		{"an altered payload", replaced(enclosing, b64("a contract\n"), b64("a kontract\n")), document.Content{}, document.Failed, document.SigCryptoFailure},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			v := b.judge(t, tc.raw, tc.beside)
			if v.Indication != tc.want || v.SubIndication != tc.sub {
				t.Errorf("%s %s (%s), want %s %s", v.Indication, v.SubIndication, v.Why, tc.want, tc.sub)
			}
			if tc.want == document.Passed && (v.Level != document.LevelLT || v.MIME != "text/plain") {
				t.Errorf("level %s, type %s", v.Level, v.MIME)
			}
		})
	}
	if _, err := jades.Sign(t.Context(), ca.SigningKey{Certificate: key.Certificate, Signer: other}, document.Bytes(text), b.options); err == nil {
		t.Error("signed with another's key")
	}
}

// handmade is a compact JWS of a header's JSON; %X5C in it is the chain.
func handmade(t *testing.T, b *bench, key ca.SigningKey, header string, payload []byte) []byte {
	t.Helper()
	chain := `"x5c":["` + base64.StdEncoding.EncodeToString(key.Certificate.Raw) + `","` + base64.StdEncoding.EncodeToString(b.Issuing.Raw) + `"]`
	input := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(header, "%X5C", chain, 1))) + "." + base64.RawURLEncoding.EncodeToString(payload)
	sum := document.Bytes([]byte(input)).Digest(crypto.SHA256)
	r, s, err := ecdsa.Sign(rand.Reader, key.Signer.(*ecdsa.PrivateKey), sum)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(input + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)))
}

func TestHeadersOfSomethingElseAreNoDocuments(t *testing.T) {
	b := open(t)
	key := b.Issue(t, nil, nil)
	tests := []struct {
		name, header string
		want         document.Sub
		code         string
	}{
		{"a plain one", `{"alg":"ES256",%X5C}`, "", ""},
		{"a statement's typ", `{"alg":"ES256","typ":"mohr-renew/1",%X5C}`, document.SigConstraints, ""},
		{"a token's typ", `{"alg":"ES256","typ":"JWT",%X5C}`, document.SigConstraints, ""},
		{"an unknown critical header", `{"alg":"ES256","crit":["exp"],"exp":1,%X5C}`, document.SigConstraints, ""},
		{"a critical header that is not there", `{"alg":"ES256","crit":["sigT"],%X5C}`, document.SigConstraints, ""},
		{"no algorithm", `{"alg":"none",%X5C}`, document.CryptoConstraints, ""},
		{"a MAC", `{"alg":"HS256",%X5C}`, document.CryptoConstraints, ""},
		{"an algorithm of another curve", `{"alg":"ES384",%X5C}`, document.CryptoConstraints, ""},
		{"no certificate", `{"alg":"ES256"}`, document.NoSigningCertificate, ""},
		{"the digest of another certificate", `{"alg":"ES256","x5t#S256":"AAAA",%X5C}`, document.NoSigningCertificate, ""},
		{"a key twice", `{"alg":"ES256","alg":"ES256",%X5C}`, "", "jades_malformed"},
		{"a time that is none", `{"alg":"ES256","iat":-1,%X5C}`, "", "jades_malformed"},
		{"an unknown reference", `{"alg":"ES256","sigD":{"mId":"http://uri.etsi.org/19182/HttpHeaders"},%X5C}`, "", "jades_malformed"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			raw := handmade(t, b, key, tc.header, text)
			if tc.code != "" {
				if _, err := jades.Read(raw, document.Content{}); fault.Code(err) != tc.code {
					t.Errorf("Read: %v", err)
				}
				return
			}
			if v := b.judge(t, raw, document.Content{}); v.SubIndication != tc.want {
				t.Errorf("%s %s (%s), want %s", v.Indication, v.SubIndication, v.Why, tc.want)
			}
		})
	}
}

func TestADocumentIsNoStatementAndAStatementNoDocument(t *testing.T) {
	b := open(t)
	key := b.Issue(t, nil, nil)
	statement := []byte(`{"type":"mohr-renew/1","aud":"https://mohr.example"}`)
	for _, change := range []func(*jades.Options){enclose, nil} {
		raw := b.sign(t, key, statement, change)
		if _, _, err := signature.OpenJWS(raw, "mohr-renew/1"); err == nil {
			t.Error("a document taken as a statement")
		}
	}
	said, err := signature.SignJWS(key, "mohr-renew/1", statement)
	if err != nil {
		t.Fatal(err)
	}
	if v := b.judge(t, said, document.Content{}); v.SubIndication != document.SigConstraints {
		t.Errorf("a statement taken as a document: %s %s", v.Indication, v.SubIndication)
	}
}

func FuzzRead(f *testing.F) {
	b := open(f)
	key := b.Issue(f, nil, nil)
	for _, change := range []func(*jades.Options){enclose, nil, func(o *jades.Options) { o.Stamper, o.Source = nil, nil }} {
		f.Add(b.sign(f, key, text, change))
	}
	f.Add([]byte("e30.e30.e30"))
	f.Add([]byte(`{"payload":"","signatures":[{"protected":"e30","signature":"AA","header":{"etsiU":[{},"e30",7]}}]}`))
	known, roots := b.Good(f, at), []*x509.Certificate{b.Root}
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := jades.Read(raw, document.Bytes(text))
		if err != nil {
			if fault.Code(err) == "" {
				t.Fatalf("no fault: %v", err)
			}
			return
		}
		r := document.Validate(document.Proof{Signatures: list, Roots: roots, Known: known}, document.Policy{}, at)
		for n, v := range r.Signatures {
			if v.Indication == document.Passed && !list[n].Signer.Equal(key.Certificate) {
				t.Fatalf("a signature of %s", v.Signer.Name)
			}
		}
	})
}
