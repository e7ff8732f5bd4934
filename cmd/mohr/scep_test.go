package main

import (
	"strings"
	"testing"

	"mohr/cmd/mohr/service"
	"mohr/internal/pkitest"
)

func startSCEP(t *testing.T) *foreign {
	t.Helper()
	pkitest.Need(t, "pki", "strongswan-pki")
	return startForeign(t, func(c *service.Config) { c.SCEP = true })
}

// TestStrongSwanEnrollsAndRenewsOverSCEP runs the lines of docs/scep.md as they
// stand.
func TestStrongSwanEnrollsAndRenewsOverSCEP(t *testing.T) {
	t.Parallel()
	f := startSCEP(t)
	blocks := f.untilKey(t, "scep.md", 4)
	if out := f.shell(t, blocks[2]); !strings.Contains(out, "holder.pem: OK") {
		t.Errorf("enrollment: %s", out)
	}
	if out := f.shell(t, blocks[3]); !strings.Contains(out, "renewed.pem: OK") {
		t.Errorf("renewal: %s", out)
	}
}
