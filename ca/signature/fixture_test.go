package signature_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/internal/fault"
)

// bench is an authority with a verifier and a key of each kind it certifies.
type bench struct {
	*catest.Fixture
	verifier *signature.Verifier
}

func newBench(t testing.TB) *bench {
	t.Helper()
	f := catest.New(t, nil)
	return &bench{f, &signature.Verifier{Authority: f.Authority}}
}

// key returns a certified key: "p256", "p384", "rsa2048", "rsa3072".
func (b *bench) key(t testing.TB, kind string) ca.SigningKey {
	t.Helper()
	sk, err := b.Authority.SigningKey(t.Context(), newKey(t, kind), ca.Service{Profile: ca.Audit, CommonName: "signer " + kind})
	if err != nil {
		t.Fatal(err)
	}
	return sk
}

func newKey(t testing.TB, kind string) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch kind {
	case "p256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "rsa2048":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "rsa3072":
		key, err = rsa.GenerateKey(rand.Reader, 3072)
	default:
		err = errors.New("no such kind: " + kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// foreign returns a key with a self-signed certificate that nobody here issued.
func foreign(t testing.TB, kind string) ca.SigningKey {
	t.Helper()
	key := newKey(t, kind)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: "somebody"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageContentCommitment, SubjectKeyId: []byte{1, 2, 3, 4},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return ca.SigningKey{Certificate: cert, Signer: key}
}

// wantCode fails unless err is a fault with the code; "" means no error.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	switch {
	case code == "" && err != nil:
		t.Fatalf("got error %v (%s), want none", err, fault.Code(err))
	case code != "" && err == nil:
		t.Fatalf("accepted, want %s", code)
	case code != "" && fault.Code(err) != code:
		t.Fatalf("got %q (%v), want %s", fault.Code(err), err, code)
	}
}

// folder is a directory in which the real openssl works.
type folder struct {
	t   testing.TB
	dir string
}

// openssl returns a folder with root.pem, and per key NAME.key, NAME.pem and
// NAME-chain.pem. Without openssl the test is skipped, loudly, and in CI it fails.
func opensslFolder(t testing.TB, root *x509.Certificate, keys map[string]ca.SigningKey) *folder {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("MOHR_CI") != "" {
			t.Fatal("openssl is not installed: install the package openssl")
		}
		t.Skip("NOT TESTED against openssl: it is not installed; install the package openssl")
	}
	f := &folder{t, t.TempDir()}
	f.write("root.pem", pemOf("CERTIFICATE", root.Raw))
	for name, k := range keys {
		der, err := x509.MarshalPKCS8PrivateKey(k.Signer)
		if err != nil {
			t.Fatal(err)
		}
		f.write(name+".key", pemOf("PRIVATE KEY", der))
		f.write(name+".pem", pemOf("CERTIFICATE", k.Certificate.Raw))
		var chain []byte
		for _, c := range k.Chain {
			chain = append(chain, pemOf("CERTIFICATE", c.Raw)...)
		}
		f.write(name+"-chain.pem", chain)
	}
	return f
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f *folder) write(name string, b []byte) {
	f.t.Helper()
	if err := os.WriteFile(f.path(name), b, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// run runs openssl in the folder and returns what out names, or its output.
func (f *folder) run(out string, args ...string) []byte {
	f.t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = f.dir
	text, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("openssl %v: %v\n%s", args, err, text)
	}
	if out == "" {
		return text
	}
	b, err := os.ReadFile(f.path(out))
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}
