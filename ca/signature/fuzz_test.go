package signature_test

import (
	"bytes"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/document/pades"
	"mohr/ca/document/pdf"
	"mohr/ca/signature"
)

func mustJWS(t testing.TB, payload string, key ca.SigningKey) []byte {
	t.Helper()
	raw, err := signature.SignJWS(key, typ, []byte(payload))
	wantCode(t, err, "")
	return raw
}

// FuzzCMS shows that no bytes crash the parser, and that nothing but the
// content that was signed is ever accepted from a certificate of ours.
func FuzzCMS(f *testing.F) {
	b := newBench(f)
	content := []byte("content")
	for _, kind := range []string{"p256", "rsa2048"} {
		raw, err := signature.SignCMS(b.key(f, kind), content)
		wantCode(f, err, "")
		f.Add(raw)
		f.Add(pemOf("CMS", raw))
		raw, err = signature.Signer{Key: b.key(f, kind)}.EnclosedCMS(content)
		wantCode(f, err, "")
		f.Add(raw)
	}
	f.Add([]byte{0x30, 0x80, 0x06})
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, detached := range [][]byte{content, nil} {
			got, leaf, err := signature.VerifyCMS(raw, detached, b.Hierarchy.Root, time.Now())
			if err == nil && (!bytes.Equal(got, content) || leaf == nil) {
				t.Fatalf("accepted %q", got)
			}
		}
	})
}

// FuzzPDF is FuzzCMS for a statement attached to a PDF.
func FuzzPDF(f *testing.F) {
	key := newBench(f).key(f, "p256")
	carrying := pdf.Carry([]string{"a"}, "a.json", "application/json", []byte("content"))
	raw, err := pades.Sign(f.Context(), key, carrying, pades.Options{Time: time.Now(), States: true})
	wantCode(f, err, "")
	if _, _, err := signature.OpenPDF(raw); err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(carrying)
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, leaf, err := signature.OpenPDF(raw)
		if err == nil && leaf.Equal(key.Certificate) && string(got) != "content" {
			t.Fatalf("accepted %q", got)
		}
	})
}

// FuzzJWS is FuzzCMS for the JWS.
func FuzzJWS(f *testing.F) {
	b := newBench(f)
	key := b.key(f, "p256")
	f.Add(mustJWS(f, "content", key))
	f.Add(mustJWS(f, "content", b.key(f, "rsa2048")))
	f.Add([]byte(`{"protected":"e30","payload":"e30","signature":"AA"}`))
	f.Add([]byte(es256(f, key, `{"alg":"none"}`, "content")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, leaf, err := signature.VerifyJWS(raw, typ, b.Hierarchy.Root, time.Now())
		if err == nil && (string(got) != "content" || leaf == nil) {
			t.Fatalf("accepted %q", got)
		}
	})
}

// FuzzClaims shows that a payload is accepted only if it says what is asked.
func FuzzClaims(f *testing.F) {
	b := newBench(f)
	key := b.key(f, "p256")
	own, err := b.verifier.JWS(f.Context(), mustJWS(f, "{}", key), typ)
	wantCode(f, err, "")
	now := time.Now()
	good := object(map[string]string{
		"type": `"k"`, "aud": `"a"`, "certificate_sha256": `"` + own.CertificateSHA256() + `"`, "nonce": `"n"`,
		"iat": at(now, 0), "exp": at(now, time.Hour), "wish": `"w"`,
	})
	f.Add(good)
	f.Add(good + "{}")
	f.Add(`{"type":"k","type":"k"}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, payload string) {
		s, err := b.verifier.JWS(t.Context(), mustJWS(t, payload, key), typ)
		if payload == "" || len(payload) > 100<<10 {
			return // an empty part, or too large a JWS
		}
		wantCode(t, err, "")
		_, c, err := signature.ParseClaims[testStatement](s, "k", "a", now)
		if err == nil && (c.Type != "k" || c.Audience != "a" || c.CertificateSHA256 != own.CertificateSHA256() || c.Expires <= now.Unix()) {
			t.Fatalf("accepted %s", payload)
		}
	})
}
