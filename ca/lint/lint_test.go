package lint

import (
	"bytes"
	"encoding/pem"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the files of testdata anew")

// namedCase is an object and the rule it breaks: "" none.
type namedCase struct {
	name string
	rule string
	der  []byte
}

func ruleNames[T any](rules []rule[T]) (names []string) {
	for _, r := range rules {
		names = append(names, r.name)
	}
	return names
}

// runCases lints the file of each case, which is what the case makes, and
// wants every rule to be broken by one of them.
func runCases(t *testing.T, kind string, lint func([]byte) error, rules []string, cases []namedCase) {
	broken, files := map[string]bool{}, map[string]bool{}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			broken[c.rule] = true
			file := filepath.Join("testdata", kind, strings.NewReplacer(" ", "-", "'", "").Replace(c.name)+".pem")
			if files[file] {
				t.Fatal("two cases have this name")
			}
			files[file] = true
			err := lint(golden(t, file, kind, c.der))
			switch {
			case c.rule == "" && err != nil:
				t.Error(err)
			case c.rule != "" && (err == nil || !strings.Contains(err.Error(), c.rule)):
				t.Errorf("%v, want %s", err, c.rule)
			}
		})
	}
	for _, r := range rules {
		if !broken[r] {
			t.Errorf("no case breaks %s", r)
		}
	}
	strays, _ := filepath.Glob(filepath.Join("testdata", kind, "*"))
	for _, s := range strays {
		if !files[s] {
			t.Errorf("%s belongs to no case", s)
		}
	}
}

// golden returns the file's DER, which must be der.
func golden(t *testing.T, file, kind string, der []byte) []byte {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		b := pem.EncodeToMemory(&pem.Block{Type: pemTypes[kind], Bytes: der})
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(b)
	if block == nil || len(rest) > 0 || !bytes.Equal(block.Bytes, der) {
		t.Fatalf("%s is not what this case makes; run with -update and look at the difference", file)
	}
	return block.Bytes
}

var pemTypes = map[string]string{"certificate": "CERTIFICATE", "authority": "CERTIFICATE", "crl": "X509 CRL", "ocsp": "OCSP RESPONSE"}
