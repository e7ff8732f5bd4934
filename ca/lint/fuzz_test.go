package lint

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// seeds adds every file of a kind.
func seeds(f *testing.F, kind string) {
	files, err := filepath.Glob(filepath.Join("testdata", kind, "*.pem"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no testdata of %s: %v", kind, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		block, _ := pem.Decode(b)
		f.Add(block.Bytes)
	}
}

// The linters must come back from any bytes, and say nothing good of what has
// something after it.
func fuzz(f *testing.F, kind string, lint func([]byte) error) {
	seeds(f, kind)
	f.Fuzz(func(t *testing.T, der []byte) {
		if lint(der) == nil && lint(append(der, 0)) == nil {
			t.Error("trailing data is taken")
		}
	})
}

func FuzzCertificate(f *testing.F) { fuzz(f, "certificate", Certificate) }
func FuzzAuthority(f *testing.F)   { fuzz(f, "authority", Authority) }
func FuzzCRL(f *testing.F)         { fuzz(f, "crl", CRL) }
func FuzzOCSP(f *testing.F)        { fuzz(f, "ocsp", OCSP) }

// BenchmarkCertificate is what linting adds to each issuance.
func BenchmarkCertificate(b *testing.B) {
	der := naturalSign(b).der()
	b.ReportAllocs()
	for b.Loop() {
		if err := Certificate(der); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOwnRules is the part of it that is not zlint.
func BenchmarkOwnRules(b *testing.B) {
	der := naturalSign(b).der()
	b.ReportAllocs()
	for b.Loop() {
		c, err := parseCertificate(der)
		if err != nil {
			b.Fatal(err)
		}
		var f findings
		check(endEntityRules, c, &f)
	}
}
