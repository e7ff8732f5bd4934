package attest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"flag"
	"os"
	"testing"
	"time"

	"mohr/hsm"
	"mohr/hsm/attest"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

var update = flag.Bool("update", false, "make the kept statement anew")

// world is a maker, two of its TPMs with a key each, and a verifier that
// believes the maker.
type world struct {
	*attest.Verifier
	ring          *hsm.Keyring
	first, second string // URIs of keys
}

var binding = attest.Binding{Audience: "https://mohr.test", Purpose: "application/a-1", Nonce: "nonce-1"}

func newWorld(t testing.TB) *world {
	t.Helper()
	w, _ := newWorldOf(t)
	return w
}

func newWorldOf(t testing.TB) (*world, *pkitest.TPMMaker) {
	t.Helper()
	maker := pkitest.NewTPMMaker(t)
	w := &world{Verifier: verifier(t, attest.Config{TPM: os.DirFS(maker.Roots)}), ring: hsm.Open(hsm.Config{Timeout: time.Minute})}
	t.Cleanup(func() { w.ring.Close() })
	w.first, w.second = hsm.KeyURI(maker.TPM().Base, "holder"), hsm.KeyURI(maker.TPM().Base, "holder")
	for _, uri := range []string{w.first, w.second} {
		if _, err := w.ring.Create(t.Context(), uri, hsm.P256); err != nil {
			t.Fatal(err)
		}
	}
	return w, maker
}

func verifier(t testing.TB, c attest.Config) *attest.Verifier {
	t.Helper()
	c.Environment, c.Secret = "simulated", bytes.Repeat([]byte{5}, 32)
	v, err := attest.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// attested is a whole statement of the TPM at uri over its key, under b.
func (w *world) attested(t testing.TB, uri string, b attest.Binding) attest.Statement {
	t.Helper()
	s, err := w.ring.Introduce(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.Challenge(s.Certificates, s.AK, b, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s, err = w.ring.Attest(t.Context(), uri, s, c, b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) spki(t testing.TB, uri string) []byte {
	t.Helper()
	key, err := w.ring.Signer(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestATPMVouchesForItsKey(t *testing.T) {
	w := newWorld(t)
	for _, a := range []hsm.Algorithm{hsm.P256, hsm.P384} {
		uri := w.first
		if a == hsm.P384 {
			uri = w.second + "-384" // the name of the key ends the URI
			if _, err := w.ring.Create(t.Context(), uri, a); err != nil {
				t.Fatal(err)
			}
		}
		s := w.attested(t, uri, binding)
		k, err := w.Verify(s, binding, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if k.SPKISHA256() != sum(w.spki(t, uri)) || k.Format() != attest.TPM || k.Device() != sum(ekOf(t, s)) || k.Environment() != "simulated" {
			t.Errorf("%s: %+v", a, k)
		}
		again, err := w.Verify(s, binding, time.Now())
		if err != nil || again.SPKISHA256() != k.SPKISHA256() {
			t.Errorf("a second look: %v", err)
		}
	}
}

func ekOf(t testing.TB, s attest.Statement) []byte {
	t.Helper()
	c, err := x509.ParseCertificate(s.Certificates[0])
	if err != nil {
		t.Fatal(err)
	}
	return c.RawSubjectPublicKeyInfo
}

func TestStatementsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	good, other := w.attested(t, w.first, binding), w.attested(t, w.second, binding)
	next := binding
	next.Nonce = "nonce-2"
	elsewhere := binding
	elsewhere.Purpose = "application/a-2"
	later := w.attested(t, w.first, next)
	soft, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	swapped := withPoint(t, good.Key, soft)
	alien := forged(t, good.Certificates[0], soft)
	for _, tt := range []struct {
		name  string
		under attest.Binding
		edit  func(*attest.Statement)
		code  string
	}{
		{"as it came", binding, func(*attest.Statement) {}, ""},
		{"a replayed statement, under the next nonce", next, func(*attest.Statement) {}, "attestation_other_challenge"},
		{"a replayed statement that claims the next nonce", next, func(s *attest.Statement) { s.Nonce = next.Nonce }, "attestation_unactivated"},
		{"a replayed certification beside a fresh activation", next, func(s *attest.Statement) { s.Nonce, s.Secret = next.Nonce, later.Secret }, "attestation_other_challenge"},
		{"a wrong nonce in the certification", binding, func(s *attest.Statement) { s.Info, s.Signature = later.Info, later.Signature }, "attestation_other_challenge"},
		{"the statement of another application", elsewhere, func(*attest.Statement) {}, "attestation_unactivated"},
		{"another TPM's attestation key under this one's certificate", binding, func(s *attest.Statement) {
			s.AK, s.Info, s.Signature, s.Key = other.AK, other.Info, other.Signature, other.Key
		}, "attestation_unactivated"},
		{"another TPM's attestation key with its own secret", binding, func(s *attest.Statement) {
			s.AK, s.Info, s.Signature, s.Key, s.Secret = other.AK, other.Info, other.Signature, other.Key, other.Secret
		}, "attestation_unactivated"},
		{"a certification by another TPM", binding, func(s *attest.Statement) { s.Info, s.Signature, s.Key = other.Info, other.Signature, other.Key }, "attestation_signature"},
		{"another TPM's key", binding, func(s *attest.Statement) { s.Key = other.Key }, "attestation_other_key"},
		{"an unattested key of the same TPM", binding, func(s *attest.Statement) { s.Info, s.Signature = nil, nil }, "attestation_malformed"},
		{"a software key", binding, func(s *attest.Statement) { s.Key = swapped }, "attestation_other_key"},
		{"the attestation key as the holder's", binding, func(s *attest.Statement) { s.Key = s.AK }, "attestation_other_key"},
		{"no activation", binding, func(s *attest.Statement) { s.Secret = nil }, "attestation_unactivated"},
		{"no certificate", binding, func(s *attest.Statement) { s.Certificates = nil }, "attestation_malformed"},
		{"more certificates than a chain has", binding, func(s *attest.Statement) {
			for range 6 {
				s.Certificates = append(s.Certificates, s.Certificates[0])
			}
		}, "attestation_malformed"},
		{"a self-made certificate of the same endorsement key", binding, func(s *attest.Statement) { s.Certificates = [][]byte{alien} }, "attestation_device_unknown"},
		{"a format that is not taken here", binding, func(s *attest.Statement) { s.Format = attest.PIV }, "attestation_format"},
		{"a format that there is not", binding, func(s *attest.Statement) { s.Format = "none" }, "attestation_format"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := clone(good)
			tt.edit(&s)
			k, err := w.Verify(s, tt.under, time.Now())
			if fault.Code(err) != tt.code || (err == nil) != (tt.code == "") {
				t.Fatalf("got %q (%v), want %q", fault.Code(err), err, tt.code)
			}
			if err != nil && k.SPKISHA256() != "" {
				t.Error("a refusal came with a key")
			}
		})
	}
	t.Run("an attestation key of another TPM cannot open the challenge", func(t *testing.T) {
		mine, err := w.ring.Introduce(t.Context(), w.first)
		if err != nil {
			t.Fatal(err)
		}
		c, err := w.Challenge(mine.Certificates, other.AK, binding, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.ring.Attest(t.Context(), w.first, mine, c, binding); err == nil {
			t.Error("it opened what was sealed for another attestation key")
		}
	})
	t.Run("a maker who is not believed", func(t *testing.T) {
		v := verifier(t, attest.Config{TPM: os.DirFS(pkitest.NewTPMMaker(t).Roots)})
		if _, err := v.Verify(good, binding, time.Now()); fault.Code(err) != "attestation_device_unknown" {
			t.Errorf("%v", err)
		}
	})
	t.Run("a public area flipped in any octet", func(t *testing.T) {
		for i := range good.Key {
			s := clone(good)
			s.Key[i] ^= 1
			if _, err := w.Verify(s, binding, time.Now()); err == nil {
				t.Errorf("octet %d changed and it holds", i)
			}
		}
	})
	t.Run("no octet can change", func(t *testing.T) {
		for _, part := range []func(*attest.Statement) []byte{
			func(s *attest.Statement) []byte { return s.AK }, func(s *attest.Statement) []byte { return s.Info },
			func(s *attest.Statement) []byte { return s.Signature }, func(s *attest.Statement) []byte { return s.Secret },
		} {
			for i := range part(&good) {
				s := clone(good)
				part(&s)[i] ^= 0x80
				if _, err := w.Verify(s, binding, time.Now()); err == nil {
					t.Errorf("octet %d of %x changed and it holds", i, part(&good))
				}
			}
		}
	})
}

func clone(s attest.Statement) attest.Statement {
	c := s
	c.Certificates = nil
	for _, b := range s.Certificates {
		c.Certificates = append(c.Certificates, bytes.Clone(b))
	}
	c.AK, c.Secret, c.Key, c.Info, c.Signature = bytes.Clone(s.AK), bytes.Clone(s.Secret), bytes.Clone(s.Key), bytes.Clone(s.Info), bytes.Clone(s.Signature)
	return c
}

// withPoint puts another key into a public area on P-256, which ends with its
// point: two coordinates led by their lengths.
func withPoint(t testing.TB, area []byte, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	n := len(area)
	out := bytes.Clone(area)
	copy(out[n-32:], point[33:])
	copy(out[n-66:n-34], point[1:33])
	return out
}

// forged is a certificate of the same endorsement key by nobody.
func forged(t testing.TB, der []byte, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	template := *c
	template.ExtraExtensions, template.SignatureAlgorithm = nil, 0
	out, err := x509.CreateCertificate(rand.Reader, &template, &x509.Certificate{Subject: c.Issuer}, c.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sum is the hex SHA-256 of b.
func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// pemFile is the certificate in a file.
func pemFile(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	return block.Bytes
}
