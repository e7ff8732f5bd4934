package ca_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
)

// extensionsOf lists a certificate's extensions in order, critical ones with "!".
func extensionsOf(c *x509.Certificate) []string {
	var list []string
	for _, e := range c.Extensions {
		id := e.Id.String()
		if e.Critical {
			id += "!"
		}
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

// subjectOf lists the subject's attributes in the order of the certificate.
func subjectOf(t *testing.T, c *x509.Certificate) []string {
	t.Helper()
	var names pkix.RDNSequence
	if rest, err := asn1.Unmarshal(c.RawSubject, &names); err != nil || len(rest) > 0 {
		t.Fatalf("subject: %v", err)
	}
	var list []string
	for _, rdn := range names {
		for _, a := range rdn {
			list = append(list, fmt.Sprintf("%v=%v", a.Type, a.Value))
		}
	}
	return list
}

func TestCertificatesSayWhatTheEvidenceSaysWhateverTheRequestAsks(t *testing.T) {
	f := catest.New(t, nil)
	want := []string{"2.5.4.6=IR", "2.5.4.3=زهرا محمدی", "2.5.4.4=محمدی", "2.5.4.42=زهرا", "2.5.4.5=PNOIR-0012345679"}
	for _, test := range csrCases(t) {
		t.Run(test.name, func(t *testing.T) {
			csr, err := ca.ParseCSR(test.csr)
			if test.code != "" {
				if fault.Code(err) != test.code {
					t.Fatalf("code %q, want %q", fault.Code(err), test.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c, err := f.Issue(t.Context(), ca.Order{Request: "csr/" + test.name, CSR: csr, Decision: f.Decide(t, catest.Zahra, ca.NaturalSign)})
			if err != nil {
				t.Fatal(err)
			}
			cert, err := x509.ParseCertificate(c.DER)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, subjectOf(t, cert)); diff != "" {
				t.Errorf("subject (-want +got):\n%s", diff)
			}
			if cert.IsCA || len(cert.DNSNames) > 0 || len(cert.Extensions) != 8 {
				t.Errorf("CA %v, names %v, %d extensions", cert.IsCA, cert.DNSNames, len(cert.Extensions))
			}
		})
	}
}

func TestDevelopmentHierarchyIssuesOnlyUnderTheTestPolicy(t *testing.T) {
	f := catest.New(t, nil)
	_, c := f.IssueTo(t, catest.Zahra, ca.OrganisationSign, "one")
	if !strings.HasPrefix(c.PolicyOID, "2.999.") || c.Environment != "simulated" {
		t.Errorf("policy %s, environment %s", c.PolicyOID, c.Environment)
	}
	if c.Business != "14003456780" || c.Holder != f.Holder(catest.Zahra.NationalCode) {
		t.Errorf("holder %s, business %s", c.Holder, c.Business)
	}
}

func TestKeyOfAnotherPersonIsRefused(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	if _, err := f.Issue(t.Context(), ca.Order{Request: "hers", CSR: csr, Decision: f.Decide(t, catest.Zahra, ca.NaturalSign)}); err != nil {
		t.Fatal(err)
	}
	other := catest.Zahra
	other.NationalCode = "0084575948"
	_, err := f.Issue(t.Context(), ca.Order{Request: "his", CSR: csr, Decision: f.Decide(t, other, ca.NaturalSign)})
	if fault.Code(err) != "key_in_use" {
		t.Errorf("another person's key: %v", err)
	}
}
