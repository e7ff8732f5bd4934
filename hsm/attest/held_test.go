package attest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"testing"
	"time"

	"mohr/hsm/attest"
	"mohr/internal/fault"
)

// TestTheServiceBelievesItsOwnWordAlone: about a key, a holder and a deed that
// it spoke of itself.
func TestTheServiceBelievesItsOwnWordAlone(t *testing.T) {
	secret := bytes.Repeat([]byte{1}, 32)
	v, err := attest.New(attest.Config{Environment: "simulated", Secret: make([]byte, 32), Held: secret})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	b := attest.Binding{Audience: "https://localhost:8443", Purpose: "application/1", Nonce: "n"}
	good := attest.NewVoucher(secret).Vouch(spki, "zahra", b)
	k, err := v.Verify(good, b, time.Now())
	if err != nil || k.Holder() != "zahra" || k.Format() != attest.Held || k.SPKISHA256() == "" || k.Environment() != "simulated" {
		t.Fatalf("%+v, %v", k, err)
	}
	for name, change := range map[string]func(s *attest.Statement, b *attest.Binding){
		"for another holder":      func(s *attest.Statement, _ *attest.Binding) { s.Holder = "davood" },
		"of a key beside":         func(s *attest.Statement, _ *attest.Binding) { s.Key = append(bytes.Clone(s.Key), 0) },
		"for another application": func(_ *attest.Statement, b *attest.Binding) { b.Purpose = "application/2" },
		"of another service":      func(_ *attest.Statement, b *attest.Binding) { b.Audience = "https://other" },
		"unsigned":                func(s *attest.Statement, _ *attest.Binding) { s.Signature = nil },
		"by another secret": func(s *attest.Statement, b *attest.Binding) {
			*s = attest.NewVoucher(make([]byte, 32)).Vouch(spki, "zahra", *b)
		},
		"by no secret": func(s *attest.Statement, b *attest.Binding) { *s = attest.Voucher{}.Vouch(spki, "zahra", *b) },
	} {
		s, bound := good, b
		change(&s, &bound)
		if _, err := v.Verify(s, bound, time.Now()); fault.Code(err) != "attestation_signature" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := v.Verify(attest.NewVoucher(secret).Vouch([]byte("no key"), "zahra", b), b, time.Now()); fault.Code(err) != "attestation_malformed" {
		t.Errorf("no key: %v", err)
	}
	if v.Takes(attest.TPM) || v.Takes(attest.PIV) {
		t.Error("devices are believed")
	}
}
