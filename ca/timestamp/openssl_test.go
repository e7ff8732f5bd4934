package timestamp_test

import (
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	digitorus "github.com/digitorus/timestamp"

	"mohr/ca/timestamp"
)

func openssl(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err == nil {
		return path
	}
	if os.Getenv("MOHR_CI") == "1" {
		t.Fatal("openssl is missing: install openssl")
	}
	t.Skip("NOT TESTED: openssl is missing: install openssl")
	return ""
}

func run(t testing.TB, want string, name string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if !strings.Contains(string(out), want) {
		t.Errorf("%s %s: %v, %s; want %q", filepath.Base(name), strings.Join(args, " "), err, out, want)
	}
}

func TestOpenSSLAndAnotherLibraryVerifyStamps(t *testing.T) {
	tool := openssl(t)
	b := open(t)
	url := serve(t, b)
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if content != nil {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	certPEM := func(c *x509.Certificate) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	data := file("data", []byte("what is stamped"))
	other := file("other", []byte("something else"))
	root := file("root.pem", certPEM(b.Root))
	chain := file("chain.pem", append(certPEM(b.key.Chain[0]), certPEM(b.key.Certificate)...))
	for _, test := range []struct {
		name string
		args []string
	}{
		{"sha256", []string{"-sha256", "-cert"}},
		{"sha384", []string{"-sha384", "-cert"}},
		{"sha512 without certificates", []string{"-sha512"}},
		{"no nonce, our policy", []string{"-sha256", "-cert", "-no_nonce", "-tspolicy", testPolicy.String()}},
	} {
		t.Run(test.name, func(t *testing.T) {
			query := file("query.tsq", nil)
			run(t, "", tool, append([]string{"ts", "-query", "-data", data, "-out", query}, test.args...)...)
			q, err := os.ReadFile(query)
			if err != nil {
				t.Fatal(err)
			}
			_, reply := post(t, url, "application/timestamp-query", q)
			response := file("reply.tsr", reply)
			verify := []string{"ts", "-verify", "-in", response, "-CAfile", root, "-untrusted", chain}
			run(t, "Verification: OK", tool, append(verify, "-queryfile", query)...)
			run(t, "Verification: OK", tool, append(verify, "-data", data)...)
			run(t, "Verification: FAILED", tool, append(verify, "-data", other)...)
			for _, want := range []string{"Status: Granted.", "Policy OID: " + testPolicy.String(), "Accuracy: 0x01 seconds", "Ordering: no"} {
				run(t, want, tool, "ts", "-reply", "-in", response, "-text")
			}
		})
	}
	query := file("bad.tsq", nil)
	run(t, "", tool, "ts", "-query", "-data", data, "-sha1", "-out", query)
	q, err := os.ReadFile(query)
	if err != nil {
		t.Fatal(err)
	}
	_, reply := post(t, url, "application/timestamp-query", q)
	run(t, "unrecognized or unsupported algorithm identifier", tool, "ts", "-reply", "-in", file("bad.tsr", reply), "-text")

	sum := sha512.Sum512([]byte("what is stamped"))
	ours := good()
	ours.hash, ours.digest, ours.nonce = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, sum[:], []byte{2, 2, 0x12, 0x34}
	stamp := b.Respond(ours.der())
	parsed, err := digitorus.ParseResponse(stamp)
	if err != nil {
		t.Fatalf("digitorus: %v", err)
	}
	if !parsed.Time.Equal(b.at) || parsed.Nonce.Int64() != 0x1234 || string(parsed.HashedMessage) != string(sum[:]) {
		t.Errorf("digitorus reads time %v, nonce %v", parsed.Time, parsed.Nonce)
	}
	if _, err := timestamp.Verify(stamp, sum[:], b.Root); err != nil {
		t.Errorf("Verify: %v", err)
	}
}
