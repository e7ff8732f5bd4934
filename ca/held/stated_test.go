package held_test

import (
	"context"
	"crypto/x509"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/held"
	"mohr/ca/signature"
	"mohr/internal/fault"
)

// TestWhatWasSignedForAnotherPurposeIsNoStatement: whatever the content says, a
// page that has a document signed gets no statement by it.
func TestWhatWasSignedForAnotherPurposeIsNoStatement(t *testing.T) {
	b := newBench(t, nil)
	k, c := b.certified(t, false)
	v := &signature.Verifier{Authority: b.fixture.Authority, Stated: func(ctx context.Context, key, hash string) error {
		return held.Stated(ctx, b.fixture.Store, key, hash)
	}}
	leaf, err := x509.ParseCertificate(c.DER)
	must(t, err)
	content := []byte(`{"type":"mohr-renew/1"}`)
	for _, tt := range []struct {
		purpose held.Purpose
		code    string
	}{{held.Document, "held_no_statement"}, {held.Request, "held_no_statement"}, {held.Remote, "held_no_statement"}, {held.Statement, ""}} {
		s := signature.Signer{Key: ca.SigningKey{Certificate: leaf, Signer: signer{t, b, k, tt.purpose}}, Now: func() time.Time { return b.clock }}
		cms, err := s.CMS(content)
		must(t, err)
		if _, err := v.CMS(t.Context(), cms, content); fault.Code(err) != tt.code {
			t.Errorf("%s as CMS: %v", tt.purpose, err)
		}
		jws, err := s.JWS("mohr-renew/1", content)
		must(t, err)
		if _, err := v.JWS(t.Context(), jws, "mohr-renew/1"); fault.Code(err) != tt.code {
			t.Errorf("%s as JWS: %v", tt.purpose, err)
		}
	}
}
