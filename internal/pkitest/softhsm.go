// Package pkitest starts the real tokens and TPMs that tests of other rooms need.
package pkitest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// PIN is the user PIN of the tokens that SoftHSM makes.
const PIN = "739142"

// modules are where distributions put SoftHSM's PKCS#11 module.
var modules = []string{
	"/usr/lib/softhsm/libsofthsm2.so",
	"/usr/lib64/softhsm/libsofthsm2.so",
	"/usr/lib64/pkcs11/libsofthsm2.so",
	"/usr/local/lib/softhsm/libsofthsm2.so",
}

// SoftHSM initializes a SoftHSM2 token of its own and returns the base URI of
// its keys, for hsm.KeyURI; it carries x-secret-file, so that the service
// secret can be wrapped there too.
//
// SOFTHSM2_CONF is set until the test ends, for this process and its children;
// the test cannot be parallel. A keyring must be closed before another test
// asks for a token: the module reads its configuration when it is initialized.
func SoftHSM(t testing.TB) (baseURI string) {
	t.Helper()
	tool := Need(t, "softhsm2-util", "softhsm2")
	module := softModule(t)
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tokens := filepath.Join(dir, "tokens")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", write("softhsm2.conf", "directories.tokendir = "+tokens+"\nobjectstore.backend = file\nlog.level = ERROR\n"))
	out, err := exec.Command(tool, "--init-token", "--free", "--label", "mohr", "--pin", PIN, "--so-pin", PIN+PIN, "--module", module).CombinedOutput()
	if err != nil {
		t.Fatalf("softhsm2-util: %v\n%s", err, out)
	}
	return "pkcs11:token=mohr?module-path=" + module + "&pin-source=" + write("pin", PIN+"\n") +
		"&x-secret-file=" + filepath.Join(dir, "secret.pem")
}

func softModule(t testing.TB) string {
	t.Helper()
	for _, path := range modules {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	Missing(t, "SoftHSM's PKCS#11 module is in none of "+strings.Join(modules, ", ")+" (Debian: softhsm2)")
	return ""
}

// Need returns the path of a program. Without it the test fails where
// MOHR_CI is set and is skipped, loudly, elsewhere.
func Need(t testing.TB, program, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		Missing(t, program+" is not installed (Debian: apt-get install "+debianPackage+")")
	}
	return path
}

// Missing ends the test because of something this machine does not have:
// a failure where MOHR_CI is set, a loud skip elsewhere.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("MOHR_CI") != "" {
		t.Fatalf("NOT TESTED: %s", what)
	}
	t.Skipf("NOT TESTED: %s", what)
}
