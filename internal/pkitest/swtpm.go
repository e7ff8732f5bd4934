package pkitest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TPM is a software TPM 2.0 in a process of its own.
type TPM struct {
	// Base is the base URI of its keys, for hsm.KeyURI; it carries
	// x-secret-file, so that the service secret can be sealed there too.
	Base string
	// Socket is where it listens, one client at a time.
	Socket string

	state string
	*server
}

// SWTPM starts a TPM that is new and has no certificate of a maker.
func SWTPM(t testing.TB) *TPM {
	t.Helper()
	return startTPM(t, func(state string) {
		if err := os.Mkdir(state, 0o700); err != nil {
			t.Fatal(err)
		}
	})
}

// startTPM starts a TPM whose state begin makes, in a directory that is not there.
func startTPM(t testing.TB, begin func(state string)) *TPM {
	t.Helper()
	program := Need(t, "swtpm", "swtpm")
	dir := SocketDir(t)
	p := &TPM{Socket: filepath.Join(dir, "tpm"), state: filepath.Join(dir, "state")}
	p.Base = "tpmkms:storage-directory=" + filepath.Join(dir, "keys") + ";device=" + p.Socket + ";x-secret-file=" + filepath.Join(dir, "secret.pem")
	begin(p.state)
	p.server = newServer(t, p.Socket, program, "socket", "--tpm2", "--tpmstate", "dir="+p.state,
		"--server", "type=unixio,path="+p.Socket, "--flags", "not-need-init,startup-clear")
	p.Start()
	return p
}

// Replace puts another TPM, a new one, in the place of this one.
func (p *TPM) Replace() {
	p.t.Helper()
	p.Kill()
	if err := errors.Join(os.Rename(p.state, p.state+".first"), os.Mkdir(p.state, 0o700)); err != nil {
		p.t.Fatal(err)
	}
	p.Start()
}

// Restore ends Replace: the first TPM is there again, as it was.
func (p *TPM) Restore() {
	p.t.Helper()
	p.Kill()
	if err := errors.Join(os.RemoveAll(p.state), os.Rename(p.state+".first", p.state)); err != nil {
		p.t.Fatal(err)
	}
	p.Start()
}
