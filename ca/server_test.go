package ca_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
)

// TestAServerIsNamedWithItsBusiness: a domain may change hands, and then the
// name in the certificate is another (EN 319 411-1, GEN-6.3.3-10).
func TestAServerIsNamedWithItsBusiness(t *testing.T) {
	f := catest.New(t, nil)
	trader := ca.BusinessID("s-00112233445566778899aabbccddeeff")
	for _, test := range []struct {
		name     string
		business ca.BusinessID
		want     []string
	}{
		{"a company", shop, []string{"2.5.4.6=IR", "2.5.4.97=NTRIR-14003456780", "2.5.4.3=shop.test"}},
		{"a sole trader", trader, []string{"2.5.4.6=IR", "2.5.4.5=" + string(trader), "2.5.4.3=shop.test"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := ca.Service{Profile: ca.ServerAuth, CommonName: "shop.test", DNSNames: []string{"shop.test"}, Business: test.business}
			key := f.SigningKey(t, test.name, s)
			if diff := cmp.Diff(test.want, subjectOf(t, key.Certificate)); diff != "" {
				t.Errorf("subject (-want +got):\n%s", diff)
			}
			c, err := f.Certificate(t.Context(), ca.SerialText(key.Certificate.SerialNumber))
			if err != nil || c.Business != test.business || c.Service != "shop.test" || c.Holder != "" {
				t.Errorf("record of business %q, service %q, holder %q, %v", c.Business, c.Service, c.Holder, err)
			}
		})
	}
}

func TestServersThatAreNobodysAreRefused(t *testing.T) {
	f := catest.New(t, nil)
	of := func(change func(*ca.Service)) ca.Service {
		s := ca.Service{Profile: ca.ServerAuth, CommonName: "shop.test", DNSNames: []string{"shop.test"}, Business: shop}
		change(&s)
		return s
	}
	for _, test := range []struct {
		name    string
		service ca.Service
		code    string
	}{
		{"no business", of(func(s *ca.Service) { s.Business = "" }), ""},
		{"a legal id that does not hold", of(func(s *ca.Service) { s.Business = "14003456781" }), ""},
		{"a legal id in Persian digits", of(func(s *ca.Service) { s.Business = "۱۴۰۰۳۴۵۶۷۸۰" }), ""},
		{"a common name that is no name of it", of(func(s *ca.Service) { s.CommonName = "bank.test" }), "service_name_invalid"},
		{"an address", of(func(s *ca.Service) { s.IPs = []string{"127.0.0.1"} }), "service_name_invalid"},
		{"no name", of(func(s *ca.Service) { s.DNSNames = nil }), "service_name_invalid"},
		{"a wildcard", of(func(s *ca.Service) { s.DNSNames = append(s.DNSNames, "*.shop.test") }), "service_name_invalid"},
		{"a business of a service of ours", ca.Service{Profile: ca.Audit, CommonName: "Audit", Business: shop}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, csr := catest.NewKey(t)
			c, err := f.Issue(t.Context(), ca.Order{Request: test.name, CSR: csr, Service: test.service})
			if err == nil || fault.Code(err) != test.code {
				t.Errorf("%s, code %q (%v), want %q", c.Profile, fault.Code(err), err, test.code)
			}
		})
	}
}

// TestASealNamesNoPerson: who applied for it is in the record alone.
func TestASealNamesNoPerson(t *testing.T) {
	f := catest.New(t, nil)
	key, c := f.IssueTo(t, catest.Zahra, ca.OrganisationSeal, "seal")
	want := []string{"2.5.4.6=IR", "2.5.4.10=فروشگاه نمونه", "2.5.4.97=NTRIR-14003456780", "2.5.4.3=فروشگاه نمونه"}
	if diff := cmp.Diff(want, subjectOf(t, key.Certificate)); diff != "" {
		t.Errorf("subject (-want +got):\n%s", diff)
	}
	if c.Business != shop || c.Holder != f.Holder(catest.Zahra.NationalCode) {
		t.Errorf("record of business %s, holder %s", c.Business, c.Holder)
	}
}
