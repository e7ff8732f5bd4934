//go:build cgo && !nopkcs11

package hsm_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

// attribute returns the value of a query attribute of a base URI of pkitest.
func attribute(t *testing.T, base, name string) string {
	t.Helper()
	m := regexp.MustCompile("[?&]" + name + "=([^&]+)").FindStringSubmatch(base)
	if m == nil {
		t.Fatalf("%s has no %s", base, name)
	}
	return m[1]
}

func TestTokenKeys(t *testing.T) {
	base, ctx := pkitest.SoftHSM(t), t.Context()
	for _, algorithm := range []hsm.Algorithm{hsm.P256, hsm.P384, hsm.RSA3072} {
		t.Run(string(algorithm)+" is made, opened again and never overwritten", func(t *testing.T) {
			uri := hsm.KeyURI(base, "sign-"+strings.ToLower(string(algorithm)))
			k := hsm.Open(hsm.Config{})
			_, err := k.Signer(ctx, uri)
			wantFault(t, err, fault.NotFound, "key_not_found")
			made, err := k.Create(ctx, uri, algorithm)
			if err != nil {
				t.Fatal(err)
			}
			mustVerify(t, made)
			for _, taken := range []string{uri, strings.Replace(uri, "?", ";id=%01%02?", 1)} {
				_, err = k.Create(ctx, taken, hsm.P256)
				wantFault(t, err, fault.Conflict, "key_exists")
			}
			if err := errors.Join(k.Check(ctx), k.Close()); err != nil {
				t.Fatal(err)
			}
			again, err := open(t).Signer(ctx, uri)
			if err != nil {
				t.Fatal(err)
			}
			samePublic(t, made, again)
			mustVerify(t, again)
		})
	}
}

func TestTokenKeysNeverLeave(t *testing.T) {
	base, ctx := pkitest.SoftHSM(t), t.Context()
	k := hsm.Open(hsm.Config{})
	for name, algorithm := range map[string]hsm.Algorithm{"one": hsm.P256, "two": hsm.RSA3072} {
		if _, err := k.Create(ctx, hsm.KeyURI(base, name), algorithm); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	out := pkcs11Tool(t, base, "--list-objects", "--type", "privkey")
	access := regexp.MustCompile(`Access: +(.*)`).FindAllStringSubmatch(out, -1)
	if len(access) != 2 {
		t.Fatalf("not two private keys:\n%s", out)
	}
	for _, a := range access {
		if got := strings.TrimSpace(a[1]); got != "sensitive, always sensitive, never extractable, local" {
			t.Errorf("access %q", got)
		}
	}
}

func TestTokenRefused(t *testing.T) {
	base := pkitest.SoftHSM(t)
	pin := attribute(t, base, "pin-source")
	setPIN := func(t *testing.T, text string, mode os.FileMode) {
		if err := errors.Join(os.WriteFile(pin, []byte(text), 0o600), os.Chmod(pin, mode)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name, old, new string
		pin            string
		mode           os.FileMode
		kind           fault.Kind
		code           string
	}{
		{"an absent token", "token=mohr", "token=other", pkitest.PIN, 0o600, fault.Unavailable, "token_not_found"},
		{"an absent serial", "token=mohr", "serial=0000", pkitest.PIN, 0o600, fault.Unavailable, "token_not_found"},
		{"an absent module", "module-path=/", "module-path=/absent/", pkitest.PIN, 0o600, fault.Unavailable, "pkcs11_module_missing"},
		{"a file that is no module", "module-path=" + attribute(t, base, "module-path"), "module-path=" + pin, pkitest.PIN, 0o600, fault.Unavailable, "pkcs11_module_missing"},
		{"a wrong PIN", "", "", "000000", 0o600, fault.Denied, "token_pin_refused"},
		{"an empty PIN file", "", "", " \n", 0o600, fault.Invalid, "token_pin_missing"},
		{"a PIN file that others read", "", "", pkitest.PIN, 0o644, fault.Invalid, "key_file_open_to_others"},
		{"no PIN file", "pin-source=/", "pin-source=/absent/", pkitest.PIN, 0o600, fault.Invalid, "token_pin_missing"},
		{"a URI without a key", ";object=root", "", pkitest.PIN, 0o600, fault.Invalid, "key_uri_invalid"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			setPIN(t, tc.pin, tc.mode)
			uri := strings.Replace(hsm.KeyURI(base, "root"), tc.old, tc.new, 1)
			_, err := open(t).Signer(t.Context(), uri)
			wantFault(t, err, tc.kind, tc.code)
			if strings.Contains(err.Error(), "000000") || strings.Contains(err.Error(), pin) && tc.code != "token_pin_missing" {
				t.Errorf("the error tells the PIN or where it is: %v", err)
			}
		})
	}
}

func TestTokenSignsConcurrently(t *testing.T) {
	base, ctx := pkitest.SoftHSM(t), t.Context()
	k := open(t)
	one, err1 := k.Create(ctx, hsm.KeyURI(base, "one"), hsm.P256)
	two, err2 := k.Create(ctx, hsm.KeyURI(base, "two"), hsm.P384)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	signMany(t, one, two)
}

func TestTokenSecret(t *testing.T) {
	base, ctx := pkitest.SoftHSM(t), t.Context()
	uri, file := hsm.KeyURI(base, "secret"), attribute(t, base, "x-secret-file")
	get := func() (string, error) {
		k := hsm.Open(hsm.Config{})
		defer k.Close()
		b, err := k.Secret(ctx, uri)
		return string(b), err
	}
	first, err := get()
	if err != nil || len(first) != hsm.SecretSize {
		t.Fatalf("%d octets, error %v", len(first), err)
	}
	if second, err := get(); err != nil || second != first {
		t.Fatalf("another secret came back, error %v", err)
	}
	wrapped, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(wrapped), first) {
		t.Error("the secret is in the file as it is")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err = get()
	wantFault(t, err, fault.Conflict, "secret_lost")
	if _, err := os.Stat(file); err == nil {
		t.Error("a refused secret left a file")
	}
	broken := strings.Replace(string(wrapped), "\n", "\nAAAA", 1)
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := get(); err == nil {
		t.Errorf("a broken file gave a secret of %d octets", len(got))
	}
	_, err = open(t).Secret(ctx, strings.Replace(uri, "&x-secret-file="+file, "", 1))
	wantFault(t, err, fault.Invalid, "secret_file_unnamed")
}

func TestTokenHonoursTheCallersContext(t *testing.T) {
	base := pkitest.SoftHSM(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := open(t).Signer(ctx, hsm.KeyURI(base, "one"))
	wantFault(t, err, fault.Unavailable, "key_timeout")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the cause is lost: %v", err)
	}
}
