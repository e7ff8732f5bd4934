package cmp

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/internal/fault"
)

// TestAMessageIsNotBelievedThatAKeySignedAsSomethingElse: the Verifier is asked
// for exactly what is protected, by the key of the certificate.
func TestAMessageIsNotBelievedThatAKeySignedAsSomethingElse(t *testing.T) {
	f := catest.New(t, nil)
	key, c := f.IssueTo(t, catest.Zahra, ca.NaturalSignB, "r-1")
	m := message{protected: []byte("what the message says"), certs: []*x509.Certificate{key.Certificate}}
	m.header.algorithm = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	digest := sha256.Sum256(m.protected)
	var err error
	if m.protection, err = ecdsa.SignASN1(rand.Reader, key.Signer.(*ecdsa.PrivateKey), digest[:]); err != nil {
		t.Fatal(err)
	}
	v := &signature.Verifier{Authority: f.Authority}
	d := &Desk{Config: Config{CA: f.Authority, Verifier: v}}
	if a, err := d.bySignature(t.Context(), m); err != nil || !a.known() {
		t.Fatal(a, err)
	}
	v.Stated = func(_ context.Context, spki, hash string) error {
		if spki != c.SPKISHA256 || hash != hex.EncodeToString(digest[:]) {
			t.Errorf("asked for %s by %s", hash, spki)
		}
		return fault.New(fault.Denied, "held_no_statement", "no")
	}
	if a, err := d.bySignature(t.Context(), m); fault.Code(err) != "held_no_statement" || a.known() {
		t.Errorf("%+v, %v", a, err)
	}
}
