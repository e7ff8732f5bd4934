package hsm_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"mohr/hsm"
	"mohr/internal/fault"
)

func open(t *testing.T) *hsm.Keyring {
	t.Helper()
	k := hsm.Open(hsm.Config{})
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func samePublic(t *testing.T, a, b crypto.Signer) {
	t.Helper()
	if !a.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(b.Public()) {
		t.Fatal("another key came back")
	}
}

func wantFault(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if !errors.Is(err, kind) || fault.Code(err) != code {
		t.Fatalf("error %v, code %q; want %s of kind %s", err, fault.Code(err), code, kind)
	}
}

func TestFileKeys(t *testing.T) {
	for _, algorithm := range []hsm.Algorithm{hsm.P256, hsm.P384, hsm.RSA3072} {
		t.Run(string(algorithm)+" is made, opened again and never overwritten", func(t *testing.T) {
			k, ctx := open(t), t.Context()
			uri := hsm.KeyURI(hsm.FileURI(t.TempDir())+"/new", "root")
			_, err := k.Signer(ctx, uri)
			wantFault(t, err, fault.NotFound, "key_not_found")
			made, err := k.Create(ctx, uri, algorithm)
			if err != nil {
				t.Fatal(err)
			}
			mustVerify(t, made)
			_, err = k.Create(ctx, uri, hsm.P256)
			wantFault(t, err, fault.Conflict, "key_exists")
			again, err := open(t).Signer(ctx, uri)
			if err != nil {
				t.Fatal(err)
			}
			samePublic(t, made, again)
			mustVerify(t, again)
		})
	}
}

func TestFileKeyIsPKCS8ForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := open(t).Create(t.Context(), hsm.KeyURI(hsm.FileURI(dir), "root"), hsm.P256); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "root.pem")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, error %v", info.Mode(), err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) != 0 {
		t.Fatal("not one PEM block of PKCS#8")
	}
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFileKeyRefused(t *testing.T) {
	block := func(kind string, key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := block("PRIVATE KEY", p256)
	tests := []struct {
		name    string
		content []byte
		mode    os.FileMode
		kind    fault.Kind
		code    string
	}{
		{"readable by the group", good, 0o640, fault.Invalid, "key_file_open_to_others"},
		{"readable by the world", good, 0o604, fault.Invalid, "key_file_open_to_others"},
		{"empty", nil, 0o600, fault.Invalid, "key_file_broken"},
		{"cut short", good[:len(good)/2], 0o600, fault.Invalid, "key_file_broken"},
		{"with something after the block", append(good[:len(good):len(good)], "x"...), 0o600, fault.Invalid, "key_file_broken"},
		{"of another PEM type", block("EC PRIVATE KEY", p256), 0o600, fault.Invalid, "key_file_broken"},
		{"encrypted", block("ENCRYPTED PRIVATE KEY", p256), 0o600, fault.Invalid, "key_file_encrypted"},
		{"not a key inside", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{0x30, 0}}), 0o600, fault.Invalid, "key_file_broken"},
		{"larger than any key", append(make([]byte, 20<<10), good...), 0o600, fault.Invalid, "key_file_broken"},
		{"on a curve we do not use", block("PRIVATE KEY", p224), 0o600, fault.Invalid, "key_kind_unsupported"},
		{"an Ed25519 key", block("PRIVATE KEY", ed), 0o600, fault.Invalid, "key_kind_unsupported"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "root.pem")
			if err := os.WriteFile(path, tc.content, tc.mode); err != nil {
				t.Fatal(err)
			}
			_, err := open(t).Signer(t.Context(), hsm.FileURI(path))
			wantFault(t, err, tc.kind, tc.code)
		})
	}
}

func TestFileCreateHasOneWinner(t *testing.T) {
	uri := hsm.KeyURI(hsm.FileURI(t.TempDir()), "root")
	var won, lost int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		k := open(t) // keyrings of their own, as processes have
		wg.Go(func() {
			_, err := k.Create(context.Background(), uri, hsm.P256)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case errors.Is(err, fault.Conflict):
				lost++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 || lost != 7 {
		t.Errorf("%d won and %d lost", won, lost)
	}
}

func TestSignerTakesDigestsOnly(t *testing.T) {
	s, err := open(t).Create(t.Context(), hsm.KeyURI(hsm.FileURI(t.TempDir()), "root"), hsm.P256)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		digest []byte
		opts   crypto.SignerOpts
	}{
		{"no options", make([]byte, 32), nil},
		{"no hash", make([]byte, 32), crypto.Hash(0)},
		{"a digest that is too short", make([]byte, 31), crypto.SHA256},
		{"a digest of another hash", make([]byte, 32), crypto.SHA384},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := s.Sign(rand.Reader, tc.digest, tc.opts); err == nil {
				t.Error("signed")
			}
		})
	}
	if _, ok := s.(crypto.Decrypter); ok {
		t.Error("a signer that decrypts")
	}
	if _, ok := s.(*ecdsa.PrivateKey); ok {
		t.Error("the private half is in the caller's hands")
	}
}

func TestFileSecret(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	uri := hsm.KeyURI(hsm.FileURI(dir), "secret")
	first, err := open(t).Secret(ctx, uri)
	if err != nil || len(first) != hsm.SecretSize {
		t.Fatalf("%d octets, error %v", len(first), err)
	}
	second, err := open(t).Secret(ctx, uri)
	if err != nil || string(second) != string(first) {
		t.Fatalf("another secret came back, error %v", err)
	}
	path := filepath.Join(dir, "secret.pem")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, error %v", info.Mode(), err)
	}
	_, err = open(t).Signer(ctx, uri)
	wantFault(t, err, fault.Invalid, "key_file_broken")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "MOHR SERVICE SECRET", Bytes: first[:16]}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = open(t).Secret(ctx, uri)
	wantFault(t, err, fault.Invalid, "key_file_broken")
}

func TestFileSecretIsOneForRacingProcesses(t *testing.T) {
	uri := hsm.KeyURI(hsm.FileURI(t.TempDir()), "secret")
	got := make([]string, 8)
	var wg sync.WaitGroup
	for i := range got {
		k := open(t)
		wg.Go(func() {
			b, err := k.Secret(context.Background(), uri)
			if err != nil {
				t.Error(err)
			}
			got[i] = string(b)
		})
	}
	wg.Wait()
	for i := range got {
		if got[i] != got[0] {
			t.Fatal("two secrets")
		}
	}
}

func TestClosedKeyring(t *testing.T) {
	ctx, k := t.Context(), hsm.Open(hsm.Config{})
	uri := hsm.KeyURI(hsm.FileURI(t.TempDir()), "root")
	s, err := k.Create(ctx, uri, hsm.P256)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(k.Check(ctx), k.Close(), k.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = k.Signer(ctx, uri)
	wantFault(t, err, fault.Unavailable, "keyring_closed")
	wantFault(t, k.Check(ctx), fault.Unavailable, "keyring_closed")
	_, err = s.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	wantFault(t, err, fault.Unavailable, "keyring_closed")
}
