package keyuri

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/internal/fault"
)

const (
	hsmQuery = "?module-path=/m.so&pin-source=/pin"
	tpmHome  = ";storage-directory=/s;device=/d"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, uri string
		want      URI
	}{
		{"an absolute file", "file:/var/mohr/root.pem", URI{Scheme: "file", Path: "/var/mohr/root.pem"}},
		{"an absolute file with an empty authority", "file:///var/root.pem", URI{Scheme: "file", Path: "/var/root.pem"}},
		{"a relative file", "file:keys/root.pem", URI{Scheme: "file", Path: "keys/root.pem"}},
		{"an escaped path", "file:/a%20b/%D9%85.pem", URI{Scheme: "file", Path: "/a b/م.pem"}},
		{"a key in a token", "pkcs11:token=mohr;object=root" + hsmQuery,
			URI{Scheme: "pkcs11", Token: "mohr", Object: "root", Module: "/m.so", PINSource: "/pin"}},
		{"a binary id", "pkcs11:serial=1a;id=%00%FFa;object=x;type=private" + hsmQuery,
			URI{Scheme: "pkcs11", Serial: "1a", ID: "\x00\xffa", Object: "x", Module: "/m.so", PINSource: "/pin"}},
		{"a slot and a secret's file", "pkcs11:slot-id=7;object=x" + hsmQuery + "&x-secret-file=/s.pem",
			URI{Scheme: "pkcs11", Slot: "7", Object: "x", Module: "/m.so", PINSource: "/pin", SecretFile: "/s.pem"}},
		{"a pin-source that is a file: URI", "pkcs11:token=a%3Bb;object=x?module-path=/m.so&pin-source=file:/p%2520q", // escaped as a file: URI, then as an attribute
			URI{Scheme: "pkcs11", Token: "a;b", Object: "x", Module: "/m.so", PINSource: "/p q"}},
		{"a key in a TPM", "tpmkms:name=sign-p256;storage-directory=/var/mohr/tpm;device=/dev/tpmrm0",
			URI{Scheme: "tpmkms", Object: "sign-p256", Directory: "/var/mohr/tpm", Device: "/dev/tpmrm0"}},
		{"a TPM's home with a secret", "tpmkms:device=/run/a%20b.sock;storage-directory=keys;x-secret-file=/s.pem",
			URI{Scheme: "tpmkms", Directory: "keys", Device: "/run/a b.sock", SecretFile: "/s.pem"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Parse(tc.uri)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, uri string }{
		{"nothing", ""},
		{"another scheme", "yubikey:slot-id=9a"},
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
		{"a TPM without directory", "tpmkms:name=a;device=/d"},
		{"a TPM without device", "tpmkms:name=a;storage-directory=/s"},
		{"a TPM's key that is a path", "tpmkms:name=../a" + tpmHome},
		{"a TPM's key that hides a path", "tpmkms:name=..%2Fa" + tpmHome},
		{"a TPM's key that is a hidden file", "tpmkms:name=.a" + tpmHome},
		{"a TPM's key without name", "tpmkms:name=" + tpmHome},
		{"a TPM's key with a name that is too long", "tpmkms:name=" + strings.Repeat("a", 65) + tpmHome},
		{"a TPM's attribute twice", "tpmkms:name=a;name=b" + tpmHome},
		{"a TPM's unknown attribute", "tpmkms:name=a;ak=true" + tpmHome},
		{"a TPM's query", "tpmkms:name=a" + tpmHome + "?x=y"},
		{"a URI that is too long", "file:/" + strings.Repeat("a", 2048)},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			u, err := Parse(tc.uri)
			if !errors.Is(err, fault.Invalid) || fault.Code(err) != "key_uri_invalid" {
				t.Fatalf("parsed as %+v, error %v", u, err)
			}
			if strings.Contains(err.Error(), "1234") {
				t.Error("the error repeats the PIN")
			}
		})
	}
}

func TestJoin(t *testing.T) {
	tests := []struct{ name, base, key, want string }{
		{"a directory", "file:/var/mohr", "root", "file:/var/mohr/root.pem"},
		{"a directory with a slash", "file:keys/", "root", "file:keys/root.pem"},
		{"the root directory", "file:/", "root", "file:/root.pem"},
		{"the working directory", "file:", "sign-p256", "file:sign-p256.pem"},
		{"a token", "pkcs11:token=mohr" + hsmQuery, "sign-p256", "pkcs11:token=mohr;object=sign-p256" + hsmQuery},
		{"a TPM", "tpmkms:storage-directory=/s;device=/d", "sign-p256", "tpmkms:storage-directory=/s;device=/d;name=sign-p256"},
		{"a name that needs escaping", "pkcs11:token=mohr" + hsmQuery, "a;b?", "pkcs11:token=mohr;object=a%3Bb%3F" + hsmQuery},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := Join(tc.base, tc.key)
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			if _, err := Parse(got); err != nil {
				t.Error(err)
			}
		})
	}
	if got, want := Join(OfFile("/a b/م"), "root"), "file:/a%20b/%D9%85/root.pem"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzParse: whatever is parsed, written and parsed again is the same, and
// the name for logs holds nothing of the query.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"file:/var/mohr/root.pem", "file:///a%20b", "file:////", "file:a//b/../c/", "file:keys/x.pem", "pkcs11:", "pkcs11:token=a?",
		"pkcs11:token=mohr;object=root;id=%00%01" + hsmQuery + "&x-secret-file=/s",
		"tpmkms:name=a;storage-directory=/a%20b;device=/d;x-secret-file=/%3B", "tpmkms:", "tpmkms:storage-directory=//;device=.",
		"pkcs11:slot-id=0;type=private;object=%D9%85?pin-source=file:///p&module-path=/m",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := Parse(s)
		if err != nil {
			if !errors.Is(err, fault.Invalid) {
				t.Fatalf("an error that is no fault: %v", err)
			}
			return
		}
		if strings.Contains(u.Name(), "?") || strings.Contains(u.Name(), "x-secret-file=") {
			t.Fatalf("the name %s leads to a secret", u.Name())
		}
		written := u.String()
		if len(written) > maxURI {
			return // escaping made it longer than we read
		}
		again, err := Parse(written)
		if err != nil {
			t.Fatalf("%s written as %s: %v", s, written, err)
		}
		if again != u {
			t.Fatalf("%s read as %+v, then as %+v", s, u, again)
		}
	})
}
