package status_test

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
)

// tool finds a program that others wrote.
func tool(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("MOHR_CI") == "1" {
		t.Fatalf("%s is missing: install %s", name, pkg)
	}
	t.Skipf("NOT TESTED: %s is missing: install %s", name, pkg)
	return ""
}

func run(t testing.TB, want string, name string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if !strings.Contains(string(out), want) {
		t.Errorf("%s %s: %v, %s; want %q", filepath.Base(name), strings.Join(args, " "), err, out, want)
	}
}

// files writes what the tools read.
func files(t testing.TB, content map[string][]byte) func(name string) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range content {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string { return filepath.Join(dir, name) }
}

func certPEM(certs ...*x509.Certificate) (b []byte) {
	for _, c := range certs {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

func crlPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func TestOpenSSLAndGnuTLSAgreeOnOCSP(t *testing.T) {
	openssl, ocsptool := tool(t, "openssl", "openssl"), tool(t, "ocsptool", "gnutls-bin")
	s := serve(t, newClock())
	cert, _ := s.issue(t, "application-1")
	ended, record := s.issue(t, "application-2")
	s.revoke(t, record.Serial, ca.KeyCompromise)
	f := files(t, map[string][]byte{
		"root.pem": certPEM(s.Root), "issuer.pem": certPEM(s.issuer), "cert.pem": certPEM(cert), "ended.pem": certPEM(ended), "chain.pem": certPEM(s.Root, s.issuer),
	})
	address := s.url + "/ocsp/" + string(ca.SignIssuer)
	base := []string{"ocsp", "-issuer", f("issuer.pem"), "-CAfile", f("root.pem"), "-verify_other", f("issuer.pem"), "-url", address}
	for _, hash := range []string{"-sha1", "-sha256"} {
		ask := append(append([]string{}, base...), hash, "-cert", f("cert.pem"), "-cert", f("ended.pem"), "-serial", "0x1234", "-resp_text")
		for _, want := range []string{"Response verify OK", f("cert.pem") + ": good", f("ended.pem") + ": revoked", "Reason: keyCompromise", "0x1234: unknown", "Archive Cutoff"} {
			run(t, want, openssl, ask...)
		}
	}
	run(t, "Response verify OK", openssl, append(base, "-no_nonce", "-cert", f("cert.pem"))...)

	// openssl sends no GET: the request is sent by us, the response judged by it.
	res, b := get(t, address+"/"+url.PathEscape(base64.StdEncoding.EncodeToString(request(t, ended, s.issuer, crypto.SHA1))))
	if res.StatusCode != 200 {
		t.Fatalf("GET: status %d", res.StatusCode)
	}
	f2 := files(t, map[string][]byte{"response.der": b})
	run(t, ": revoked", openssl, "ocsp", "-issuer", f("issuer.pem"), "-CAfile", f("root.pem"), "-cert", f("ended.pem"), "-respin", f2("response.der"))

	gnutls := []string{"--ask=" + address, "--load-issuer", f("issuer.pem"), "--load-trust", f("chain.pem"), "--nonce"}
	run(t, "Certificate Status: good", ocsptool, append(gnutls, "--load-cert", f("cert.pem"))...)
	run(t, "Verifying OCSP Response: Success", ocsptool, append(gnutls, "--load-cert", f("cert.pem"))...)
	run(t, "Certificate Status: revoked", ocsptool, append(gnutls, "--load-cert", f("ended.pem"))...)
}

func TestOpenSSLSendsSignedRequests(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	s := serve(t, newClock())
	cert, _ := s.issue(t, "application-1")
	key, err := s.Keys.Key(t.Context(), "ocsp-"+string(ca.SignIssuer))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	f := files(t, map[string][]byte{
		"root.pem": certPEM(s.Root), "issuer.pem": certPEM(s.issuer), "cert.pem": certPEM(cert), "signer.pem": certPEM(s.key.Certificate),
		"signer.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	})
	run(t, "Response verify OK", openssl, "ocsp", "-issuer", f("issuer.pem"), "-CAfile", f("root.pem"), "-verify_other", f("issuer.pem"),
		"-url", s.url+"/ocsp/"+string(ca.SignIssuer), "-cert", f("cert.pem"), "-signer", f("signer.pem"), "-signkey", f("signer.key"))
}

func TestOpenSSLAndGnuTLSAgreeOnCRLs(t *testing.T) {
	openssl, certtool := tool(t, "openssl", "openssl"), tool(t, "certtool", "gnutls-bin")
	s := serve(t, newClock())
	cert, _ := s.issue(t, "application-1")
	ended, record := s.issue(t, "application-2")
	s.revoke(t, record.Serial, ca.Superseded)
	_, list := get(t, s.url+cert.CRLDistributionPoints[0][len(catest.Publish):])
	_, rootList := get(t, s.url+s.issuer.CRLDistributionPoints[0][len(catest.Publish):])
	f := files(t, map[string][]byte{
		"root.pem": certPEM(s.Root), "issuer.pem": certPEM(s.issuer), "cert.pem": certPEM(cert), "ended.pem": certPEM(ended),
		"crl.der": list, "crl.pem": crlPEM(list), "all.pem": append(crlPEM(list), crlPEM(rootList)...),
	})
	for _, want := range []string{"verify OK", "Version 2", "X509v3 Issuing Distribution Point: critical", "Full Name", "URI:" + cert.CRLDistributionPoints[0], "Superseded"} {
		run(t, want, openssl, "crl", "-inform", "DER", "-in", f("crl.der"), "-noout", "-text", "-CAfile", f("issuer.pem"))
	}
	verify := []string{"verify", "-x509_strict", "-CAfile", f("root.pem"), "-untrusted", f("issuer.pem")}
	run(t, f("cert.pem")+": OK", openssl, append(verify, "-crl_check", "-CRLfile", f("crl.pem"), f("cert.pem"))...)
	run(t, "error 23 at 0 depth lookup: certificate revoked", openssl, append(verify, "-crl_check", "-CRLfile", f("crl.pem"), f("ended.pem"))...)
	run(t, f("cert.pem")+": OK", openssl, append(verify, "-crl_check_all", "-CRLfile", f("all.pem"), f("cert.pem"))...)
	for _, want := range []string{"Version: 2", "Revoked certificates (1)", "Revoked at:", "Algorithm: ECDSA-SHA256", "CRL Number"} {
		run(t, want, certtool, "--crl-info", "--inder", "--infile", f("crl.der"))
	}
	run(t, "Verification output: Verified", certtool, "--verify-crl", "--load-ca-certificate", f("issuer.pem"), "--infile", f("crl.pem"))
}
