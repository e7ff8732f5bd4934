package main

import (
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"mohr/ca"
)

// entry is what operators see of the certificate in a file.
func (f *foreign) entry(t *testing.T, name string) (e ca.Entry) {
	t.Helper()
	cert, err := x509.ParseCertificate(derOf(t, f.read(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	f.operator.done(t, get("/api/v1/certificates/"+ca.SerialText(cert.SerialNumber), ""), http.StatusOK, &e)
	return e
}

// TestAClientOfOpensslEnrollsRenewsAndRevokesOverCMP runs the lines of
// docs/cmp.md as they stand.
func TestAClientOfOpensslEnrollsRenewsAndRevokesOverCMP(t *testing.T) {
	t.Parallel()
	f := startForeign(t)
	a := f.applyAs(t, davood, ca.NaturalAuth)
	a.until(t, "csr")
	blocks := shellBlocks(t, "cmp.md")
	if len(blocks) != 5 {
		t.Fatalf("docs/cmp.md has %d blocks of shell lines, want 5", len(blocks))
	}
	f.shell(t, blocks[0])
	code, err := f.code(t, davood.Mobile)
	if err != nil {
		t.Fatal(err)
	}
	f.env["CODE"] = code
	f.shell(t, blocks[1])
	if out := f.shell(t, blocks[2]); !strings.Contains(out, "holder.pem: OK") {
		t.Errorf("ir: %s", out)
	}
	if out := f.shell(t, blocks[3]); !strings.Contains(out, "renewed.pem: OK") {
		t.Errorf("kur: %s", out)
	}
	if old := f.entry(t, "holder.pem"); old.Reason != ca.Superseded || old.ReplacedBy == "" {
		t.Errorf("the renewed certificate is %+v", old)
	}
	if now := f.entry(t, "renewed.pem"); now.Reason != "" {
		t.Errorf("the new certificate is %+v", now)
	}
	f.shell(t, blocks[4])
	if now := f.entry(t, "renewed.pem"); now.Reason != ca.CessationOfOperation || now.By != "holder:cmp" {
		t.Errorf("the revoked certificate is %+v", now)
	}
	if out, err := f.try(blocks[4]); err == nil || !strings.Contains(out, "certRevoked") {
		t.Errorf("rr again: %v %s", err, out)
	}
}
