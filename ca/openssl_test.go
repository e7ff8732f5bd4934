package ca_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/pkitest"
	"mohr/internal/store"
)

// asFile writes the certificates, or another block, as PEM and returns the path.
func asFile(t testing.TB, name, kind string, ders ...[]byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	var b []byte
	for _, der := range ders {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func openssl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), pkitest.Need(t, "openssl", "openssl"), args...).CombinedOutput()
	if err != nil {
		t.Errorf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestOpenSSLAcceptsEachKind: strict path validation for its purpose, and the
// words it finds in the certificate.
func TestOpenSSLAcceptsEachKind(t *testing.T) {
	f := catest.New(t, nil)
	root := asFile(t, "root.pem", "CERTIFICATE", f.Hierarchy.Root.Raw)
	status := []string{"CA Issuers - URI:http://127.0.0.1:8080/ca/", "X509v3 Subject Key Identifier", "X509v3 Authority Key Identifier", "X509v3 Certificate Policies"}
	revocable := append([]string{"OCSP - URI:http://127.0.0.1:8080/ocsp/", "URI:http://127.0.0.1:8080/crl/"}, status...)
	for _, test := range []struct {
		profile string
		verify  []string
		words   []string
	}{
		{ca.NaturalSign, []string{"-purpose", "any"}, append([]string{"Key Usage: critical\n                Non Repudiation\n", "qcStatements", "1.3.6.1.5.5.7.3.36", "serialNumber = PNOIR-0012345679", "Policy: 2.999.1.1.1"}, revocable...)},
		{ca.NaturalSignB, []string{"-purpose", "any"}, append([]string{"Key Usage: critical\n                Digital Signature, Non Repudiation\n", "Policy: 2.999.1.1.1"}, revocable...)},
		{ca.NaturalSignC, []string{"-purpose", "any"}, append([]string{"Key Usage: critical\n                Digital Signature\n", "Policy: 2.999.1.1.1"}, revocable...)},
		{ca.NaturalSignShort, []string{"-purpose", "any"}, append([]string{"Key Usage: critical\n                Non Repudiation\n", "0.4.0.194121.2.1", "Policy: 2.999.1.5.1"}, status...)},
		{ca.OrganisationSeal, []string{"-purpose", "any"}, append([]string{"Key Usage: critical\n                Non Repudiation\n", "organizationIdentifier = NTRIR-14003456780", "ecdsa-with-SHA384", "Policy: 2.999.1.3.1"}, revocable...)},
		{ca.NaturalAuth, []string{"-purpose", "sslclient"}, append([]string{"serialNumber = PNOIR-0012345679", "Policy: 2.999.1.4.1"}, revocable...)},
		{ca.ServerAuth, []string{"-purpose", "sslclient", "-verify_hostname", "www.shop.test"}, append([]string{"organizationIdentifier = NTRIR-14003456780", "DNS:shop.test, DNS:www.shop.test"}, revocable...)},
		{ca.OrganisationSign, []string{"-purpose", "any"}, append([]string{"Key Usage: critical\n                Digital Signature, Non Repudiation\n", "qcStatements", "organizationIdentifier = NTRIR-14003456780", "Policy: 2.999.1.2.1"}, revocable...)},
		{ca.ServiceTLS, []string{"-purpose", "sslserver", "-verify_hostname", "localhost"}, append([]string{"DNS:localhost", "TLS Web Server Authentication, TLS Web Client Authentication"}, revocable...)},
		{ca.OperatorAuth, []string{"-purpose", "sslclient"}, append([]string{"Extended Key Usage:\n                TLS Web Client Authentication\n"}, revocable...)},
		{ca.OCSPResponder, []string{"-purpose", "ocsphelper"}, append([]string{"OCSP Signing", "OCSP No Check"}, status...)},
		{ca.TimeStamping, []string{"-purpose", "timestampsign"}, append([]string{"Extended Key Usage: critical\n                Time Stamping\n", "Private Key Usage Period"}, revocable...)},
		{ca.Audit, []string{"-purpose", "any"}, append([]string{"Digital Signature, Non Repudiation"}, revocable...)},
		{ca.CMPResponder, []string{"-purpose", "any"}, append([]string{"Key Usage: critical\n                Digital Signature\n"}, revocable...)},
		{ca.SCEPResponder, []string{"-purpose", "any"}, append([]string{"Key Usage: critical\n                Digital Signature, Key Encipherment\n"}, revocable...)},
		{ca.Credential, []string{"-purpose", "any"}, append([]string{"Key Usage: critical\n                Digital Signature\n"}, revocable...)},
	} {
		t.Run(test.profile, func(t *testing.T) {
			cert := issueKind(t, f, test.profile)
			issuer := asFile(t, "issuer.pem", "CERTIFICATE", issuerOf(t, f, cert).Raw)
			leaf := asFile(t, "leaf.pem", "CERTIFICATE", cert.Raw)
			text := openssl(t, "x509", "-in", leaf, "-noout", "-text", "-nameopt", "sep_multiline,space_eq,lname,utf8")
			text = strings.ReplaceAll(text, ": \n", ":\n") // some versions end a line with a space
			for _, w := range test.words {
				if !strings.Contains(text, w) {
					t.Errorf("no %q in\n%s", w, text)
				}
			}
			if strings.Contains(text, "CA:TRUE") || !strings.Contains(text, "Version: 3") {
				t.Errorf("not an end entity of version 3:\n%s", text)
			}
			openssl(t, append(append([]string{"verify", "-x509_strict", "-CAfile", root, "-untrusted", issuer, "-policy_check", "-check_ss_sig"}, test.verify...), leaf)...)
			certtool(t, cert, issuerOf(t, f, cert), f.Hierarchy.Root)
		})
	}
}

// certtool reads the certificate without a complaint and verifies its chain.
func certtool(t testing.TB, chain ...*x509.Certificate) {
	t.Helper()
	program := pkitest.Need(t, "certtool", "gnutls-bin")
	var ders [][]byte
	for _, c := range chain {
		ders = append(ders, c.Raw)
	}
	out, err := exec.CommandContext(t.Context(), program, "-i", "--infile", asFile(t, "leaf.pem", "CERTIFICATE", ders[0])).CombinedOutput()
	if text := strings.ToLower(string(out)); err != nil || strings.Contains(text, "error") || !strings.Contains(text, "version: 3") {
		t.Errorf("certtool -i: %v\n%s", err, out)
	}
	root := asFile(t, "root.pem", "CERTIFICATE", ders[len(ders)-1])
	out, err = exec.CommandContext(t.Context(), program, "--verify", "--load-ca-certificate", root, "--infile", asFile(t, "chain.pem", "CERTIFICATE", ders[:len(ders)-1]...)).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Chain verification output: Verified. The certificate is trusted.") {
		t.Errorf("certtool --verify: %v\n%s", err, out)
	}
}

func issuerOf(t testing.TB, f *catest.Fixture, c *x509.Certificate) *x509.Certificate {
	t.Helper()
	for _, i := range f.Hierarchy.Issuers {
		if c.CheckSignatureFrom(i.Certificate) == nil {
			return i.Certificate
		}
	}
	t.Fatal("issued by nobody")
	return nil
}

// TestOpenSSLAcceptsEachKeyOfASubject: every kind of key that is certified.
func TestOpenSSLAcceptsEachKeyOfASubject(t *testing.T) {
	f := catest.New(t, nil)
	root := asFile(t, "root.pem", "CERTIFICATE", f.Hierarchy.Root.Raw)
	for _, test := range csrCases(t) {
		if test.code != "" {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			csr, err := ca.ParseCSR(test.csr)
			if err != nil {
				t.Fatal(err)
			}
			c := issue(t, f.Authority, personOrder(t, f, test.name, ca.NaturalSign, csr))
			issuer, _ := f.Authority.Issuer(c.Issuer)
			openssl(t, "verify", "-x509_strict", "-CAfile", root, "-untrusted", asFile(t, "issuer.pem", "CERTIFICATE", issuer.Certificate.Raw), asFile(t, "leaf.pem", "CERTIFICATE", c.DER))
		})
	}
}

// TestOpenSSLAcceptsTheHierarchy: the issuing CAs under the root's CRL.
func TestOpenSSLAcceptsTheHierarchy(t *testing.T) {
	f := catest.New(t, nil)
	var crl []byte
	err := f.Store.View(t.Context(), func(tx store.Tx) (err error) {
		crl, err = ca.RootCRL(tx, ca.RootName, time.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	root := asFile(t, "root.pem", "CERTIFICATE", f.Hierarchy.Root.Raw)
	list := asFile(t, "root.crl", "X509 CRL", crl)
	openssl(t, "verify", "-x509_strict", "-check_ss_sig", "-CAfile", root, root)
	openssl(t, "crl", "-in", list, "-noout", "-CAfile", root)
	for _, i := range f.Hierarchy.Issuers {
		file := asFile(t, "issuer.pem", "CERTIFICATE", i.Certificate.Raw)
		openssl(t, "verify", "-x509_strict", "-crl_check", "-CAfile", root, "-CRLfile", list, file)
		if text := openssl(t, "x509", "-in", file, "-noout", "-text"); !strings.Contains(text, "CA:TRUE, pathlen:0") || !strings.Contains(text, "Certificate Sign, CRL Sign") {
			t.Errorf("%s:\n%s", i.ID, text)
		}
	}
}
