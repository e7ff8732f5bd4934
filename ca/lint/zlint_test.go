package lint

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	zl "github.com/zmap/zlint/v3/lint"
)

// contradicted is the one rule of zlint's that ours do not follow.
const contradicted = "e_qcstatem_mandatory_etsi_statems"

// TestOurRulesFindWhatTheOnesOfZlintDo: what is left out of zlint is left out
// because ours see it too.
func TestOurRulesFindWhatTheOnesOfZlintDo(t *testing.T) {
	var names []string
	for _, name := range zl.GlobalRegistry().Names() {
		if ours(name) && name != contradicted {
			names = append(names, name)
		}
	}
	rules, err := zl.GlobalRegistry().Filter(zl.FilterOptions{IncludeNames: names})
	if err != nil || len(names) < 10 {
		t.Fatalf("%d rules, %v", len(names), err)
	}
	files, _ := filepath.Glob("testdata/certificate/*.pem")
	found := map[string]bool{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(b)
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue // refused before any rule
		}
		for name, r := range zlint.LintCertificateEx(c, rules).Results {
			if r.Status < zl.Error {
				continue
			}
			found[name] = true
			if Certificate(block.Bytes) == nil {
				t.Errorf("%s: zlint finds %s %s, ours nothing", file, name, r.Details)
			}
		}
	}
	if len(found) < 8 {
		t.Errorf("the files break only %d of zlint's rules: %v", len(found), found)
	}
}
