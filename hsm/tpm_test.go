package hsm_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.step.sm/crypto/kms/apiv1"
	"go.step.sm/crypto/kms/tpmkms"

	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

func TestTPMKeys(t *testing.T) {
	base, ctx := pkitest.SWTPM(t).Base, t.Context()
	for _, algorithm := range []hsm.Algorithm{hsm.P256, hsm.P384} {
		t.Run(string(algorithm)+" is made, opened again and never overwritten", func(t *testing.T) {
			uri := hsm.KeyURI(base, "sign-"+strings.ToLower(string(algorithm)))
			k := hsm.Open(hsm.Config{})
			_, err := k.Signer(ctx, uri)
			wantFault(t, err, fault.NotFound, "key_not_found")
			made, err := k.Create(ctx, uri, algorithm)
			if err != nil {
				t.Fatal(err)
			}
			if err := signOnce(made); err != nil {
				t.Fatal(err)
			}
			_, err = k.Create(ctx, uri, hsm.P256)
			wantFault(t, err, fault.Conflict, "key_exists")
			if err := errors.Join(k.Check(ctx), k.Close()); err != nil {
				t.Fatal(err)
			}
			again, err := open(t).Signer(ctx, uri)
			if err != nil {
				t.Fatal(err)
			}
			samePublic(t, made, again)
			if err := signOnce(again); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestTPMMakesNoLongRSAKeys(t *testing.T) {
	base := pkitest.SWTPM(t).Base
	_, err := open(t).Create(t.Context(), hsm.KeyURI(base, "root"), hsm.RSA3072)
	wantFault(t, err, fault.Invalid, "tpm_rsa_unsupported")
	if hsm.Makes(base, hsm.RSA3072) || !hsm.Makes(base, hsm.P384) || !hsm.Makes("file:keys", hsm.RSA3072) || hsm.Makes("file:keys", "RSA-1024") {
		t.Error("who asks before is told otherwise")
	}
}

// TestATPMKeepsMoreKeysThanItHasRoomFor: a TPM has room for three loaded keys.
func TestATPMKeepsMoreKeysThanItHasRoomFor(t *testing.T) {
	base, ctx, k := pkitest.SWTPM(t).Base, t.Context(), open(t)
	var keys []crypto.Signer
	for i := range 16 {
		s, err := k.Create(ctx, hsm.KeyURI(base, fmt.Sprintf("key-%d", i)), hsm.P256)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, s)
	}
	signMany(t, keys...)
}

func TestTPMKeySignsTheHashOfItsCurve(t *testing.T) {
	s, err := open(t).Create(t.Context(), hsm.KeyURI(pkitest.SWTPM(t).Base, "root"), hsm.P384)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	if _, err := s.Sign(rand.Reader, digest[:], crypto.SHA256); err == nil || !strings.Contains(err.Error(), "SHA-384") {
		t.Errorf("error %v", err)
	}
}

// TestTPMKeysAreThoseOfTheKMS: its own tools can use them.
func TestTPMKeysAreThoseOfTheKMS(t *testing.T) {
	p, ctx := pkitest.SWTPM(t), t.Context()
	made, err := open(t).Create(ctx, hsm.KeyURI(p.Base, "root"), hsm.P256)
	if err != nil {
		t.Fatal(err)
	}
	kms, err := tpmkms.New(ctx, apiv1.Options{Type: apiv1.TPMKMS, URI: "tpmkms:device=" + p.Socket + ";storage-directory=" + directory(t, p.Base)})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := kms.CreateSigner(&apiv1.CreateSignerRequest{SigningKey: "tpmkms:name=root"})
	if err != nil {
		t.Fatal(err)
	}
	samePublic(t, made, theirs)
	mustVerify(t, theirs)
}

// directory is where the keys' files are.
func directory(t *testing.T, base string) string {
	t.Helper()
	_, rest, _ := strings.Cut(base, "storage-directory=")
	dir, _, ok := strings.Cut(rest, ";")
	if !ok {
		t.Fatalf("no directory in %s", base)
	}
	return dir
}

func TestTPMRefused(t *testing.T) {
	p := pkitest.SWTPM(t)
	base, uri := p.Base, hsm.KeyURI(p.Base, "root")
	if _, err := open(t).Create(t.Context(), uri, hsm.P256); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory(t, base), "key-root.tpmobj")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := []byte(strings.Replace(string(good), `"root"`, `"else"`, 1))
	tests := []struct {
		name, uri string
		content   []byte
		mode      os.FileMode
		kind      fault.Kind
		code      string
	}{
		{"readable by the group", uri, good, 0o640, fault.Invalid, "key_file_open_to_others"},
		{"cut short", uri, good[:len(good)/2], 0o600, fault.Invalid, "key_file_broken"},
		{"of another name", uri, other, 0o600, fault.Invalid, "key_file_broken"},
		{"larger than any key", uri, make([]byte, 20<<10), 0o600, fault.Invalid, "key_file_broken"},
		{"an absent device", strings.Replace(uri, p.Socket, "/absent", 1), good, 0o600, fault.Unavailable, "tpm_not_found"},
		{"a device that is a file", strings.Replace(uri, p.Socket, path, 1), good, 0o600, fault.Unavailable, "tpm_not_found"},
		{"a URI without a key", base, good, 0o600, fault.Invalid, "key_uri_invalid"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if err := errors.Join(os.WriteFile(path, tc.content, 0o600), os.Chmod(path, tc.mode)); err != nil {
				t.Fatal(err)
			}
			_, err := open(t).Signer(t.Context(), tc.uri)
			wantFault(t, err, tc.kind, tc.code)
		})
	}
}

func TestTPMSecret(t *testing.T) {
	p, ctx := pkitest.SWTPM(t), t.Context()
	uri := hsm.KeyURI(p.Base, "secret")
	_, file, _ := strings.Cut(p.Base, "x-secret-file=")
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
	sealed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	broken := strings.Replace(string(sealed), "\n", "\nAAAA", 1)
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := get(); err == nil {
		t.Errorf("a broken file gave a secret of %d octets", len(got))
	}
	if err := os.WriteFile(file, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = open(t).Secret(ctx, strings.Replace(uri, ";x-secret-file="+file, "", 1))
	wantFault(t, err, fault.Invalid, "secret_file_unnamed")
	p.Replace()
	_, err = get()
	wantFault(t, err, fault.Denied, "key_of_another_tpm")
	if after, err := os.ReadFile(file); err != nil || string(after) != string(sealed) {
		t.Errorf("the file was changed, error %v", err)
	}
}

func TestTPMHonoursTheCallersContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := open(t).Signer(ctx, hsm.KeyURI(pkitest.SWTPM(t).Base, "one"))
	wantFault(t, err, fault.Unavailable, "key_timeout")
}
