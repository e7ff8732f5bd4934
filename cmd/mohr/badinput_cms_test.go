package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/internal/pkitest"
	"mohr/renew"
)

// badRenewal is a renewal that is good but for one thing.
type badRenewal struct {
	name   string
	status int
	code   string
	claim  func(st *renew.Statement) // bends the statement before it is signed
	bend   func(t *testing.T, r *renewal)
}

// badStatements are renewals whose statement says what it must not.
func badStatements(foreign string) []badRenewal {
	return []badRenewal{
		{"a nonce for another purpose", 403, "nonce_unknown", func(st *renew.Statement) { st.Nonce = foreign }, nil},
		{"a nonce that nobody gave out", 403, "nonce_unknown", func(st *renew.Statement) { st.Nonce = strings.Repeat("A", 54) }, nil},
		{"no nonce", 403, "nonce_unknown", func(st *renew.Statement) { st.Nonce = "" }, nil},
		{"another kind of statement", 422, "statement_type", func(st *renew.Statement) { st.Type = "mohr-badge-request/1" }, nil},
		{"another service's name", 403, "statement_audience", func(st *renew.Statement) { st.Audience += "1" }, nil},
		{"another certificate's hash", 403, "statement_certificate", func(st *renew.Statement) { st.CertificateSHA256 = strings.Repeat("0", 64) }, nil},
		{"an end that is past", 403, "statement_time", func(st *renew.Statement) { st.Expires = time.Now().Unix() - 1 }, nil},
		{"another profile", 422, "renewal_profile", func(st *renew.Statement) { st.Profile = "natural-sign" }, nil},
		{"other terms", 409, "renewal_terms", func(st *renew.Statement) { st.TermsSHA256 = strings.Repeat("0", 64) }, nil},
		{"another new key than the request's", 422, "renewal_key_differs", func(st *renew.Statement) { st.NewSPKISHA256 = strings.Repeat("0", 64) }, nil},
	}
}

// badEncodings are renewals whose octets are not what they should be.
func (s *scene) badEncodings() []badRenewal {
	h := s.merchant
	signed := func(change func(document string) string) func(*testing.T, *renewal) {
		return func(t *testing.T, r *renewal) {
			r.Document = []byte(change(string(r.Document)))
			r.sign(t, h.holder)
		}
	}
	openssl := func(args ...string) func(*testing.T, *renewal) {
		return func(t *testing.T, r *renewal) { r.Statement = h.opensslCMS(t, r.Document, args...) }
	}
	cut := func(part func(r *renewal) *[]byte, keep func(n int) int) func(*testing.T, *renewal) {
		return func(_ *testing.T, r *renewal) { b := part(r); *b = (*b)[:keep(len(*b))] }
	}
	statement := func(r *renewal) *[]byte { return &r.Statement }
	return []badRenewal{
		{"a CMS cut in half", 422, "cms_malformed", nil, cut(statement, func(n int) int { return n / 2 })},
		{"a CMS without its last octet", 422, "cms_malformed", nil, cut(statement, func(n int) int { return n - 1 })},
		{"a CMS of its first octets", 422, "cms_malformed", nil, cut(statement, func(int) int { return 4 })},
		{"something after the CMS", 422, "cms_malformed", nil, func(_ *testing.T, r *renewal) { r.Statement = append(r.Statement, 0) }},
		{"a CMS without signed attributes", 422, "cms_attributes_missing", nil, openssl("-noattr")},
		{"a CMS without signing-certificate-v2", 422, "cms_attributes_missing", nil, openssl()},
		{"a CMS without the certificate", 422, "cms_certificate_missing", nil, openssl("-cades", "-nocerts")},
		{"a CMS of indefinite length", 422, "cms_indefinite_length", nil, openssl("-cades", "-stream", "-nodetach")},
		{"a CMS with SHA-1", 422, "cms_algorithm", nil, openssl("-cades", "-md", "sha1")},
		{"a CMS over another document", 403, "cms_digest", nil, func(_ *testing.T, r *renewal) { r.Document = append(r.Document, '\n') }},
		{"a document with a name twice", 422, "statement_malformed", nil, signed(func(d string) string { return prefix(d, `"nonce":"x"`) })},
		{"a document with a name that is not known", 422, "statement_malformed", nil, signed(func(d string) string { return prefix(d, `"admin":true`) })},
		{"a certification request cut short", 422, "csr_malformed", nil, func(t *testing.T, r *renewal) { r.CSR = derOf(t, r.CSR); r.CSR = r.CSR[:len(r.CSR)-1] }},
		{"something after the certification request", 422, "csr_trailing_bytes", nil, func(t *testing.T, r *renewal) { r.CSR = append(derOf(t, r.CSR), 0) }},
		{"no statement", 422, "renewal_base64", nil, cut(statement, func(int) int { return 0 })},
	}
}

// opensslCMS signs the document as a holder does who has only openssl.
func (c *certified) opensslCMS(t *testing.T, document []byte, args ...string) []byte {
	t.Helper()
	openssl := pkitest.Need(t, "openssl", "openssl")
	dir := t.TempDir()
	in, out := filepath.Join(dir, "renewal.json"), filepath.Join(dir, "renewal.p7s")
	if err := os.WriteFile(in, document, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(openssl, append([]string{"cms", "-sign", "-binary", "-signer", c.certFile, "-inkey", c.keyFile, "-in", in, "-outform", "DER", "-out", out}, args...)...)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl cms: %v\n%s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestABadRenewalIsRefusedAndUsesNothingUp bends good renewals one way at a
// time.
func TestABadRenewalIsRefusedAndUsesNothingUp(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	before, noDeeds := s.look(t), s.noDeeds(t)
	for _, c := range append(badStatements(s.challenge(t, badgeNonce).Nonce), s.badEncodings()...) {
		t.Run(c.name, func(t *testing.T) {
			r := s.renewal(t, s.merchant.holder, c.claim)
			if c.bend != nil {
				c.bend(t, &r)
			}
			s.anyone.refuses(t, r.ask(), c.status, c.code)
			s.unchanged(t, before)
		})
	}
	t.Run("the old key as the new one", func(t *testing.T) {
		r := s.renewal(t, s.merchant.holder, func(st *renew.Statement) { st.NewSPKISHA256 = spkiOf(t, s.merchant.csr) })
		r.CSR = s.merchant.csr
		s.anyone.refuses(t, r.ask(), http.StatusUnprocessableEntity, "renewal_same_key")
		s.unchanged(t, before)
	})
	noDeeds()
	// What openssl signs as it should be is taken, after it was refused bent.
	r := s.renewal(t, s.merchant.holder, nil)
	good := s.merchant.opensslCMS(t, r.Document, "-cades")
	r.Statement = bytes.Clone(good[:len(good)-1])
	s.anyone.refuses(t, r.ask(), http.StatusUnprocessableEntity, "cms_malformed")
	r.Statement = good
	s.anyone.done(t, r.ask(), http.StatusOK, nil)
}
