package attest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"mohr/hsm/attest"
	"mohr/internal/fault"
)

// yubikey is a device made by a maker of ours, in the format of YubiKeys.
type yubikey struct {
	t      testing.TB
	roots  fstest.MapFS
	device *x509.Certificate
	secret *ecdsa.PrivateKey
}

func newYubikey(t testing.TB) *yubikey {
	t.Helper()
	y := &yubikey{t: t}
	root := authority("Test PIV Root", 1)
	maker := y.key()
	cert := y.sign(root, root, maker.Public(), maker)
	y.roots = fstest.MapFS{"root.cer": {Data: cert.Raw}}
	y.secret = y.key()
	y.device = y.sign(authority("Test PIV Attestation", 0), cert, y.secret.Public(), maker)
	return y
}

func (y *yubikey) key() *ecdsa.PrivateKey {
	y.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		y.t.Fatal(err)
	}
	return k
}

func authority(name string, below int) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: below, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

func (y *yubikey) sign(template, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	y.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		y.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		y.t.Fatal(err)
	}
	return c
}

// extension of YubiKeys, by its last number.
func extension(n int, value ...byte) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, n}, Value: value}
}

// usual are the extensions of a key that asks for its PIN once.
func usual() []pkix.Extension {
	return []pkix.Extension{extension(3, 5, 7, 1), extension(7, 2, 2, 0x12, 0x34), extension(8, 2, 2)}
}

// attests makes a statement about key, whose certificate has the extensions.
func (y *yubikey) attests(key crypto.Signer, b attest.Binding, extensions []pkix.Extension) attest.Statement {
	y.t.Helper()
	c := y.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "YubiKey PIV Attestation 9c"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtraExtensions: extensions,
	}, y.device, key.Public(), y.secret)
	hash, sum := crypto.SHA256, sha256.Sum256(b.Message())
	digest := sum[:]
	if k, ok := key.(*ecdsa.PrivateKey); ok && k.Curve == elliptic.P384() {
		longer := sha512.Sum384(b.Message())
		hash, digest = crypto.SHA384, longer[:]
	}
	sig, err := key.Sign(rand.Reader, digest, hash)
	if err != nil {
		y.t.Fatal(err)
	}
	return attest.Statement{Format: attest.PIV, Nonce: b.Nonce, Certificates: [][]byte{c.Raw, y.device.Raw}, Signature: sig}
}

func TestAPIVDeviceVouchesForItsKey(t *testing.T) {
	y := newYubikey(t)
	v := verifier(t, attest.Config{PIV: y.roots})
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{y.key(), p384, old} {
		k, err := v.Verify(y.attests(key, binding, usual()), binding, time.Now())
		if err != nil {
			t.Fatalf("%T: %v", key, err)
		}
		der, _ := x509.MarshalPKIXPublicKey(key.Public())
		if k.SPKISHA256() != sum(der) || k.Format() != attest.PIV || k.Device() != sum(y.device.RawSubjectPublicKeyInfo) || k.Traits() != "YubiKey 5.7.1, PIN once, touch always" {
			t.Errorf("%+v", k)
		}
	}
}

func TestPIVStatementsThatAreRefused(t *testing.T) {
	y, stranger := newYubikey(t), newYubikey(t)
	v := verifier(t, attest.Config{PIV: y.roots})
	key, other := y.key(), y.key()
	good := y.attests(key, binding, usual())
	next := binding
	next.Nonce = "nonce-2"
	replaced := func(n int, with pkix.Extension) []pkix.Extension {
		list := usual()
		list[n] = with
		return list
	}
	critical := extension(8, 2, 2)
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
		{"answered by a software key", binding, with(good, func(s *attest.Statement) { s.Signature = y.attests(other, binding, usual()).Signature }), "attestation_other_challenge"},
		{"not answered", binding, with(good, func(s *attest.Statement) { s.Signature = nil }), "attestation_other_challenge"},
		{"an answer of garbage", binding, with(good, func(s *attest.Statement) { s.Signature = make([]byte, 2000) }), "attestation_malformed"},
		{"a maker who is not believed", binding, stranger.attests(key, binding, usual()), "attestation_device_unknown"},
		{"another device's certificate", binding, with(good, func(s *attest.Statement) { s.Certificates[1] = stranger.device.Raw }), "attestation_device_unknown"},
		{"the device's own certificate as the key's", binding, with(good, func(s *attest.Statement) { s.Certificates[0] = s.Certificates[1] }), "attestation_device_unknown"},
		{"no device", binding, with(good, func(s *attest.Statement) { s.Certificates = s.Certificates[:1] }), "attestation_malformed"},
		{"a key that asks for no PIN", binding, y.attests(key, binding, replaced(2, extension(8, 1, 2))), "attestation_pin_never"},
		{"a policy that there is not", binding, y.attests(key, binding, replaced(2, extension(8, 9, 2))), "attestation_malformed"},
		{"a policy of three octets", binding, y.attests(key, binding, replaced(2, extension(8, 2, 2, 2))), "attestation_malformed"},
		{"a critical policy", binding, y.attests(key, binding, replaced(2, critical)), "attestation_device_unknown"},
		{"no policy", binding, y.attests(key, binding, usual()[:2]), "attestation_malformed"},
		{"no firmware", binding, y.attests(key, binding, usual()[1:]), "attestation_malformed"},
		{"a serial number that is none", binding, y.attests(key, binding, replaced(1, extension(7, 4, 1, 0))), "attestation_malformed"},
		{"a serial number with more behind it", binding, y.attests(key, binding, replaced(1, extension(7, 2, 1, 5, 0))), "attestation_malformed"},
		{"no extensions at all", binding, y.attests(key, binding, nil), "attestation_malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := v.Verify(tt.s, tt.under, time.Now()); fault.Code(err) != tt.code || (err == nil) != (tt.code == "") {
				t.Errorf("got %v, want %q", err, tt.code)
			}
		})
	}
	if _, err := v.Verify(good, binding, time.Now().Add(2*time.Hour)); fault.Code(err) != "attestation_device_unknown" {
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
	y := newYubikey(t)
	root := y.roots["root.cer"].Data
	leaf := y.attests(y.key(), binding, usual()).Certificates[0]
	asPEM := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weak := authority("Weak", 1)
	for _, tt := range []struct {
		name  string
		roots fstest.MapFS
		ok    bool
	}{
		{"a root, DER", y.roots, true},
		{"a root and an issuer, PEM", fstest.MapFS{"a/all.pem": {Data: append(asPEM("CERTIFICATE", root), asPEM("CERTIFICATE", y.device.Raw)...)}}, true},
		{"an issuer without its root", fstest.MapFS{"a": {Data: y.device.Raw}}, false},
		{"nothing", fstest.MapFS{}, false},
		{"a certificate of a key", fstest.MapFS{"a": {Data: root}, "b": {Data: leaf}}, false},
		{"a text beside it", fstest.MapFS{"a": {Data: root}, "README": {Data: []byte("roots")}}, false},
		{"a private key beside it", fstest.MapFS{"a": {Data: append(asPEM("CERTIFICATE", root), asPEM("PRIVATE KEY", root)...)}}, false},
		{"a short key", fstest.MapFS{"a": {Data: y.sign(weak, weak, short.Public(), short).Raw}}, false},
		{"a file without end", fstest.MapFS{"a": {Data: make([]byte, 2<<20)}}, false},
	} {
		_, err := attest.New(attest.Config{PIV: tt.roots, Environment: "simulated", Secret: make([]byte, 32)})
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for name, c := range map[string]attest.Config{
		"no environment": {PIV: y.roots, Secret: make([]byte, 32)},
		"no secret":      {PIV: y.roots, Environment: "simulated"},
		"no roots":       {Environment: "simulated", Secret: make([]byte, 32)},
	} {
		if _, err := attest.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
