package main

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mohr "mohr/cmd/mohr/client"
	"mohr/hsm"
)

// TestSigningTellsHowAnAddressIsAllowed: a service of one's own is at an address
// that is not public.
func TestSigningTellsHowAnAddressIsAllowed(t *testing.T) {
	t.Parallel()
	dir, ring := t.TempDir(), hsm.Open(hsm.Config{})
	defer ring.Close()
	key, cert := filepath.Join(dir, "holder.key"), filepath.Join(dir, "holder.pem")
	signer, err := mohr.OpenSigner(t.Context(), ring, key, true)
	if err != nil {
		t.Fatal(err)
	}
	like := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Zahra"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		OCSPServer: []string{"http://127.0.0.1:9/ocsp"},
	}
	der, err := x509.CreateCertificate(rand.Reader, like, like, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "contract.txt")
	for name, b := range map[string][]byte{cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), file: []byte("a contract")} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := newRoot()
	c.SetOut(io.Discard)
	c.SetErr(io.Discard)
	c.SetArgs([]string{"sign", file, "--key", key, "--cert", cert, "--level", "T"})
	if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "--allow 127.0.0.0/8") {
		t.Errorf("%v", err)
	}
}
