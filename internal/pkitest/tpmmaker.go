package pkitest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TPMMaker is a maker of software TPMs: an authority that certifies their
// endorsement keys (swtpm_localca).
type TPMMaker struct {
	// Roots is a directory with the certificates of its authorities.
	Roots string

	t    testing.TB
	conf string
}

// NewTPMMaker returns a maker with authorities of its own.
func NewTPMMaker(t testing.TB) *TPMMaker {
	t.Helper()
	Need(t, "swtpm", "swtpm")
	Need(t, "certtool", "gnutls-bin")
	dir := SocketDir(t)
	m := &TPMMaker{t: t, Roots: filepath.Join(dir, "roots"), conf: filepath.Join(dir, "setup.conf")}
	state := filepath.Join(dir, "ca")
	for _, d := range []string{m.Roots, state} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	local, options := filepath.Join(dir, "localca.conf"), filepath.Join(dir, "localca.options")
	for name, content := range map[string]string{
		local:   fmt.Sprintf("statedir = %[1]s\nsigningkey = %[1]s/signkey.pem\nissuercert = %[1]s/issuercert.pem\ncertserial = %[1]s/certserial\n", state),
		options: "--platform-manufacturer Mohr\n--platform-version 1\n--platform-model test\n",
		m.conf:  fmt.Sprintf("create_certs_tool = %s\ncreate_certs_tool_config = %s\ncreate_certs_tool_options = %s\nactive_pcr_banks = sha256\n", Need(t, "swtpm_localca", "swtpm-tools"), local, options),
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.make(filepath.Join(dir, "first")) // makes the authorities
	for _, name := range []string{"swtpm-localca-rootca-cert.pem", "issuercert.pem"} {
		b, err := os.ReadFile(filepath.Join(state, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(m.Roots, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// make writes the state of a new TPM with endorsement certificates.
func (m *TPMMaker) make(state string) {
	m.t.Helper()
	program := Need(m.t, "swtpm_setup", "swtpm-tools")
	if err := os.Mkdir(state, 0o700); err != nil {
		m.t.Fatal(err)
	}
	out, err := exec.Command(program, "--tpm2", "--tpmstate", state, "--create-ek-cert", "--config", m.conf).CombinedOutput()
	if err != nil {
		m.t.Fatalf("swtpm_setup: %v\n%s", err, out)
	}
}

// TPM makes and starts a TPM with endorsement certificates.
func (m *TPMMaker) TPM() *TPM {
	m.t.Helper()
	return startTPM(m.t, m.make)
}
