package main

import (
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"mohr/ca"
)

// holderCurl is what curl needs to show the certificate of docs/est.md.
const holderCurl = `curl -sS --cacert root.pem --cert holder-chain.pem --key holder.key -H 'Content-Type: application/pkcs10' `

// withESTCertificate gives davood an authentication certificate over EST, in
// the files of docs/est.md.
func withESTCertificate(t *testing.T) (*foreign, *x509.Certificate) {
	t.Helper()
	f := startForeign(t)
	a := f.applyAs(t, davood, ca.NaturalAuth)
	a.until(t, "csr")
	s := f.secret(t, a, davood, "est")
	f.write(t, "est.conf", []byte(`user = "`+s.User+":"+s.Secret+`"`))
	f.shell(t, shellBlocks(t, "est.md")[2]+"cat holder.pem cacerts.pem > holder-chain.pem\n")
	cert, err := x509.ParseCertificate(derOf(t, f.read(t, "holder.pem")))
	if err != nil {
		t.Fatal(err)
	}
	return f, cert
}

// TestAnAuthenticationCertificateHandsInTheNextKey: no secret is needed for
// the application of the same person, and for no other.
func TestAnAuthenticationCertificateHandsInTheNextKey(t *testing.T) {
	t.Parallel()
	f, cert := withESTCertificate(t)
	f.shell(t, "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout sign.key -subj /CN=x -outform DER | openssl base64 -out sign.b64")
	enroll := holderCurl + `--user "$ID:" --data-binary @sign.b64 "$HOLDERS/.well-known/est/natural-sign/simpleenroll"`
	theirs := f.applyAs(t, mina, ca.NaturalSign)
	theirs.until(t, "csr")
	if out := f.shell(t, enroll); !strings.Contains(out, "secret_other_holder") {
		t.Errorf("another person's application: %s", out)
	}
	f.env["ID"] = "a-unknown"
	if out := f.shell(t, enroll); !strings.Contains(out, "secret_other_holder") {
		t.Errorf("an unknown application: %s", out)
	}
	mine := f.applyAs(t, davood, ca.NaturalSign)
	mine.until(t, "csr")
	if out := f.shell(t, strings.Replace(enroll, "$HOLDERS", "$PORTAL", 1)); !strings.Contains(out, "secret_missing") {
		t.Errorf("where no certificate is asked for: %s", out)
	}
	f.shell(t, enroll+` -o sign.p7
openssl base64 -d -in sign.p7 | openssl pkcs7 -inform DER -print_certs -out sign.pem
curl -sS --fail-with-body --cacert root.pem "$PORTAL/.well-known/est/natural-sign/cacerts" | openssl base64 -d | openssl pkcs7 -inform DER -print_certs -out signers.pem
openssl verify -CAfile root.pem -untrusted signers.pem sign.pem`)
	again := f.applyAs(t, davood, ca.NaturalSignB)
	again.until(t, "csr")
	f.revoke(t, &holder{ca.SigningKey{Certificate: cert}}, "cessationOfOperation")
	if out := f.shell(t, strings.Replace(enroll, "natural-sign/", "natural-sign-b/", 1)); !strings.Contains(out, "certificate_revoked") {
		t.Errorf("by a revoked certificate: %s", out)
	}
}

// TestESTRenewsNothingThatMayNotBeRenewed holds the refusals of simplereenroll.
func TestESTRenewsNothingThatMayNotBeRenewed(t *testing.T) {
	t.Parallel()
	f, cert := withESTCertificate(t)
	before := f.issued(t)
	f.shell(t, "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout new.key -subj /CN=x -outform DER | openssl base64 -out new.b64")
	renew := func(profile, body string) string {
		return f.shell(t, holderCurl+"--data-binary @"+body+` "$HOLDERS/.well-known/est/`+profile+`/simplereenroll"`)
	}
	for _, c := range []struct{ name, profile, body, want string }{
		{"the same key", "natural-auth", "holder.b64", "renewal_same_key"},
		{"no request", "natural-auth", "root.pem", "est_base64"},
		{"under a signing profile", "natural-sign", "new.b64", "est_by_statement"},
		{"under another profile", "server-auth", "new.b64", "est_by_statement"},
		{"under none", "x", "new.b64", "est_profile_unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if out := renew(c.profile, c.body); !strings.Contains(out, `"`+c.want+`"`) {
				t.Errorf("%s, want %s", out, c.want)
			}
		})
	}
	f.fault(t, personRoute, "down")
	if out := renew("natural-auth", "new.b64"); !strings.Contains(out, "renewal_registry_unavailable") {
		t.Errorf("with a register down: %s", out)
	}
	f.fault(t, personRoute, "none")
	f.revoke(t, &holder{ca.SigningKey{Certificate: cert}}, "cessationOfOperation")
	if out := renew("natural-auth", "new.b64"); !strings.Contains(out, "certificate_revoked") {
		t.Errorf("a revoked certificate: %s", out)
	}
	if n := f.issued(t); n != before {
		t.Errorf("%d certificates, %d before", n, before)
	}
	if _, err := f.anyone.http.Get(f.anyone.base + "/.well-known/est/natural-auth/simplereenroll"); err != nil {
		t.Fatal(err)
	}
	if got := f.anyone.send(t, get("/.well-known/est/natural-auth/simplereenroll", "")); got.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", got.status)
	}
}
