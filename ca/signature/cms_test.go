package signature_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/internal/fault"
)

var kinds = []string{"p256", "p384", "rsa2048", "rsa3072"}

func TestCMSOfOursVerifiesHereOfflineAndWithOpenssl(t *testing.T) {
	b := newBench(t)
	content := []byte("{\"type\":\"x\"}\r\nnot text\x00\xff\n")
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			key := b.key(t, kind)
			raw, err := signature.SignCMS(key, content)
			wantCode(t, err, "")
			s, err := b.verifier.CMS(t.Context(), raw, content)
			wantCode(t, err, "")
			if !bytes.Equal(s.Payload(), content) || !bytes.Equal(s.Raw(), raw) || s.SigningTime().IsZero() {
				t.Errorf("payload %q, signing time %v", s.Payload(), s.SigningTime())
			}
			if !s.Standing().Leaf().Equal(key.Certificate) || !s.Standing().Good() {
				t.Error("the standing is not that of the signer")
			}
			got, leaf, err := signature.VerifyCMS(raw, content, b.Hierarchy.Root, time.Now())
			wantCode(t, err, "")
			if !bytes.Equal(got, content) || !leaf.Equal(key.Certificate) {
				t.Error("offline: other content or another leaf")
			}
			f := opensslFolder(t, b.Hierarchy.Root, map[string]ca.SigningKey{"a": key})
			f.write("content", content)
			f.write("sig.der", raw)
			f.run("", "cms", "-verify", "-cades", "-purpose", "any", "-binary", "-inform", "DER", "-in", "sig.der", "-content", "content", "-CAfile", "root.pem", "-out", "out")
			if out := f.run("out", "version"); !bytes.Equal(out, content) {
				t.Errorf("openssl gives %q", out)
			}
		})
	}
}

func TestEnclosedCMSOfOursVerifiesHereAndWithOpenssl(t *testing.T) {
	b := newBench(t)
	key := b.key(t, "p256")
	raw, err := signature.Signer{Key: key}.EnclosedCMS([]byte("hello"))
	wantCode(t, err, "")
	s, err := b.verifier.CMS(t.Context(), raw, nil)
	wantCode(t, err, "")
	if string(s.Payload()) != "hello" {
		t.Errorf("payload %q", s.Payload())
	}
	f := opensslFolder(t, b.Hierarchy.Root, nil)
	f.write("sig.der", raw)
	if out := f.run("out", "cms", "-verify", "-purpose", "any", "-inform", "DER", "-in", "sig.der", "-CAfile", "root.pem", "-out", "out"); string(out) != "hello" {
		t.Errorf("openssl gives %q", out)
	}
}

func TestCMSOfOpensslIsAccepted(t *testing.T) {
	b := newBench(t)
	f := opensslFolder(t, b.Hierarchy.Root, map[string]ca.SigningKey{"p256": b.key(t, "p256"), "p384": b.key(t, "p384"), "rsa2048": b.key(t, "rsa2048")})
	f.write("content", []byte("content"))
	detached := []byte("content")
	cades := []string{"-cades", "-binary", "-outform", "DER"}
	for _, c := range []struct {
		name     string
		key      string
		args     []string
		detached []byte
	}{
		{"P-256 with its default digest", "p256", cades, detached},
		{"P-384 with SHA-384", "p384", append(cades, "-md", "sha384"), detached},
		{"P-256 with SHA-512", "p256", append(cades, "-md", "sha512"), detached},
		{"RSA PKCS #1", "rsa2048", cades, detached},
		{"RSA PSS with salt of the digest's size", "rsa2048", append(cades, "-md", "sha256", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:digest"), detached},
		{"RSA PSS with the largest salt", "rsa2048", append(cades, "-md", "sha384", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:max"), detached},
		{"content inside", "p256", append(cades, "-nodetach"), nil},
		{"content inside and the same beside it", "p256", append(cades, "-nodetach"), detached},
		{"signer named by key identifier", "p256", append(cades, "-keyid"), detached},
		{"issuer's certificate inside too", "p256", append(cades, "-certfile", "p256-chain.pem"), detached},
		{"PEM", "p256", []string{"-cades", "-binary", "-outform", "PEM"}, detached},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := f.run("sig", append([]string{"cms", "-sign", "-in", "content", "-out", "sig", "-signer", c.key + ".pem", "-inkey", c.key + ".key"}, c.args...)...)
			s, err := b.verifier.CMS(t.Context(), raw, c.detached)
			wantCode(t, err, "")
			if string(s.Payload()) != "content" || s.SigningTime().IsZero() {
				t.Errorf("payload %q, signing time %v", s.Payload(), s.SigningTime())
			}
		})
	}
}

func TestCMSOfOpensslIsRefused(t *testing.T) {
	b := newBench(t)
	other := foreign(t, "p256")
	f := opensslFolder(t, b.Hierarchy.Root, map[string]ca.SigningKey{"a": b.key(t, "p256"), "b": b.key(t, "rsa2048"), "foreign": other})
	f.write("content", []byte("content"))
	der := []string{"-binary", "-outform", "DER"}
	a := []string{"-signer", "a.pem", "-inkey", "a.key"}
	for _, c := range []struct {
		name     string
		args     [][]string
		detached string
		code     string
	}{
		{"no signed attributes", [][]string{a, der, {"-noattr"}}, "content", "cms_attributes_missing"},
		{"no signing-certificate-v2", [][]string{a, der}, "content", "cms_attributes_missing"},
		{"two signers", [][]string{a, der, {"-cades", "-signer", "b.pem", "-inkey", "b.key"}}, "content", "cms_signers"},
		{"no certificate", [][]string{a, der, {"-cades", "-nocerts"}}, "content", "cms_certificate_missing"},
		{"SHA-1", [][]string{a, der, {"-cades", "-md", "sha1"}}, "content", "cms_algorithm"},
		{"SHA-224", [][]string{a, der, {"-cades", "-md", "sha224"}}, "content", "cms_algorithm"},
		{"indefinite lengths", [][]string{a, der, {"-cades", "-nodetach", "-indef"}}, "", "cms_indefinite_length"},
		{"S/MIME instead of DER", [][]string{a, {"-cades"}}, "content", "cms_malformed"},
		{"another content beside it", [][]string{a, der, {"-cades"}}, "Content", "cms_digest"},
		{"another content beside the one inside", [][]string{a, der, {"-cades", "-nodetach"}}, "Content", "cms_content_differs"},
		{"another content type", [][]string{a, der, {"-cades", "-econtent_type", "1.2.3.4"}}, "content", "cms_malformed"},
		{"a signer that is not ours", [][]string{{"-signer", "foreign.pem", "-inkey", "foreign.key"}, der, {"-cades"}}, "content", "certificate_foreign"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"cms", "-sign", "-in", "content", "-out", "sig"}
			for _, more := range c.args {
				args = append(args, more...)
			}
			var detached []byte
			if c.detached != "" {
				detached = []byte(c.detached)
			}
			_, err := b.verifier.CMS(t.Context(), f.run("sig", args...), detached)
			wantCode(t, err, c.code)
		})
	}
}

func TestCMSThatWasTamperedWithIsRefused(t *testing.T) {
	b := newBench(t)
	key := b.key(t, "p256")
	content := []byte("content")
	good, err := signature.SignCMS(key, content)
	wantCode(t, err, "")
	replace := func(old, with []byte) []byte {
		t.Helper()
		if !bytes.Contains(good, old) || len(old) != len(with) {
			t.Fatal("the test changes nothing")
		}
		return bytes.Replace(good, old, with, 1)
	}
	flip := func(b []byte) []byte {
		out := bytes.Clone(b)
		out[len(out)-1] ^= 1
		return out
	}
	digest := sha256.Sum256(content)
	certHash := sha256.Sum256(key.Certificate.Raw)
	oidDigest := []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04}
	oidTime := []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x05}
	other, err := signature.SignCMS(key, []byte("another content"))
	wantCode(t, err, "")
	for _, c := range []struct {
		name string
		raw  []byte
		code string
	}{
		{"nothing", nil, "cms_malformed"},
		{"one octet", []byte{0x30}, "cms_malformed"},
		{"an octet after the end", append(bytes.Clone(good), 0), "cms_malformed"},
		{"PEM with another block behind it", append(pemOf("CMS", good), pemOf("CMS", good)...), "cms_malformed"},
		{"PEM of another kind", pemOf("CERTIFICATE", good), "cms_malformed"},
		{"PEM with text before it", append([]byte("hello\n"), pemOf("CMS", good)...), "cms_malformed"},
		{"larger than the limit", make([]byte, 1<<20+1), "cms_too_large"},
		{"another message digest", replace(digest[:], flip(digest[:])), "cms_digest"},
		{"another certificate hash", replace(certHash[:], flip(certHash[:])), "cms_signing_certificate"},
		{"last octet of the signature", flip(good), "cms_signature"},
		{"an attribute type twice", replace(oidTime, oidDigest), "cms_malformed"},
		{"a message digest under another type", replace(oidDigest, []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x14}), "cms_attributes_missing"},
		{"the signature over another content", other, "cms_digest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := b.verifier.CMS(t.Context(), c.raw, content)
			wantCode(t, err, c.code)
		})
	}
	t.Run("content missing", func(t *testing.T) {
		_, err := b.verifier.CMS(t.Context(), good, nil)
		wantCode(t, err, "cms_content_missing")
	})
	t.Run("empty content is a content", func(t *testing.T) {
		_, err := b.verifier.CMS(t.Context(), good, []byte{})
		wantCode(t, err, "cms_digest")
	})
}

func TestTruncatedCMSIsRefusedAtEveryLength(t *testing.T) {
	b := newBench(t)
	raw, err := signature.SignCMS(b.key(t, "p256"), []byte("content"))
	wantCode(t, err, "")
	for n := range raw {
		if _, err := b.verifier.CMS(t.Context(), raw[:n], []byte("content")); fault.Code(err) != "cms_malformed" {
			t.Fatalf("cut to %d octets: %v", n, err)
		}
	}
}

func TestNoFlippedBitOfACMSGoesUnnoticed(t *testing.T) {
	b := newBench(t)
	content := []byte("content")
	raw, err := signature.SignCMS(b.key(t, "p256"), content)
	wantCode(t, err, "")
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 1
		s, err := b.verifier.CMS(t.Context(), bad, content)
		// The version of the SignedData, the issuer's certificate and the
		// set of digest algorithms are not what the signature is about.
		if err == nil && (!bytes.Equal(s.Payload(), content) || !s.Standing().Good()) {
			t.Fatalf("octet %d: other payload or standing", i)
		}
	}
}

func TestOfflineVerificationAsksForTheChain(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	key := b.key(t, "p256")
	alone := key
	alone.Chain = nil
	for _, c := range []struct {
		name string
		key  ca.SigningKey
		root *x509.Certificate
		at   time.Time
		code string
	}{
		{"with its chain, now", key, b.Hierarchy.Root, now, ""},
		{"without the issuing CA", alone, b.Hierarchy.Root, now, "signer_chain"},
		{"a root of somebody else", key, foreign(t, "p256").Certificate, now, "signer_chain"},
		{"no root", key, nil, now, "signer_chain"},
		{"before its time", key, b.Hierarchy.Root, now.Add(-time.Hour), "signer_chain"},
		{"after its time", key, b.Hierarchy.Root, now.Add(10 * 365 * 24 * time.Hour), "signer_chain"},
		{"a signer that is not ours", foreign(t, "p256"), b.Hierarchy.Root, now, "signer_chain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, err := signature.SignCMS(c.key, []byte("content"))
			wantCode(t, err, "")
			_, _, err = signature.VerifyCMS(raw, []byte("content"), c.root, c.at)
			wantCode(t, err, c.code)
			token, err := signature.SignJWS(c.key, "x+jwt", []byte("content"))
			wantCode(t, err, "")
			_, _, err = signature.VerifyJWS(token, "x+jwt", c.root, c.at)
			wantCode(t, err, c.code)
		})
	}
}

func TestSigningWithABrokenKeyGivesNothing(t *testing.T) {
	b := newBench(t)
	key := b.key(t, "p256")
	for _, c := range []struct {
		name string
		key  ca.SigningKey
	}{
		{"no key", ca.SigningKey{Certificate: key.Certificate}},
		{"no certificate", ca.SigningKey{Signer: key.Signer}},
		{"a key that is not the certificate's", ca.SigningKey{Certificate: key.Certificate, Signer: newKey(t, "p256")}},
		{"a curve that no profile certifies", foreign(t, "p521")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if out, err := signature.SignCMS(c.key, nil); err == nil {
				t.Errorf("CMS: %x", out)
			}
			if out, err := signature.SignJWS(c.key, "x", nil); err == nil {
				t.Errorf("JWS: %s", out)
			}
		})
	}
}
