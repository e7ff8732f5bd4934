package pades_test

import (
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca/document/doctest"
	"mohr/ca/document/pades"
	"mohr/internal/pkitest"
)

// longer lets a certificate outlive the test's day, by which poppler judges, and
// names nobody to ask for revocations.
func longer(c *x509.Certificate) { c.NotAfter, c.OCSPServer = doctest.Start.AddDate(9, 0, 0), nil }

// TestPopplerLeadsTheSignerToTheRoot: by what is in the CMS. NSS, which it asks,
// takes every signer for one of e-mail; a certificate that says it is for
// documents and nothing else (RFC 9336), as this service issues them, is of no
// use to it, whoever issued it.
func TestPopplerLeadsTheSignerToTheRoot(t *testing.T) {
	p, unrelated, now := doctest.New(t), doctest.New(t), time.Now()
	o := pades.Options{Time: now, Stamper: p.Unit(t, func() time.Time { return now }, longer), Source: values(p.Good(t, now))}
	sign := func(change func(*x509.Certificate)) []byte {
		t.Helper()
		signed, err := pades.Sign(t.Context(), p.Issue(t, nil, change), contract(t, "chromium.pdf"), o)
		must(t, err)
		return signed
	}
	anything := sign(func(c *x509.Certificate) { longer(c); c.UnknownExtKeyUsage = nil })
	for _, tc := range []struct {
		name, want string
		root       *x509.Certificate
		signed     []byte
	}{
		{"the root is believed", "Certificate is Trusted.", p.Root, anything},
		{"another root is believed", "Certificate issuer is unknown.", unrelated.Root, anything},
		{"the certificate is for documents alone", "Unknown issue with Certificate", p.Root, sign(longer)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if said := pdfsigBelieving(t, tc.root, tc.signed); !strings.Contains(said, "Signature is Valid.") || !strings.Contains(said, tc.want) {
				t.Errorf("pdfsig does not say %q:\n%s", tc.want, said)
			}
		})
	}
}

// pdfsigBelieving asks poppler, with one root in the NSS database.
func pdfsigBelieving(t *testing.T, root *x509.Certificate, signed []byte) string {
	t.Helper()
	dir := t.TempDir()
	der, file := filepath.Join(dir, "root.der"), filepath.Join(dir, "signed.pdf")
	must(t, errors.Join(os.WriteFile(der, root.Raw, 0o600), os.WriteFile(file, signed, 0o600)))
	certutil := pkitest.Need(t, "certutil", "libnss3-tools")
	for _, args := range [][]string{{"-N", "--empty-password"}, {"-A", "-n", "root", "-t", "C,C,C", "-i", der}} {
		out, err := exec.CommandContext(t.Context(), certutil, append(args, "-d", "sql:"+dir)...).CombinedOutput()
		if err != nil {
			t.Fatalf("certutil %v: %v\n%s", args, err, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), pkitest.Need(t, "pdfsig", "poppler-utils"), "-nssdir", dir, file).CombinedOutput()
	must(t, err)
	return string(out)
}
