package pdf_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/document/pdf"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

var signedAt = time.Date(2026, 11, 29, 8, 30, 0, 0, time.UTC)

// bench is an authority with one certified key.
type bench struct {
	*catest.Fixture
	key ca.SigningKey
}

func newBench(t testing.TB) *bench {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	b := bench{Fixture: catest.New(t, nil)}
	return b.with(t, key)
}

// with is the bench with another key.
func (b *bench) with(t testing.TB, key crypto.Signer) *bench {
	t.Helper()
	sk, err := b.Authority.SigningKey(t.Context(), key, ca.Service{Profile: ca.Audit, CommonName: "signer"})
	must(t, err)
	return &bench{b.Fixture, sk}
}

// sign signs a PDF.
func (b *bench) sign(t testing.TB, raw []byte, o pdf.Options) []byte {
	t.Helper()
	o.Time = signedAt
	p, err := pdf.Prepare(raw, o)
	must(t, err)
	cms, err := signature.SignCMS(b.key, p.Covered())
	must(t, err)
	out, err := p.Complete(cms)
	must(t, err)
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if got := fault.Code(err); got != code {
		t.Errorf("got %q (%v), want %q", got, err, code)
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	must(t, err)
	return b
}

// signatures reads those of a PDF.
func signatures(t testing.TB, raw []byte) []pdf.Signature {
	t.Helper()
	f, err := pdf.Open(raw)
	must(t, err)
	all, err := f.Signatures()
	must(t, err)
	return all
}

// tool runs a program of others over the PDF and returns what it prints; what
// it says of success is the caller's to look at.
func tool(t testing.TB, program, debianPackage string, raw []byte, args ...string) (string, error) {
	t.Helper()
	path := pkitest.Need(t, program, debianPackage)
	file := filepath.Join(t.TempDir(), "file.pdf")
	must(t, os.WriteFile(file, raw, 0o600))
	out, err := exec.CommandContext(t.Context(), path, append(args, file)...).CombinedOutput()
	return string(out), err
}

// edit replaces the only occurrence of old by something as long.
func edit(t testing.TB, raw []byte, old, by string) []byte {
	t.Helper()
	if strings.Count(string(raw), old) != 1 || len(old) != len(by) {
		t.Fatalf("%q is in the file %d times", old, strings.Count(string(raw), old))
	}
	return []byte(strings.Replace(string(raw), old, by, 1))
}
