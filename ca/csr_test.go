package ca_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"testing"

	"mohr/ca"
	"mohr/internal/fault"
)

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// closeKey signs with an RSA key whose primes lie close together, which
// crypto/rsa refuses to do.
type closeKey struct {
	public rsa.PublicKey
	d      *big.Int
}

func (k closeKey) Public() crypto.PublicKey { return &k.public }

// Sign is PKCS #1 v1.5 with SHA-256 (RFC 8017 section 8.2.1).
func (k closeKey) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	tail := append(append([]byte{0}, prefix...), digest...)
	em := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, k.public.Size()-2-len(tail))...)
	m := new(big.Int).SetBytes(append(em, tail...))
	return m.Exp(m, k.d, k.public.N).FillBytes(make([]byte, k.public.Size())), nil
}

func newCloseKey(t testing.TB) closeKey {
	t.Helper()
	p, err := rand.Prime(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	one, two, e := big.NewInt(1), big.NewInt(2), big.NewInt(65537)
	for q := new(big.Int).Add(p, two); ; q.Add(q, two) {
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		if d := new(big.Int).ModInverse(e, phi); q.ProbablyPrime(20) && d != nil {
			return closeKey{rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, d}
		}
	}
}

func csrDER(t testing.TB, key crypto.Signer, r x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &r, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func asPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// csrCases is the table of requests and what becomes of them; "" is issued.
// The issuing test walks the same table.
func csrCases(t testing.TB) []struct {
	name string
	csr  []byte
	code string
} {
	p256 := ecKey(t, elliptic.P256())
	plain := csrDER(t, p256, x509.CertificateRequest{})
	caTrue := pkix.Extension{Id: []int{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 0x03, 0x01, 0x01, 0xff}}
	foreign := pkix.Extension{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{0xde, 0xad}}
	named := func(cn string) x509.CertificateRequest {
		return x509.CertificateRequest{Subject: pkix.Name{CommonName: cn}}
	}
	broken := bytes.Clone(plain)
	broken[len(broken)-1] ^= 1
	return []struct {
		name string
		csr  []byte
		code string
	}{
		{"an EC P-256 key is issued", plain, ""},
		{"PEM armour is taken off", asPEM("CERTIFICATE REQUEST", csrDER(t, ecKey(t, elliptic.P256()), x509.CertificateRequest{})), ""},
		{"an EC P-384 key is issued", csrDER(t, ecKey(t, elliptic.P384()), x509.CertificateRequest{}), ""},
		{"an RSA key of 2048 bits is issued", csrDER(t, rsaKey(t, 2048), x509.CertificateRequest{}), ""},
		{"an RSA key of 3072 bits is issued", csrDER(t, rsaKey(t, 3072), x509.CertificateRequest{}), ""},
		{"Persian names are not read", csrDER(t, ecKey(t, elliptic.P256()), named("زهرا محمدی")), ""},
		{"CA:TRUE is not read", csrDER(t, ecKey(t, elliptic.P256()), x509.CertificateRequest{ExtraExtensions: []pkix.Extension{caTrue}}), ""},
		{"foreign critical extensions are not read", csrDER(t, ecKey(t, elliptic.P256()), x509.CertificateRequest{DNSNames: []string{"bank.test"}, ExtraExtensions: []pkix.Extension{foreign}}), ""},
		{"a NUL in the common name is not read", csrDER(t, ecKey(t, elliptic.P256()), named("bank.test\x00.evil.test")), ""},
		{"bidi controls in the common name are not read", csrDER(t, ecKey(t, elliptic.P256()), named("\u202egnp.exe")), ""},
		{"an RSA key of 1024 bits is refused", csrDER(t, rsaKey(t, 1024), x509.CertificateRequest{}), "csr_key_size"},
		{"an RSA key with close primes is refused", csrDER(t, newCloseKey(t), x509.CertificateRequest{}), "csr_key_weak"},
		{"an EC P-224 key is refused", csrDER(t, ecKey(t, elliptic.P224()), x509.CertificateRequest{}), "csr_key_unsupported"},
		{"an EC P-521 key is refused", csrDER(t, ecKey(t, elliptic.P521()), x509.CertificateRequest{}), "csr_key_unsupported"},
		{"a broken proof of possession is refused", broken, "csr_possession_unproven"},
		{"trailing bytes are refused", append(bytes.Clone(plain), 0), "csr_trailing_bytes"},
		{"trailing text after PEM is refused", append(asPEM("CERTIFICATE REQUEST", plain), "hello"...), "csr_trailing_bytes"},
		{"two PEM blocks are refused", append(asPEM("CERTIFICATE REQUEST", plain), asPEM("CERTIFICATE REQUEST", plain)...), "csr_trailing_bytes"},
		{"another kind of PEM is refused", asPEM("CERTIFICATE", plain), "csr_malformed"},
		{"an oversized request is refused", csrDER(t, ecKey(t, elliptic.P256()), named(string(bytes.Repeat([]byte("a"), ca.MaxCSR)))), "csr_too_large"},
		{"truncated DER is refused", plain[:len(plain)-5], "csr_malformed"},
		{"nothing is refused", nil, "csr_malformed"},
	}
}

func TestParseCSR(t *testing.T) {
	for _, test := range csrCases(t) {
		t.Run(test.name, func(t *testing.T) {
			csr, err := ca.ParseCSR(test.csr)
			if got := fault.Code(err); got != test.code {
				t.Fatalf("code %q (%v), want %q", got, err, test.code)
			}
			if err == nil && csr.Key() == nil {
				t.Error("accepted without a key")
			}
		})
	}
}

func FuzzParseCSR(f *testing.F) {
	for _, c := range csrCases(f) {
		f.Add(c.csr)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		csr, err := ca.ParseCSR(b)
		if err != nil {
			return
		}
		if csr.Key() == nil {
			t.Error("accepted without a key")
		}
		if _, err := ca.ParseCSR(append(bytes.Clone(b), 'x')); err == nil {
			t.Error("accepted with a byte more")
		}
	})
}
