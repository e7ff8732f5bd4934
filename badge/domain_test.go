package badge_test

import (
	"errors"
	"strings"
	"testing"

	"mohr/badge"
	"mohr/internal/fault"
)

func TestDomains(t *testing.T) {
	for _, test := range []struct {
		name, in, ascii, unicode, code string
	}{
		{"a plain name", "shop.example", "shop.example", "shop.example", ""},
		{"a name in capitals", "Shop.Example", "shop.example", "shop.example", ""},
		{"a name under a suffix of two labels", "shop.co.ir", "shop.co.ir", "shop.co.ir", ""},
		{"a deep name", "www.shop.co.ir", "www.shop.co.ir", "www.shop.co.ir", ""},
		{"a Persian name, by its U-label", "فروشگاه.example", "xn--mgbtj4c7ad63e.example", "فروشگاه.example", ""},
		{"a Persian name, by its A-label", "xn--mgbtj4c7ad63e.example", "xn--mgbtj4c7ad63e.example", "فروشگاه.example", ""},
		{"a Persian name with a non-joiner where the script asks for one", "نمی‌دانم.example", "xn--mgbp9dcbd94gr19l.example", "نمی‌دانم.example", ""},
		{"a non-joiner between Latin letters", "ab\u200ccd.example", "", "", "badge_domain_malformed"},
		{"no name", "", "", "", "badge_domain_malformed"},
		{"a single label", "shop", "", "", "badge_domain_malformed"},
		{"a name with a last dot", "shop.example.", "", "", "badge_domain_malformed"},
		{"a name with a port", "shop.example:80", "", "", "badge_domain_malformed"},
		{"a URL", "https://shop.example", "", "", "badge_domain_malformed"},
		{"a name with a path", "shop.example/x", "", "", "badge_domain_malformed"},
		{"a user in front", "a@shop.example", "", "", "badge_domain_malformed"},
		{"an empty label", "shop..example", "", "", "badge_domain_malformed"},
		{"an underscore", "_dmarc.shop.example", "", "", "badge_domain_malformed"},
		{"a space", "shop .example", "", "", "badge_domain_malformed"},
		{"an address", "192.0.2.1", "", "", "badge_domain_malformed"},
		{"an address of another spelling", "0x7f.1", "", "", "badge_domain_malformed"},
		{"an address of version 6", "[2001:db8::1]", "", "", "badge_domain_malformed"},
		{"a label of 64 letters", strings.Repeat("a", 64) + ".example", "", "", "badge_domain_malformed"},
		{"a name of 300 letters", strings.Repeat("abcdefghi.", 30) + "example", "", "", "badge_domain_malformed"},
		{"a false A-label", "xn--a.example", "", "", "badge_domain_malformed"},
		{"both directions in one label", "aא.example", "", "", "badge_domain_malformed"},
		{"a public suffix", "co.ir", "", "", "badge_domain_public_suffix"},
		{"a private suffix", "github.io", "", "", "badge_domain_public_suffix"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := badge.ParseDomain(test.in)
			if fault.Code(err) != test.code || d.ASCII != test.ascii || d.Unicode != test.unicode {
				t.Errorf("got %+v, %v", d, err)
			}
		})
	}
}

func TestADomainIsItselfAndItsWWW(t *testing.T) {
	d, err := badge.ParseDomain("shop.example")
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"shop.example": true, "SHOP.example": true, "shop.example.": true, "shop.example:8443": true, "www.shop.example": true,
		"": false, "example": false, "evil.example": false, "shop.example.evil.example": false, "xshop.example": false, "a.shop.example": false,
	} {
		if d.Is(host) != want {
			t.Errorf("Is(%q) = %v", host, !want)
		}
	}
}

func FuzzParseDomain(f *testing.F) {
	for _, s := range []string{"shop.example", "فروشگاه.example", "co.ir", "xn--mgbtj4c7ad63e.example", "1.2.3.4", "a..b", "\u202e.example", "ß.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := badge.ParseDomain(s)
		if err != nil {
			if !errors.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			return
		}
		for _, form := range []string{d.ASCII, d.Unicode} {
			again, err := badge.ParseDomain(form)
			if err != nil || again != d {
				t.Fatalf("%q gives %+v, and that %+v, %v", s, d, again, err)
			}
		}
		if strings.Trim(d.ASCII, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			t.Fatalf("%q", d.ASCII)
		}
	})
}
