package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"net/http"
	"slices"
	"testing"

	"mohr/ca"
)

// certificateRequest makes a request of the key, as the template says it (DER).
func certificateRequest(t *testing.T, key crypto.Signer, template x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// greedy asks for all that an applicant must not get: other names, a CA.
func greedy(t *testing.T) x509.CertificateRequest {
	t.Helper()
	constraints, err := asn1.Marshal(struct{ CA bool }{true})
	if err != nil {
		t.Fatal(err)
	}
	return x509.CertificateRequest{
		Subject: pkix.Name{
			CommonName: "Mohr Signature CA P-256", Organization: []string{"Somebody else"}, SerialNumber: "PNOIR-0000000000",
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 4}, Value: "a\u202eb"}},
		},
		DNSNames: []string{"bank.example"}, EmailAddresses: []string{"boss@bank.example"},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: constraints}},
	}
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestACertificateRequestGivesItsKeyAndNothingElse hands greedy requests in;
// all that the certificate says comes from the registers.
func TestACertificateRequestGivesItsKeyAndNothingElse(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	for _, c := range []struct {
		name string
		key  crypto.Signer
	}{
		{"P-256", ecKey(t, elliptic.P256())},
		{"P-384", ecKey(t, elliptic.P384())},
		{"RSA of 2048 bits", rsaKey(t, 2048)},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.apply(t, davood, "")
			a.until(t, "csr")
			der := certificateRequest(t, c.key, greedy(t))
			s.anyone.done(t, postAs(a.path("/csr"), a.token, "application/pkcs10", der), http.StatusOK, nil)
			chain, err := parseChain(s.anyone.done(t, get(a.path("/certificate"), a.token), http.StatusOK, nil).body)
			if err != nil {
				t.Fatal(err)
			}
			cert := chain[0]
			if k, ok := c.key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(cert.PublicKey) {
				t.Error("the certificate is for another key")
			}
			if cert.IsCA || cert.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0 {
				t.Errorf("the certificate is a CA's: %v, key usage %b", cert.IsCA, cert.KeyUsage)
			}
			if cert.Subject.CommonName != "داوود طاهری" || cert.Subject.SerialNumber != "PNOIR-"+davood.NationalCode || len(cert.Subject.Organization) != 0 {
				t.Errorf("the certificate is %s's", cert.Subject)
			}
			if len(cert.DNSNames)+len(cert.EmailAddresses)+len(cert.URIs)+len(cert.IPAddresses) != 0 {
				t.Errorf("the certificate has the names %v %v", cert.DNSNames, cert.EmailAddresses)
			}
			for _, foreign := range []string{"Somebody", "Signature CA", "bank.example", "\u202e", "0000000000"} {
				if bytes.Contains(cert.RawSubject, []byte(foreign)) || slices.ContainsFunc(cert.Extensions, func(e pkix.Extension) bool { return bytes.Contains(e.Value, []byte(foreign)) }) {
					t.Errorf("%q of the request is in the certificate", foreign)
				}
			}
		})
	}
}

// TestABadCertificateRequestIsRefusedAndAnotherMayFollow hands bad requests
// in for one approved application, and a good one at last.
func TestABadCertificateRequestIsRefusedAndAnotherMayFollow(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	good := derOf(t, s.open.csr)
	twoBlocks := append(bytes.Clone(s.open.csr), s.open.csr...)
	unproven := bytes.Clone(good)
	unproven[len(unproven)-1] ^= 1
	der := func(body []byte) ask { return postAs(s.open.path("/csr"), s.open.token, "application/pkcs10", body) }
	merchant := derOf(t, s.merchant.csr)
	s.refused(t, []refusal{
		{"RSA of 1024 bits", s.anyone, der(certificateRequest(t, rsaKey(t, 1024), greedy(t))), 422, "csr_key_size"},
		{"P-224", s.anyone, der(certificateRequest(t, ecKey(t, elliptic.P224()), greedy(t))), 422, "csr_key_unsupported"},
		{"P-521", s.anyone, der(certificateRequest(t, ecKey(t, elliptic.P521()), greedy(t))), 422, "csr_key_unsupported"},
		{"an octet after the request", s.anyone, der(append(bytes.Clone(good), 0)), 422, "csr_trailing_bytes"},
		{"two requests in PEM", s.anyone, s.open.submit(twoBlocks), 422, "csr_trailing_bytes"},
		{"a signature that does not hold", s.anyone, der(unproven), 422, "csr_possession_unproven"},
		{"a request cut in half", s.anyone, der(good[:len(good)/2]), 422, "csr_malformed"},
		{"a request without its last octet", s.anyone, der(good[:len(good)-1]), 422, "csr_malformed"},
		{"a request of its first octets", s.anyone, der(good[:3]), 422, "csr_malformed"},
		{"a certificate", s.anyone, der(s.merchant.Certificate.Raw), 422, "csr_malformed"},
		{"a PEM of another kind", s.anyone, s.open.submit(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good})), 422, "csr_malformed"},
		{"somebody else's key", s.anyone, der(merchant), 403, "key_in_use"},
	})
	s.goesOn(t)
}

// TestAfterTheCertificateOnlyTheSameKeyIsAnswered repeats a request and then
// tries another key.
func TestAfterTheCertificateOnlyTheSameKeyIsAnswered(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	a := s.apply(t, mina, "")
	a.until(t, "csr")
	first := s.replay(t, a.submit(a.csr), http.StatusOK)
	if n := s.issued(t); n != 1 {
		t.Fatalf("%d certificates of people, want 1", n)
	}
	chain := s.anyone.done(t, get(a.path("/certificate"), a.token), http.StatusOK, nil).body
	if got := field[struct{ Certificate string }](t, first.body).Certificate; got != string(chain) {
		t.Error("the certificate handed out is not the one that can be fetched")
	}
	register := s.certificates(t)
	_, _, other := s.newKey(t)
	s.anyone.refuses(t, a.submit(other), http.StatusConflict, "application_other_key")
	again := certificateRequest(t, a.signer, greedy(t)) // another request for the same key
	s.anyone.done(t, postAs(a.path("/csr"), a.token, "application/pkcs10", again), http.StatusOK, nil)
	if got := s.anyone.done(t, get(a.path("/certificate"), a.token), http.StatusOK, nil).body; !bytes.Equal(got, chain) {
		t.Error("the certificate is another one now")
	}
	if now := s.certificates(t); !slices.Equal(now, register) {
		t.Errorf("the register has changed: %v", now)
	}
}

// derOf takes the armour off a request.
func derOf(t *testing.T, csr []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(csr)
	if block == nil {
		t.Fatal("the request is no PEM")
	}
	return block.Bytes
}

// spkiOf is the hash of a request's key, as statements name it.
func spkiOf(t *testing.T, csr []byte) string {
	t.Helper()
	parsed, err := ca.ParseCSR(csr)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.SPKISHA256()
}
