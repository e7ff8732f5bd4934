package main

import (
	"bufio"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mohr/internal/pkitest"
)

// TestATourThatKeepsItsServiceAnswersLiveWhatItsArtifactsSay asks the service
// that a tour left running, by openssl and curl alone.
func TestATourThatKeepsItsServiceAnswersLiveWhatItsArtifactsSay(t *testing.T) {
	pkitest.Need(t, "openssl", "openssl")
	pkitest.Need(t, "curl", "curl")
	dir := t.TempDir()
	cmd := exec.Command("mohr", "tour", "--out", dir, "--keep")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the kept service ended with %v", err)
		}
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "mohr ready https=") {
		t.Fatalf("ready line %q, %v", line, err)
	}
	if kept, err := os.ReadFile(filepath.Join(dir, "server.txt")); err != nil || string(kept) != line {
		t.Errorf("server.txt says %q, the service %q", kept, line)
	}
	host := hostOf(t, dir)
	for _, test := range []struct{ name, command, want string }{
		{"OCSP by POST of the renewed one", "openssl ocsp -url http://" + host + "/ocsp/sign-p256 -issuer issuer.pem -cert renewed.pem -CAfile root.pem", "renewed.pem: good"},
		{"OCSP by POST of the old one", "openssl ocsp -url http://" + host + "/ocsp/sign-p256 -issuer issuer.pem -cert holder.pem -CAfile root.pem", "holder.pem: revoked"},
		{"OCSP by GET", "openssl ocsp -issuer issuer.pem -cert holder.pem -no_nonce -reqout q.der && curl -sSf http://" + host + "/ocsp/sign-p256/$(openssl base64 -A -in q.der | sed 's,+,%2B,g;s,/,%2F,g;s,=,%3D,g') -o a.der && openssl ocsp -respin a.der -issuer issuer.pem -cert holder.pem -CAfile root.pem", "holder.pem: revoked"},
		{"the CRL", "curl -sSf $(openssl x509 -in renewed.pem -noout -ext crlDistributionPoints | sed -n 's/.*URI://p') -o live.crl && openssl crl -inform DER -in live.crl -out live.pem && ! openssl verify -crl_check -CAfile root.pem -untrusted issuer.pem -CRLfile live.pem holder.pem; openssl verify -x509_strict -crl_check -CAfile root.pem -untrusted issuer.pem -CRLfile live.pem renewed.pem", "renewed.pem: OK"},
		{"the issuer", "curl -sSf http://" + host + "/ca/sign-p256.cer | openssl x509 -inform DER | cmp - issuer.pem && echo same", "same"},
		{"a fresh stamp", "openssl ts -query -data tsr.data -sha256 -cert -out q.tsq && curl -sSf -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq http://" + host + "/tsa -o live.tsr && openssl ts -verify -queryfile q.tsq -in live.tsr -CAfile root.pem", "Verification: OK"},
	} {
		t.Run(test.name, func(t *testing.T) { shell(t, dir, test.command, test.want) })
	}
}

// hostOf returns where the certificate says its status is answered.
func hostOf(t *testing.T, dir string) string {
	t.Helper()
	cert, err := readCertificate(filepath.Join(dir, "renewed.pem"))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(cert.OCSPServer[0])
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func shell(t *testing.T, dir, command, want string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "bash", "-c", command)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%s\n%v\n%s", command, err, out)
	}
}
