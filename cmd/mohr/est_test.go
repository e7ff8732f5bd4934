package main

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"mohr/ca"
)

const estBase = "/.well-known/est/"

// estPost is a request as an EST client sends it; der goes out in base64.
func estPost(profile, what string, s oneTime, der []byte) ask {
	a := postAs(estBase+profile+"/"+what, "", "application/pkcs10", []byte(base64.StdEncoding.EncodeToString(der)))
	if s.User != "" {
		a.headers = map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(s.User+":"+s.Secret))}
	}
	return a
}

// TestAClientOfCurlAndOpensslEnrollsAndRenewsOverEST runs the lines of
// docs/est.md as they stand.
func TestAClientOfCurlAndOpensslEnrollsAndRenewsOverEST(t *testing.T) {
	t.Parallel()
	f := startForeign(t)
	blocks := f.untilKey(t, "est.md", 4)
	if out := f.shell(t, blocks[2]); !strings.Contains(out, "holder.pem: OK") {
		t.Errorf("enrollment: %s", out)
	}
	if out := f.shell(t, blocks[3]); !strings.Contains(out, "renewed.pem: OK") {
		t.Errorf("renewal: %s", out)
	}
	first, second := derOf(t, f.read(t, "holder.pem")), derOf(t, f.read(t, "renewed.pem"))
	old, err := x509.ParseCertificate(first)
	if err != nil {
		t.Fatal(err)
	}
	var entry ca.Entry
	f.operator.done(t, get("/api/v1/certificates/"+ca.SerialText(old.SerialNumber), ""), http.StatusOK, &entry)
	if entry.Reason != ca.Superseded || entry.ReplacedBy == "" {
		t.Errorf("the renewed certificate is %+v", entry)
	}
	again := f.shell(t, strings.ReplaceAll(blocks[2][strings.Index(blocks[2], "curl -sS --fail-with-body --cacert root.pem --config"):], "holder.p", "again.p"))
	if !strings.Contains(again, "OK") || !bytes.Equal(first, derOf(t, f.read(t, "again.pem"))) || bytes.Equal(first, second) {
		t.Error("the same request gave another certificate")
	}
	// The certificate renewed once is shown again: what came of it is no more than that.
	if out, err := f.try(blocks[3]); err == nil || !strings.Contains(out, "403") && !strings.Contains(out, "409") {
		t.Errorf("a second renewal of the same certificate: %v %s", err, out)
	}
	attrs := f.shell(t, `curl -sS --fail-with-body --cacert root.pem "$PORTAL/.well-known/est/natural-auth/csrattrs" | openssl base64 -d | openssl asn1parse -inform DER`)
	if !strings.Contains(attrs, "prime256v1") || !strings.Contains(attrs, "ecdsa-with-SHA256") {
		t.Errorf("csrattrs: %s", attrs)
	}
}

// TestESTWaitsForTheApproval: 202 until a register answers again and the
// policy has spoken.
func TestESTWaitsForTheApproval(t *testing.T) {
	t.Parallel()
	f := startForeign(t)
	a := f.applyAs(t, mina, ca.NaturalSign)
	f.fault(t, "/v1/person/inquiry", "down")
	a.until(t, "refresh")
	s := f.secret(t, a, mina, "est")
	request := estPost(ca.NaturalSign, "simpleenroll", s, derOf(t, a.csr))
	for range 2 {
		if got := f.anyone.send(t, request); got.status != http.StatusAccepted || got.header.Get("Retry-After") == "" || bytes.Contains(got.body, []byte("MII")) {
			t.Fatalf("while it waits: %d %v %s", got.status, got.header, got.body)
		}
	}
	if wrong := f.anyone.send(t, estPost(ca.NaturalSign, "simpleenroll", oneTime{s.User, "0000"}, derOf(t, a.csr))); wrong.status != http.StatusUnauthorized {
		t.Errorf("who has no secret is told that somebody waits: %d", wrong.status)
	}
	f.fault(t, "/v1/person/inquiry", "none")
	a.until(t, "csr")
	got := f.anyone.done(t, request, http.StatusOK, nil)
	if got.header.Get("Content-Type") != "application/pkcs7-mime; smime-type=certs-only" || f.issued(t) != 1 {
		t.Errorf("%v, %d issued", got.header, f.issued(t))
	}
}

// TestESTRefuses holds each refusal against its code, and that none left a
// certificate.
func TestESTRefuses(t *testing.T) {
	t.Parallel()
	f := startForeign(t)
	a := f.applyAs(t, davood, ca.NaturalSign)
	a.until(t, "csr")
	other := f.applyAs(t, mina, ca.NaturalAuth)
	other.until(t, "csr")
	s, theirs := f.secret(t, a, davood, "est"), f.secret(t, other, mina, "est")
	cmpOnly := f.secret(t, other, mina, "cmp")
	csr := derOf(t, a.csr)
	for _, c := range []struct {
		name   string
		ask    ask
		status int
		code   string
	}{
		{"nobody", estPost(ca.NaturalSign, "simpleenroll", oneTime{}, csr), 401, "secret_missing"},
		{"a wrong secret", estPost(ca.NaturalSign, "simpleenroll", oneTime{s.User, theirs.Secret}, csr), 401, "secret_wrong"},
		{"a secret of CMP", estPost(ca.NaturalAuth, "simpleenroll", cmpOnly, csr), 401, "secret_wrong"},
		{"an unknown application", estPost(ca.NaturalSign, "simpleenroll", oneTime{"a-unknown", s.Secret}, csr), 401, "secret_wrong"},
		{"another profile", estPost(ca.NaturalAuth, "simpleenroll", s, csr), 403, "est_profile_differs"},
		{"a profile that is not there", estPost("root", "simpleenroll", s, csr), 404, "est_profile_unknown"},
		{"no base64", postAsEST(s, []byte("-----BEGIN CERTIFICATE REQUEST-----")), 422, "est_base64"},
		{"nothing", postAsEST(s, nil), 422, "est_base64"},
		{"a huge body", postAsEST(s, bytes.Repeat([]byte("A"), 1<<20)), 413, "body_too_large"},
		{"a body above the limit by one", postAsEST(s, bytes.Repeat([]byte("A"), 2*ca.MaxCSR+1)), 413, "body_too_large"},
		{"a request of another key's signature", estPost(ca.NaturalSign, "simpleenroll", s, forged(t)), 422, "csr_possession_unproven"},
		{"keys made by the server", estPost(ca.NaturalSign, "serverkeygen", s, csr), 501, "est_not_offered"},
		{"full CMC", estPost(ca.NaturalSign, "fullcmc", s, csr), 501, "est_not_offered"},
		{"renewal without a certificate", estPost(ca.NaturalAuth, "simplereenroll", s, csr), 403, "est_certificate_missing"},
		{"renewal of a signing certificate", estPost(ca.NaturalSign, "simplereenroll", s, csr), 403, "est_by_statement"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := f.anyone.refuses(t, c.ask, c.status, c.code)
			if basic := strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Basic "); basic != (c.status == 401) {
				t.Errorf("challenge %q", got.header.Get("WWW-Authenticate"))
			}
			if c.code == "est_by_statement" && !bytes.Contains(got.body, []byte("mohr renew")) {
				t.Errorf("the way that works is not named: %s", got.body)
			}
		})
	}
	if n := f.issued(t); n != 0 {
		t.Fatalf("%d certificates were issued", n)
	}
	f.anyone.done(t, estPost(ca.NaturalSign, "simpleenroll", s, csr), http.StatusOK, nil)
	key := certificateRequest(t, ecKey(t, elliptic.P256()), x509.CertificateRequest{})
	f.anyone.refuses(t, estPost(ca.NaturalSign, "simpleenroll", s, key), 409, "application_other_key")
	if n := f.issued(t); n != 1 {
		t.Errorf("%d certificates were issued", n)
	}
}

func postAsEST(s oneTime, body []byte) ask {
	a := estPost(ca.NaturalSign, "simpleenroll", s, nil)
	a.body = body
	return a
}

// forged is a request for a key that signed nothing.
func forged(t *testing.T) []byte {
	t.Helper()
	a := certificateRequest(t, ecKey(t, elliptic.P256()), x509.CertificateRequest{})
	b := certificateRequest(t, ecKey(t, elliptic.P256()), x509.CertificateRequest{})
	pa, err := x509.ParseCertificateRequest(a)
	if err != nil {
		t.Fatal(err)
	}
	pb, err := x509.ParseCertificateRequest(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(a, pa.RawSubjectPublicKeyInfo, pb.RawSubjectPublicKeyInfo, 1)
}

// TestESTTakesOnlyTheKey: a greedy request gets what the registers say.
func TestESTTakesOnlyTheKey(t *testing.T) {
	t.Parallel()
	f := startForeign(t)
	a := f.applyAs(t, davood, ca.NaturalAuth)
	a.until(t, "csr")
	key := ecKey(t, elliptic.P256())
	got := f.anyone.done(t, estPost(ca.NaturalAuth, "simpleenroll", f.secret(t, a, davood, "est"), certificateRequest(t, key, greedy(t))), http.StatusOK, nil)
	f.write(t, "p7", got.body)
	f.shell(t, "openssl base64 -d -in p7 | openssl pkcs7 -inform DER -print_certs -out cert.pem")
	cert, err := x509.ParseCertificate(derOf(t, f.read(t, "cert.pem")))
	if err != nil {
		t.Fatal(err)
	}
	if cert.IsCA || len(cert.DNSNames)+len(cert.EmailAddresses) > 0 || cert.Subject.SerialNumber != "PNOIR-"+davood.NationalCode || len(cert.Subject.Organization) > 0 || !key.PublicKey.Equal(cert.PublicKey) {
		t.Errorf("the certificate says %s %v %v", cert.Subject, cert.DNSNames, cert.IsCA)
	}
}

// TestMutatedESTRequestsYieldNothing changes a good request in 200 ways.
func TestMutatedESTRequestsYieldNothing(t *testing.T) {
	t.Parallel()
	f := startForeign(t)
	a := f.applyAs(t, davood, ca.NaturalSign)
	a.until(t, "csr")
	s, csr := f.secret(t, a, davood, "est"), derOf(t, a.csr)
	for n, der := range mutations(csr, 200) {
		got := f.anyone.send(t, estPost(ca.NaturalSign, "simpleenroll", s, der))
		if got.status != http.StatusUnprocessableEntity && got.status != http.StatusRequestEntityTooLarge || !bytes.Contains(got.body, []byte(`"code"`)) {
			t.Fatalf("mutation %d (%x): %d %s", n, der, got.status, got.body)
		}
	}
	if n := f.issued(t); n != 0 {
		t.Fatalf("%d certificates were issued", n)
	}
	f.anyone.done(t, estPost(ca.NaturalSign, "simpleenroll", s, csr), http.StatusOK, nil)
}

// mutations returns n messages that differ from a good one: bits flipped,
// parts cut out, doubled or put in, the same ones in every run.
func mutations(good []byte, n int) (list [][]byte) {
	r := rand.New(rand.NewPCG(9, 7030))
	for len(list) < n {
		b := bytes.Clone(good)
		at := r.IntN(len(b))
		switch len(list) % 5 {
		case 0, 1:
			b[at] ^= 1 << r.IntN(8)
		case 2:
			b = b[:at]
		case 3:
			b = append(b[:at:at], good[min(at+1+r.IntN(8), len(good)):]...)
		case 4:
			b = fmt.Appendf(b[:at:at], "%s%s", good[at/2:], good[at:])
		}
		if !bytes.Equal(b, good) {
			list = append(list, b)
		}
	}
	return list
}
