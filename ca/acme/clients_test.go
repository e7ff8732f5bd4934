package acme_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/internal/pkitest"
)

// run runs a program to its end and fails the test if that is no good one.
func run(t *testing.T, env []string, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// takenPort returns a port that a client's own challenge server cannot have:
// no order of ours calls it, and so no client ever opens it.
func takenPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// installed reads what a client wrote.
func installed(t *testing.T, chain, key string) (tls.Certificate, string) {
	t.Helper()
	c, err := tls.LoadX509KeyPair(chain, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return c, ca.SerialText(leaf.SerialNumber)
}

// lives checks what a client obtained: it signs in, and is the business's.
func (w *world) lives(t *testing.T, c tls.Certificate, serial string) {
	t.Helper()
	if err := w.signsIn(t, c); err != nil {
		t.Errorf("certificate %s does not sign in: %v", serial, err)
	}
	record, err := w.Certificate(t.Context(), serial)
	if err != nil || record.Business != w.business || record.Revoked != nil {
		t.Errorf("record %+v, %v", record, err)
	}
}

func (w *world) isRevoked(t *testing.T, serial string, reason ca.Reason) {
	t.Helper()
	record, err := w.Certificate(t.Context(), serial)
	if err != nil || record.Revoked == nil || record.Revoked.Reason != reason {
		t.Errorf("record %+v, %v; want revoked for %s", record.Revoked, err, reason)
	}
}

func TestCertbotObtainsRenewsAndRevokes(t *testing.T) {
	certbot := pkitest.Need(t, "certbot", "certbot")
	w := newWorld(t)
	given, dir := w.newKey(t), t.TempDir()
	common := []string{
		"--non-interactive", "--server", w.directory(),
		"--config-dir", filepath.Join(dir, "config"), "--work-dir", filepath.Join(dir, "work"), "--logs-dir", filepath.Join(dir, "logs"),
	}
	env := []string{"REQUESTS_CA_BUNDLE=" + w.rootFile(t)}
	run(t, env, certbot, append([]string{
		"certonly", "--standalone", "--http-01-port", takenPort(t), "--http-01-address", "127.0.0.1", "--agree-tos", "-m", "zahra@shop.example", "--no-eff-email",
		"--eab-kid", given.KID, "--eab-hmac-key", given.HMACKey, "-d", shop, "-d", otherShop,
	}, common...)...)
	live := filepath.Join(dir, "config", "live", shop)
	read := func() (tls.Certificate, string) {
		return installed(t, filepath.Join(live, "fullchain.pem"), filepath.Join(live, "privkey.pem"))
	}
	cert, first := read()
	w.lives(t, cert, first)
	run(t, env, certbot, append([]string{"renew", "--force-renewal", "--no-random-sleep-on-renew"}, common...)...)
	cert, second := read()
	if second == first {
		t.Error("renewing gave the same certificate")
	}
	w.lives(t, cert, second)
	run(t, env, certbot, append([]string{"revoke", "--cert-path", filepath.Join(live, "cert.pem"), "--reason", "superseded", "--no-delete-after-revoke"}, common...)...)
	w.isRevoked(t, second, ca.Superseded)
	run(t, env, certbot, append([]string{"unregister"}, common...)...)
}

func TestLegoObtainsRenewsAndRevokes(t *testing.T) {
	lego := pkitest.Need(t, "lego", "lego")
	w := newWorld(t)
	given, dir := w.newKey(t), t.TempDir()
	env := []string{"LEGO_CA_CERTIFICATES=" + w.rootFile(t)}
	common := []string{
		"--path", dir, "--server", w.directory(), "--accept-tos", "--email", "zahra@shop.example", "--domains", shop,
		"--eab", "--kid", given.KID, "--hmac", given.HMACKey, "--http", "--http.port", "127.0.0.1:" + takenPort(t),
	}
	read := func() (tls.Certificate, string) {
		return installed(t, filepath.Join(dir, "certificates", shop+".crt"), filepath.Join(dir, "certificates", shop+".key"))
	}
	run(t, env, lego, append(common, "run")...)
	cert, first := read()
	w.lives(t, cert, first)
	run(t, env, lego, append(common, "renew", "--days", "400", "--reuse-key", "--no-random-sleep")...)
	cert, second := read()
	if second == first {
		t.Error("renewing gave the same certificate")
	}
	w.lives(t, cert, second)
	run(t, env, lego, append(common, "revoke", "--reason", "5", "--keep")...)
	w.isRevoked(t, second, ca.CessationOfOperation)
}

func TestCertbotIsToldWhatIsWrong(t *testing.T) {
	certbot := pkitest.Need(t, "certbot", "certbot")
	w := newWorld(t)
	given, dir := w.newKey(t), t.TempDir()
	cmd := exec.CommandContext(t.Context(), certbot, "certonly", "--non-interactive", "--server", w.directory(),
		"--config-dir", filepath.Join(dir, "config"), "--work-dir", filepath.Join(dir, "work"), "--logs-dir", filepath.Join(dir, "logs"),
		"--standalone", "--http-01-port", takenPort(t), "--agree-tos", "--register-unsafely-without-email",
		"--eab-kid", given.KID, "--eab-hmac-key", given.HMACKey, "-d", rival)
	cmd.Env = append(os.Environ(), "REQUESTS_CA_BUNDLE="+w.rootFile(t))
	out, err := cmd.CombinedOutput()
	// With Python 3.11 this certbot stumbles over its own exception; its log
	// has our words.
	log, _ := os.ReadFile(filepath.Join(dir, "logs", "letsencrypt.log"))
	if err == nil || !strings.Contains(string(log), "is not the domain of a badge of your business") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "config", "live")); err == nil {
		t.Error("something was installed")
	}
}
