package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"sync/atomic"
	"testing"

	"mohr/ca/evidence"
)

func TestALeaveToSignIsUsedOnce(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := schemeOf(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{Issuer: Issuer{ID: "sign-p256", Certificate: &x509.Certificate{PublicKeyAlgorithm: x509.ECDSA, PublicKey: key.Public()}, Signer: key}, scheme: s}
	leave := func() linted {
		return linted{tbs: []byte{0x30, 0}, algorithm: s.der, issuer: "sign-p256", used: new(atomic.Bool)}
	}
	if _, err := i.sign(linted{tbs: []byte{0x30, 0}, algorithm: s.der, issuer: "sign-p256"}); err == nil {
		t.Error("bytes that nobody linted were signed")
	}
	once := leave()
	copied := once
	if _, err := i.sign(once); err != nil {
		t.Fatal(err)
	}
	for name, again := range map[string]linted{"the leave itself": once, "a copy of it": copied} {
		if _, err := i.sign(again); err == nil {
			t.Errorf("%s signed a second time", name)
		}
	}
	other := leave()
	other.issuer = "auth-p256"
	if _, err := i.sign(other); err == nil {
		t.Error("a leave for another CA was taken")
	}
}

// TestALeaveIsUsedUpByASignatureThatFails: the next try lints again.
func TestALeaveIsUsedUpByASignatureThatFails(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{Issuer: Issuer{ID: "x", Signer: ended{key.Public(), rsa.ErrDecryption}}}
	leave := linted{issuer: "x", used: new(atomic.Bool)}
	for range 2 {
		if _, err := i.sign(leave); err == nil {
			t.Error("a key that refuses has signed")
		}
	}
	if !leave.used.Load() {
		t.Error("the leave can be used again")
	}
}

func TestOnlyStrongKeysIssue(t *testing.T) {
	rsaKey := func(bits int) crypto.PublicKey {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return k.Public()
	}
	for _, test := range []struct {
		name string
		key  crypto.PublicKey
		want x509.SignatureAlgorithm // 0: refused
	}{
		{"P-256", ecOf(t, elliptic.P256(), 2), x509.ECDSAWithSHA256},
		{"P-384", ecOf(t, elliptic.P384(), 2), x509.ECDSAWithSHA384},
		{"P-224", ecOf(t, elliptic.P224(), 2), 0},
		{"P-521", ecOf(t, elliptic.P521(), 2), 0},
		{"RSA of 3072 bits", rsaKey(3072), x509.SHA256WithRSA},
		{"RSA of 2048 bits", rsaKey(2048), 0},
	} {
		s, err := schemeOf(test.key)
		if s.algorithm != test.want && err == nil || (err == nil) != (test.want != 0) {
			t.Errorf("%s: %v, %v", test.name, s.algorithm, err)
		}
	}
}

// TestATestCertificateClaimsNothing: whatever its policy says.
func TestATestCertificateClaimsNothing(t *testing.T) {
	for _, q := range []evidence.QC{{Compliance: true}, {SSCD: true}, {Legislation: []string{"IR"}}} {
		if list, err := statements(q, true); err == nil {
			t.Errorf("%+v makes %d statements", q, len(list))
		}
		if _, err := statements(q, false); err != nil {
			t.Errorf("%+v in production: %v", q, err)
		}
	}
	if list, err := statements(evidence.QC{RetentionYears: 7}, true); err != nil || len(list) != 1 {
		t.Errorf("a retention is no claim: %d, %v", len(list), err)
	}
}
