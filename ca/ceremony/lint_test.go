package ceremony_test

import (
	"testing"

	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

// TestTheHierarchyPassesTheLinter: what Issue asks of its certificates, a
// ceremony's have to pass too.
func TestTheHierarchyPassesTheLinter(t *testing.T) {
	rules, err := lint.GlobalRegistry().Filter(lint.FilterOptions{
		IncludeSources: lint.SourceList{lint.RFC5280, lint.RFC3279, lint.RFC5480, lint.RFC5891, lint.RFC8813, lint.EtsiEsi},
	})
	if err != nil {
		t.Fatal(err)
	}
	g := newHall(t).open(t)
	for _, c := range append(certificates(g), g.Root) {
		parsed, err := zx509.ParseCertificate(c.Raw)
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range zlint.LintCertificateEx(parsed, rules).Results {
			if r.Status >= lint.Warn {
				t.Errorf("%s: %s %s %s", c.Subject, r.Status, name, r.Details)
			}
		}
	}
}
