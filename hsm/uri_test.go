package hsm

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/internal/fault"
)

const hsmQuery = "?module-path=/m.so&pin-source=/pin"

func TestParseURI(t *testing.T) {
	tests := []struct {
		name, uri string
		want      keyURI
	}{
		{"an absolute file", "file:/var/mohr/root.pem", keyURI{scheme: "file", path: "/var/mohr/root.pem"}},
		{"an absolute file with an empty authority", "file:///var/root.pem", keyURI{scheme: "file", path: "/var/root.pem"}},
		{"a relative file", "file:keys/root.pem", keyURI{scheme: "file", path: "keys/root.pem"}},
		{"an escaped path", "file:/a%20b/%D9%85.pem", keyURI{scheme: "file", path: "/a b/م.pem"}},
		{"a key in a token", "pkcs11:token=mohr;object=root" + hsmQuery,
			keyURI{scheme: "pkcs11", token: "mohr", object: "root", module: "/m.so", pinSource: "/pin"}},
		{"a binary id", "pkcs11:serial=1a;id=%00%FFa;object=x;type=private" + hsmQuery,
			keyURI{scheme: "pkcs11", serial: "1a", id: "\x00\xffa", object: "x", module: "/m.so", pinSource: "/pin"}},
		{"a slot and a secret's file", "pkcs11:slot-id=7;object=x" + hsmQuery + "&x-secret-file=/s.pem",
			keyURI{scheme: "pkcs11", slot: "7", object: "x", module: "/m.so", pinSource: "/pin", secretFile: "/s.pem"}},
		{"a pin-source that is a file: URI", "pkcs11:token=a%3Bb;object=x?module-path=/m.so&pin-source=file:/p%2520q", // escaped as a file: URI, then as an attribute
			keyURI{scheme: "pkcs11", token: "a;b", object: "x", module: "/m.so", pinSource: "/p q"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseURI(tc.uri)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(keyURI{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseURIRefuses(t *testing.T) {
	tests := []struct{ name, uri string }{
		{"nothing", ""},
		{"another scheme", "tpmkms:name=x"},
		{"an empty path", "file:"},
		{"a host", "file://server/key.pem"},
		{"a query on a file", "file:/a?b"},
		{"a raw space", "file:/a b"},
		{"a NUL", "file:/a%00b"},
		{"octets that are not UTF-8", "file:/a%FF"},
		{"half an escape", "file:/a%4"},
		{"an escape that is no number", "file:/a%zz"},
		{"no token", "pkcs11:object=x" + hsmQuery},
		{"two ways to a token", "pkcs11:token=a;serial=b;object=x" + hsmQuery},
		{"an attribute twice", "pkcs11:token=a;token=b;object=x" + hsmQuery},
		{"an unknown attribute", "pkcs11:token=a;manufacturer=b" + hsmQuery},
		{"an unknown query attribute", "pkcs11:token=a" + hsmQuery + "&module-name=x"},
		{"an empty attribute", "pkcs11:token=" + hsmQuery},
		{"an attribute without value", "pkcs11:token" + hsmQuery},
		{"another type", "pkcs11:token=a;type=cert" + hsmQuery},
		{"a PIN in the URI", "pkcs11:token=a?module-path=/m.so&pin-value=1234"},
		{"a command for the PIN", "pkcs11:token=a?module-path=/m.so&pin-source=|cat"},
		{"a PIN's file: URI with a raw space", "pkcs11:token=a?module-path=/m.so&pin-source=file:/p%20q"},
		{"no module", "pkcs11:token=a?pin-source=/pin"},
		{"no PIN", "pkcs11:token=a?module-path=/m.so"},
		{"a slot with a leading zero", "pkcs11:slot-id=07" + hsmQuery},
		{"a slot below zero", "pkcs11:slot-id=-1" + hsmQuery},
		{"a label longer than a token's", "pkcs11:token=" + strings.Repeat("a", 33) + hsmQuery},
		{"an id that is too long", "pkcs11:token=a;id=" + strings.Repeat("%00", 65) + hsmQuery},
		{"a URI that is too long", "file:/" + strings.Repeat("a", 2048)},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			u, err := parseURI(tc.uri)
			if !errors.Is(err, fault.Invalid) || fault.Code(err) != "key_uri_invalid" {
				t.Fatalf("parsed as %+v, error %v", u, err)
			}
			if strings.Contains(err.Error(), "1234") {
				t.Error("the error repeats the PIN")
			}
		})
	}
}

func TestKeyURI(t *testing.T) {
	tests := []struct{ name, base, key, want string }{
		{"a directory", "file:/var/mohr", "root", "file:/var/mohr/root.pem"},
		{"a directory with a slash", "file:keys/", "root", "file:keys/root.pem"},
		{"the root directory", "file:/", "root", "file:/root.pem"},
		{"the working directory", "file:", "sign-p256", "file:sign-p256.pem"},
		{"a token", "pkcs11:token=mohr" + hsmQuery, "sign-p256", "pkcs11:token=mohr;object=sign-p256" + hsmQuery},
		{"a name that needs escaping", "pkcs11:token=mohr" + hsmQuery, "a;b?", "pkcs11:token=mohr;object=a%3Bb%3F" + hsmQuery},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := KeyURI(tc.base, tc.key)
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			if _, err := parseURI(got); err != nil {
				t.Error(err)
			}
		})
	}
	if got, want := KeyURI(FileURI("/a b/م"), "root"), "file:/a%20b/%D9%85/root.pem"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzParseURI: whatever is parsed, written and parsed again is the same, and
// the name for logs holds nothing of the query.
func FuzzParseURI(f *testing.F) {
	for _, seed := range []string{
		"file:/var/mohr/root.pem", "file:///a%20b", "file:////", "file:a//b/../c/", "file:keys/x.pem", "pkcs11:", "pkcs11:token=a?",
		"pkcs11:token=mohr;object=root;id=%00%01" + hsmQuery + "&x-secret-file=/s",
		"pkcs11:slot-id=0;type=private;object=%D9%85?pin-source=file:///p&module-path=/m",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseURI(s)
		if err != nil {
			if !errors.Is(err, fault.Invalid) {
				t.Fatalf("an error that is no fault: %v", err)
			}
			return
		}
		if strings.Contains(u.name(), "?") {
			t.Fatalf("the name %s has a query", u.name())
		}
		written := u.String()
		if len(written) > maxURI {
			return // escaping made it longer than we read
		}
		again, err := parseURI(written)
		if err != nil {
			t.Fatalf("%s written as %s: %v", s, written, err)
		}
		if again != u {
			t.Fatalf("%s read as %+v, then as %+v", s, u, again)
		}
	})
}
