package attest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"mohr/hsm/attest"
	"mohr/hsm/attest/attesttest"
	"mohr/internal/fault"
)

func softKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAPIVDeviceVouchesForItsKey(t *testing.T) {
	y := attesttest.New(t)
	v := verifier(t, attest.Config{PIV: y.Roots})
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{softKey(t), p384, old} {
		k, err := v.Verify(y.Attest(key, binding), binding, time.Now())
		if err != nil {
			t.Fatalf("%T: %v", key, err)
		}
		der, _ := x509.MarshalPKIXPublicKey(key.Public())
		if k.SPKISHA256() != sum(der) || k.Format() != attest.PIV || k.Device() != sum(y.Certificate.RawSubjectPublicKeyInfo) || k.Traits() != "YubiKey 5.7.1, PIN once, touch always" {
			t.Errorf("%+v", k)
		}
	}
}

func TestPIVStatementsThatAreRefused(t *testing.T) {
	y, stranger := attesttest.New(t), attesttest.New(t)
	v := verifier(t, attest.Config{PIV: y.Roots})
	key, other := softKey(t), softKey(t)
	good := y.Attest(key, binding)
	next := binding
	next.Nonce = "nonce-2"
	replaced := func(n int, with pkix.Extension) []pkix.Extension {
		list := attesttest.Usual()
		list[n] = with
		return list
	}
	critical := attesttest.Extension(8, 2, 2)
	critical.Critical = true
	for _, tt := range []struct {
		name  string
		under attest.Binding
		s     attest.Statement
		code  string
	}{
		{"as it came", binding, good, ""},
		{"replayed under the next nonce", next, good, "attestation_other_challenge"},
		{"replayed with the next nonce written in", next, renamed(good, next.Nonce), "attestation_other_challenge"},
		{"answered by a software key", binding, with(good, func(s *attest.Statement) { s.Signature = y.Attest(other, binding).Signature }), "attestation_other_challenge"},
		{"not answered", binding, with(good, func(s *attest.Statement) { s.Signature = nil }), "attestation_other_challenge"},
		{"an answer of garbage", binding, with(good, func(s *attest.Statement) { s.Signature = make([]byte, 2000) }), "attestation_malformed"},
		{"a maker who is not believed", binding, stranger.Attest(key, binding), "attestation_device_unknown"},
		{"another device's certificate", binding, with(good, func(s *attest.Statement) { s.Certificates[1] = stranger.Certificate.Raw }), "attestation_device_unknown"},
		{"the device's own certificate as the key's", binding, with(good, func(s *attest.Statement) { s.Certificates[0] = s.Certificates[1] }), "attestation_device_unknown"},
		{"no device", binding, with(good, func(s *attest.Statement) { s.Certificates = s.Certificates[:1] }), "attestation_malformed"},
		{"a key that asks for no PIN", binding, y.AttestWith(key, binding, replaced(2, attesttest.Extension(8, 1, 2))), "attestation_pin_never"},
		{"a policy that there is not", binding, y.AttestWith(key, binding, replaced(2, attesttest.Extension(8, 9, 2))), "attestation_malformed"},
		{"a policy of three octets", binding, y.AttestWith(key, binding, replaced(2, attesttest.Extension(8, 2, 2, 2))), "attestation_malformed"},
		{"a critical policy", binding, y.AttestWith(key, binding, replaced(2, critical)), "attestation_device_unknown"},
		{"no policy", binding, y.AttestWith(key, binding, attesttest.Usual()[:2]), "attestation_malformed"},
		{"no firmware", binding, y.AttestWith(key, binding, attesttest.Usual()[1:]), "attestation_malformed"},
		{"a serial number that is none", binding, y.AttestWith(key, binding, replaced(1, attesttest.Extension(7, 4, 1, 0))), "attestation_malformed"},
		{"a serial number with more behind it", binding, y.AttestWith(key, binding, replaced(1, attesttest.Extension(7, 2, 1, 5, 0))), "attestation_malformed"},
		{"no extensions at all", binding, y.AttestWith(key, binding, nil), "attestation_malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := v.Verify(tt.s, tt.under, time.Now()); fault.Code(err) != tt.code || (err == nil) != (tt.code == "") {
				t.Errorf("got %v, want %q", err, tt.code)
			}
		})
	}
	if _, err := v.Verify(good, binding, time.Date(2053, 1, 1, 0, 0, 0, 0, time.UTC)); fault.Code(err) != "attestation_device_unknown" {
		t.Errorf("after the certificates' end: %v", err)
	}
	if _, err := v.Challenge(good.Certificates, nil, binding, time.Now()); fault.Code(err) != "attestation_format" {
		t.Errorf("a TPM's challenge where no TPM is believed: %v", err)
	}
}

func with(s attest.Statement, edit func(*attest.Statement)) attest.Statement {
	s = clone(s)
	edit(&s)
	return s
}

func renamed(s attest.Statement, nonce string) attest.Statement {
	return with(s, func(s *attest.Statement) { s.Nonce = nonce })
}

// TestARealYubiKeysCertificates: they lead to their maker and are read; only
// the answer to the challenge is missing, which needs the key.
func TestARealYubiKeysCertificates(t *testing.T) {
	v := verifier(t, attest.Config{PIV: os.DirFS("testdata/yubikey/roots")})
	statement := func(key, device string) attest.Statement {
		return attest.Statement{Format: attest.PIV, Nonce: binding.Nonce, Certificates: [][]byte{der(t, key), der(t, device)}, Signature: []byte{1}}
	}
	for _, tt := range []struct{ name, key, device, code string }{
		{"firmware 5.4.3", "key.pem", "device.pem", "attestation_other_challenge"},
		{"another device's key", "key-2018.pem", "device.pem", "attestation_device_unknown"},
		{"a device of 2018, whose certificate is no authority's", "key-2018.pem", "device-2018.pem", "attestation_device_unknown"},
	} {
		if _, err := v.Verify(statement(tt.key, tt.device), binding, time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)); fault.Code(err) != tt.code {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.code)
		}
	}
}

func der(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "yubikey", name))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	return block.Bytes
}

func TestRootsThatAreRefused(t *testing.T) {
	y := attesttest.New(t)
	root := y.Roots["root.cer"].Data
	leaf := y.Attest(softKey(t), binding).Certificates[0]
	asPEM := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weak := &x509.Certificate{SerialNumber: big.NewInt(1), BasicConstraintsValid: true, IsCA: true, NotAfter: time.Now().Add(time.Hour)}
	for _, tt := range []struct {
		name  string
		roots fstest.MapFS
		ok    bool
	}{
		{"a root, DER", y.Roots, true},
		{"a root and an issuer, PEM", fstest.MapFS{"a/all.pem": {Data: append(asPEM("CERTIFICATE", root), asPEM("CERTIFICATE", y.Certificate.Raw)...)}}, true},
		{"an issuer without its root", fstest.MapFS{"a": {Data: y.Certificate.Raw}}, false},
		{"nothing", fstest.MapFS{}, false},
		{"a certificate of a key", fstest.MapFS{"a": {Data: root}, "b": {Data: leaf}}, false},
		{"a text beside it", fstest.MapFS{"a": {Data: root}, "README": {Data: []byte("roots")}}, false},
		{"a private key beside it", fstest.MapFS{"a": {Data: append(asPEM("CERTIFICATE", root), asPEM("PRIVATE KEY", root)...)}}, false},
		{"a short key", fstest.MapFS{"a": {Data: y.Sign(weak, weak, short.Public(), short).Raw}}, false},
		{"a file without end", fstest.MapFS{"a": {Data: make([]byte, 2<<20)}}, false},
	} {
		_, err := attest.New(attest.Config{PIV: tt.roots, Environment: "simulated", Secret: make([]byte, 32)})
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for name, c := range map[string]attest.Config{
		"no environment": {PIV: y.Roots, Secret: make([]byte, 32)},
		"no secret":      {PIV: y.Roots, Environment: "simulated"},
		"no roots":       {Environment: "simulated", Secret: make([]byte, 32)},
	} {
		if _, err := attest.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
