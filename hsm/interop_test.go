//go:build cgo && !nopkcs11

package hsm_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mohr/hsm"
	"mohr/internal/pkitest"
)

// pkcs11Tool runs OpenSC's tool on the token of base.
func pkcs11Tool(t *testing.T, base string, args ...string) string {
	t.Helper()
	args = append([]string{"--module", attribute(t, base, "module-path"), "--token-label", "mohr", "--login", "--pin", pkitest.PIN}, args...)
	out, err := exec.CommandContext(t.Context(), pkitest.Need(t, "pkcs11-tool", "opensc"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("pkcs11-tool %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestPKCS11ToolAndWeUseTheSameKeys: what one signs, the other verifies.
func TestPKCS11ToolAndWeUseTheSameKeys(t *testing.T) {
	base, dir := pkitest.SoftHSM(t), t.TempDir()
	// Not at a time: SoftHSM sees another process's objects when it is initialized.
	k := hsm.Open(hsm.Config{})
	s, err := k.Create(t.Context(), strings.Replace(hsm.KeyURI(base, "ours"), "?", ";id=%0A%0B?", 1), hsm.P256)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("to be signed"))
	der, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	objects := pkcs11Tool(t, base, "--list-objects")
	for _, want := range []string{"Private Key Object; EC", "Public Key Object; EC  EC_POINT 256 bits", "label:      ours", "ID:         0a0b"} {
		if !strings.Contains(objects, want) {
			t.Errorf("no %q among\n%s", want, objects)
		}
	}
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if b != nil {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	in := file("digest", digest[:])
	pkcs11Tool(t, base, "--sign", "--mechanism", "ECDSA", "--id", "0a0b", "--input-file", in, "--output-file", file("theirs", nil))
	theirs, err := os.ReadFile(file("theirs", nil))
	if err != nil || len(theirs) != 64 {
		t.Fatalf("%d octets, error %v", len(theirs), err)
	}
	if r, v := new(big.Int).SetBytes(theirs[:32]), new(big.Int).SetBytes(theirs[32:]); !ecdsa.Verify(s.Public().(*ecdsa.PublicKey), digest[:], r, v) {
		t.Error("their signature does not verify here")
	}
	out := pkcs11Tool(t, base, "--verify", "--mechanism", "ECDSA", "--id", "0a0b", "--input-file", in, "--signature-file", file("ours", raw(t, der)))
	if !strings.Contains(out, "Signature is valid") {
		t.Errorf("our signature does not verify there: %s", out)
	}
	pkcs11Tool(t, base, "--keypairgen", "--key-type", "EC:prime256v1", "--label", "made-there", "--id", "0c")
	theirKey, err := open(t).Signer(t.Context(), hsm.KeyURI(base, "made-there"))
	if err != nil {
		t.Fatal(err)
	}
	mustVerify(t, theirKey)
}

// raw is an ECDSA signature as PKCS#11 has it: r and s, 32 octets each.
func raw(t *testing.T, der []byte) []byte {
	t.Helper()
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) != 0 {
		t.Fatal(fmt.Errorf("signature: %w", err))
	}
	return append(sig.R.FillBytes(make([]byte, 32)), sig.S.FillBytes(make([]byte, 32))...)
}
