package enroll_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/enroll"
	"mohr/enroll/bundle"
	"mohr/internal/fault"
)

func TestAnApplicantGetsACertificate(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.approved(sara, ca.NaturalSign)
	req := request(t)
	issued := a.csr(req).want(t, enroll.Issued, enroll.NeedCertificate)

	leaf := parseChain(t, []byte(issued.Certificate))
	if _, err := leaf[0].Verify(x509.VerifyOptions{Roots: pool(d.ca.Root), Intermediates: pool(leaf[1]), CurrentTime: d.clock.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Fatalf("the chain handed out does not verify: %v", err)
	}
	if got := leaf[0].Subject.SerialNumber; got != "PNOIR-"+sara.code {
		t.Errorf("subject serialNumber is %q", got)
	}
	if issued.Revocation == "" {
		t.Error("no revocation code was handed out")
	}
	fetched := a.call("GET", a.path("/certificate"), a.token, nil)
	if ct := fetched.header.Get("Content-Type"); fetched.status != 200 || ct != "application/pem-certificate-chain" || string(fetched.raw) != issued.Certificate {
		t.Errorf("certificate: %d %s", fetched.status, ct)
	}

	known, err := d.Known(t.Context(), a.id)
	if err != nil || known.BirthDate != sara.born || known.Mobile != sara.mobile || known.NationalCode != sara.code {
		t.Errorf("known of the person: %+v, %v", known, err)
	}
	if _, err := d.Known(t.Context(), d.apply(sara, ca.NaturalSign).id); !errors.Is(err, fault.NotFound) {
		t.Errorf("something is known of an application without certificate: %v", err)
	}
	d.must(d.Resume(t.Context()))
	last := d.regs.sent[len(d.regs.sent)-1]
	if !strings.HasPrefix(last, sara.mobile+" ") || !strings.Contains(last, issued.Serial) || strings.Contains(last, issued.Revocation) {
		t.Errorf("notice of issuance is %q", last)
	}
	d.must(d.Ledger.Sequence(t.Context()))
	b := a.call("GET", a.path("/bundle"), a.token, nil)
	report, err := bundle.Verify(b.raw, bundle.Trust{Root: d.ca.Root, LogKey: d.Ledger.VerifierKey(), Certificate: leaf[0]})
	if err != nil {
		t.Fatalf("bundle: %v\n%s", err, b.raw)
	}
	if report.Manifest.Application != a.id || len(report.Manifest.Evidence) != 4 || len(report.Manifest.Decision.Evidence) != 4 {
		t.Errorf("manifest says %+v", report.Manifest)
	}
}

func parseChain(t testing.TB, b []byte) []*x509.Certificate {
	t.Helper()
	var list []*x509.Certificate
	for len(b) > 0 {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			t.Fatal("not PEM")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

func pool(c *x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c)
	return p
}
