package ca_test

import (
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
)

func TestAPersonInAnOrganisationIsNamedWithIt(t *testing.T) {
	f := catest.New(t, nil)
	key, _ := f.IssueTo(t, catest.Zahra, ca.OrganisationSign, "one")
	want := []string{
		"2.5.4.6=IR", "2.5.4.10=فروشگاه نمونه", "2.5.4.97=NTRIR-14003456780", "2.5.4.12=مدیرعامل",
		"2.5.4.3=زهرا محمدی", "2.5.4.4=محمدی", "2.5.4.42=زهرا", "2.5.4.5=PNOIR-0012345679",
	}
	if diff := cmp.Diff(want, subjectOf(t, key.Certificate)); diff != "" {
		t.Errorf("subject (-want +got):\n%s", diff)
	}
}

// TestSubjectStrings: country and serialNumber are PrintableString (RFC 5280
// appendix A.1), names are UTF8String.
func TestSubjectStrings(t *testing.T) {
	f := catest.New(t, nil)
	key, _ := f.IssueTo(t, catest.Zahra, ca.OrganisationSign, "one")
	want := map[string]int{
		"2.5.4.6": asn1.TagPrintableString, "2.5.4.5": asn1.TagPrintableString, "2.5.4.97": asn1.TagPrintableString,
		"2.5.4.10": asn1.TagUTF8String, "2.5.4.12": asn1.TagUTF8String, "2.5.4.3": asn1.TagUTF8String, "2.5.4.4": asn1.TagUTF8String, "2.5.4.42": asn1.TagUTF8String,
	}
	var names []asn1.RawValue
	if _, err := asn1.Unmarshal(key.Certificate.RawSubject, &names); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, n := range names {
		var attribute struct {
			Type  asn1.ObjectIdentifier
			Value asn1.RawValue
		}
		if rest, err := asn1.Unmarshal(n.Bytes, &attribute); err != nil || len(rest) > 0 {
			t.Fatal("more than one attribute in a set: ", err)
		}
		got[attribute.Type.String()] = attribute.Value.Tag
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("string types (-want +got):\n%s", diff)
	}
}

// TestCommonNameKeepsTo64Characters: ub-common-name of RFC 5280, appendix A.1.
// The full names are in givenName and surname.
func TestCommonNameKeepsTo64Characters(t *testing.T) {
	f := catest.New(t, nil)
	long := strings.Repeat("ن", 30)
	for _, test := range []struct {
		name, given, surname, want string
	}{
		{"a name of 64 characters is whole", long + " " + strings.Repeat("م", 2), long, long + " مم " + long},
		{"a given name too many is left out", long + " " + strings.Repeat("م", 3), long, long + " " + long},
		{"words are left out from the last on", "سید محمد " + long, long + " " + strings.Repeat("پ", 20), "سید محمد " + long + " " + strings.Repeat("پ", 20)},
		{"a surname that leaves no room stands alone", "زهرا", strings.Repeat("پ", 60), strings.Repeat("پ", 60)},
		{"a surname of 64 characters stands alone", strings.Repeat("م", 64), strings.Repeat("پ", 64), strings.Repeat("پ", 64)},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := catest.Zahra
			p.FirstName, p.LastName = test.given, test.surname
			key, _ := f.IssueTo(t, p, ca.NaturalSign, test.name)
			want := []string{"2.5.4.6=IR", "2.5.4.3=" + test.want, "2.5.4.4=" + test.surname, "2.5.4.42=" + test.given, "2.5.4.5=PNOIR-0012345679"}
			if diff := cmp.Diff(want, subjectOf(t, key.Certificate)); diff != "" {
				t.Errorf("subject (-want +got):\n%s", diff)
			}
			if n := utf8.RuneCountInString(key.Certificate.Subject.CommonName); n > 64 {
				t.Errorf("%d characters", n)
			}
		})
	}
}

func TestOrganisationAndTitleOf64CharactersFit(t *testing.T) {
	f := catest.New(t, nil)
	p := catest.Zahra
	p.LegalName, p.Role = strings.Repeat("ش", 64), strings.Repeat("ر", 64)
	key, _ := f.IssueTo(t, p, ca.OrganisationSign, "one")
	if got := subjectOf(t, key.Certificate); got[1] != "2.5.4.10="+p.LegalName || got[3] != "2.5.4.12="+p.Role {
		t.Errorf("subject %q", got)
	}
}

func TestNamesOfServicesAreChecked(t *testing.T) {
	f := catest.New(t, nil)
	service := func(cn string, dns []string, ips ...string) ca.Service {
		return ca.Service{Profile: ca.ServiceTLS, CommonName: cn, DNSNames: dns, IPs: ips}
	}
	host := strings.Repeat("a", 63)
	for _, test := range []struct {
		name    string
		service ca.Service
		code    string
	}{
		{"a host and its addresses are good", service("node", []string{"localhost", "Node-1.test"}, "127.0.0.1", "::1"), ""},
		{"a host of 253 octets is good", service("node", []string{strings.Join([]string{host, host, host, host[:61]}, ".")}), ""},
		{"a common name of 64 characters is good", service(strings.Repeat("ک", 64), []string{"a.test"}), ""},
		{"a common name of 65 characters is refused", service(strings.Repeat("ک", 65), []string{"a.test"}), "subject_text_length"},
		{"no common name is refused", service("", []string{"a.test"}), "subject_text_length"},
		{"a host of 254 octets is refused", service("node", []string{strings.Join([]string{host, host, host, host[:62]}, ".")}), "service_name_invalid"},
		{"a label of 64 octets is refused", service("node", []string{host + "a.test"}), "service_name_invalid"},
		{"an empty host is refused", service("node", []string{""}), "service_name_invalid"},
		{"a dot at the end is refused", service("node", []string{"a.test."}), "service_name_invalid"},
		{"a wildcard is refused", service("node", []string{"*.test"}), "service_name_invalid"},
		{"a space is refused", service("node", []string{"a b.test"}), "service_name_invalid"},
		{"a NUL is refused", service("node", []string{"bank.test\x00.evil.test"}), "service_name_invalid"},
		{"a Persian name that is not in its ASCII form is refused", service("node", []string{"نمونه.test"}), "service_name_invalid"},
		{"a label that begins with a hyphen is refused", service("node", []string{"-a.test"}), "service_name_invalid"},
		{"what is no address is refused", service("node", nil, "127.0.0.1.5"), "service_name_invalid"},
		{"names on a profile that has none are refused", ca.Service{Profile: ca.Audit, CommonName: "node", DNSNames: []string{"a.test"}}, "service_name_invalid"},
		{"a server without a name is refused", service("node", nil), "service_name_invalid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, csr := catest.NewKey(t)
			c, err := f.Issue(t.Context(), ca.Order{Request: test.name, CSR: csr, Service: test.service})
			if got := fault.Code(err); got != test.code || (err != nil) != (test.code != "") {
				t.Fatalf("code %q (%v), want %q", got, err, test.code)
			}
			if err != nil {
				return
			}
			cert, err := x509.ParseCertificate(c.DER)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.service.DNSNames, cert.DNSNames); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}
