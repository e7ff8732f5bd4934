package timestamp_test

import (
	"archive/zip"
	"bytes"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mohr/ca/timestamp"
)

// jdk finds a program of the JDK.
func jdk(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	const missing = " is missing: install openjdk-17-jdk-headless"
	if os.Getenv("MOHR_CI") == "1" {
		t.Fatal(name + missing)
	}
	t.Skip("NOT TESTED: " + name + missing)
	return ""
}

// jar is an archive of one file, to be signed.
func jar(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("greeting.txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJarsignerTakesOurStamps(t *testing.T) {
	keytool, jarsigner := jdk(t, "keytool"), jdk(t, "jarsigner")
	b := open(t, func(c *timestamp.Config) { c.Now = nil }) // the JDK looks at its own clock
	url := serve(t, b)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, content := range map[string][]byte{
		"hello.jar": jar(t),
		"root.pem":  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Root.Raw}),
	} {
		if err := os.WriteFile(path(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	do := func(name string, args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		return string(out), err
	}
	must := func(name string, args ...string) string {
		t.Helper()
		out, err := do(name, args...)
		if err != nil {
			t.Fatalf("%s %s: %v: %s", filepath.Base(name), strings.Join(args, " "), err, out)
		}
		return out
	}
	key := []string{"-keystore", path("shop.p12"), "-storepass", "changeit"}
	must(keytool, append([]string{"-genkeypair", "-alias", "shop", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=Shop", "-validity", "30"}, key...)...)
	out := must(jarsigner, append(append([]string{}, key...), "-tsa", url, "-tsadigestalg", "SHA-384", path("hello.jar"), "shop")...)
	if !strings.Contains(out, "jar signed.") {
		t.Errorf("jarsigner says %s", out)
	}

	verify := append([]string{"-verify", "-strict", "-verbose", "-certs"}, key...)
	if out, err := do(jarsigner, append(verify, path("hello.jar"))...); err == nil || !strings.Contains(out, "TSA certificate chain is invalid") {
		t.Errorf("without our root: %v: %s", err, out)
	}
	must(keytool, append([]string{"-importcert", "-noprompt", "-alias", "root", "-file", path("root.pem")}, key...)...)
	out = must(jarsigner, append(verify, path("hello.jar"))...)
	for _, want := range []string{"jar verified.", "Timestamped by", "CN=Mohr Test TSU", "Timestamp digest algorithm: SHA-384"} {
		if !strings.Contains(out, want) {
			t.Errorf("jarsigner does not say %q: %s", want, out)
		}
	}
}
