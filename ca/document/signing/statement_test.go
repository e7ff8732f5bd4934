package signing_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/document/pdf"
	"mohr/ca/document/signing"
	"mohr/ca/signature"
	"mohr/ca/signin"
)

// statement is a PDF around a statement, as rooms make it.
var statement = pdf.Carry([]string{"A request"}, "request.json", "application/json", []byte(`{"type":"mohr-badge-request/1"}`))

func valueOf(t *testing.T, key crypto.Signer, s signing.Statement) []byte {
	t.Helper()
	digest := sha256.Sum256(s.Input())
	sig, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	must(t, err)
	return sig
}

// TestAStatementInAPDFIsSignedAsOne: the verifier of statements takes it, and
// the same arguments made the same, so that nothing is kept between the halves.
func TestAStatementInAPDFIsSignedAsOne(t *testing.T) {
	b := newBench(t)
	first, err := b.PrepareStatement(t.Context(), b.who, b.serial, statement, b.clock)
	must(t, err)
	again, err := b.PrepareStatement(t.Context(), b.who, b.serial, statement, b.clock)
	must(t, err)
	signed, err := again.Finish(t.Context(), valueOf(t, b.key.Signer, first))
	must(t, err)
	got, err := (&signature.Verifier{Authority: b.fixture.Authority}).PDF(t.Context(), signed)
	must(t, err)
	if !bytes.Equal(got.Payload(), []byte(`{"type":"mohr-badge-request/1"}`)) || got.Standing().Record().Serial != b.serial {
		t.Errorf("%q by %s", got.Payload(), got.Standing().Record().Serial)
	}
}

// TestAStatementIsSignedByItsHoldersKeyOnly: with a certificate of theirs that
// is good, for whomever they act with it.
func TestAStatementIsSignedByItsHoldersKeyOnly(t *testing.T) {
	b := newBench(t)
	_, auth := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalAuth, "auth")
	member, organisation := b.fixture.IssueTo(t, catest.Zahra, ca.OrganisationSign, "organisation")
	_, revoked := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "revoked")
	must(t, b.fixture.Revoke(t.Context(), revoked.Serial, ca.KeyCompromise, "test"))
	for _, tc := range []struct {
		name, serial, code string
		who                signin.Who
	}{
		{"another person", b.serial, "sign_certificate_unknown", signin.Who{Holder: "another"}},
		{"nobody", b.serial, "sign_certificate_unknown", signin.Who{}},
		{"a certificate for signing in", auth.Serial, "sign_certificate_unknown", b.who},
		{"one that was revoked", revoked.Serial, "sign_certificate_ended", b.who},
		{"no serial number", "no serial", "sign_certificate_unknown", b.who},
		{"one of an organisation, come as a person", organisation.Serial, "", b.who},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := b.PrepareStatement(t.Context(), tc.who, tc.serial, statement, b.clock)
			wantFault(t, err, tc.code)
		})
	}
	s, err := b.PrepareStatement(t.Context(), b.who, b.serial, statement, b.clock)
	must(t, err)
	for name, value := range map[string][]byte{"another key's": valueOf(t, member.Signer, s), "none": nil} {
		_, err := s.Finish(t.Context(), value)
		if wantFault(t, err, "sign_value"); t.Failed() {
			t.Errorf("the value: %s", name)
		}
	}
}
