package hsm_test

import (
	"crypto"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

func TestUsesOfAKeyAreCounted(t *testing.T) {
	p, ctx := pkitest.SWTPM(t), t.Context()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	k := hsm.Open(hsm.Config{Now: func() time.Time { return at }, Timeout: 10 * time.Second})
	defer k.Close()
	uri := hsm.KeyURI(p.Base, "one")
	s, err := k.Create(ctx, uri, hsm.P384)
	if err != nil {
		t.Fatal(err)
	}
	want := hsm.Key{URI: strings.Split(p.Base, ";x-secret-file")[0] + ";name=one", Home: "tpmkms", Algorithm: "P-384", Public: s.Public()}
	same := func(name string) {
		t.Helper()
		if diff := cmp.Diff([]hsm.Key{want}, k.Keys()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	same("tests are not counted")
	for range 3 {
		mustVerify(t, s)
	}
	want.Uses = hsm.Uses{Signatures: 3, Last: time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC)}
	same("three signatures")
	again, err := k.Signer(ctx, uri)
	if err != nil {
		t.Fatal(err)
	}
	mustVerify(t, again)
	want.Uses.Signatures++
	same("one more, by the key opened again")
	p.Kill()
	if err := signOnce(s); err == nil {
		t.Fatal("signed")
	}
	want.Uses.Failures++
	same("a failure")
	if _, err := s.Sign(rand.Reader, nil, crypto.SHA384); err == nil {
		t.Fatal("signed")
	}
	same("a mistake of the caller is no failure of the key")
}

func TestAKeyIsTestedAndDescribed(t *testing.T) {
	k, ctx := open(t), t.Context()
	uri := hsm.KeyURI(hsm.FileURI(t.TempDir()), "one")
	_, err := k.Test(ctx, uri)
	wantFault(t, err, fault.NotFound, "key_not_found")
	s, err := k.Create(ctx, uri, hsm.RSA3072)
	if err != nil {
		t.Fatal(err)
	}
	got, err := k.Test(ctx, uri)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hsm.Key{URI: uri, Home: "file", Algorithm: "RSA-3072", Public: s.Public()}, got); diff != "" {
		t.Error(diff)
	}
	if err := os.Remove(strings.TrimPrefix(uri, "file:")); err != nil {
		t.Fatal(err)
	}
	_, err = k.Test(ctx, uri)
	wantFault(t, err, fault.NotFound, "key_not_found")
}

// TestReadinessSeesEachKey: a home that lost one of its keys is not ready, and
// stays so, whichever key it is.
func TestReadinessSeesEachKey(t *testing.T) {
	p, ctx, k := pkitest.SWTPM(t), t.Context(), open(t)
	for _, name := range []string{"one", "two", "three"} {
		if _, err := k.Create(ctx, hsm.KeyURI(p.Base, name), hsm.P256); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(directory(t, p.Base)+"/key-two.tpmobj", directory(t, p.Base)+"/kept"); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	seen := k.Check(ctx)
	p.Start()
	for end := time.Now().Add(back); fault.Code(seen) != "key_gone" && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		seen = k.Check(ctx)
	}
	for range 5 {
		wantFault(t, seen, fault.NotFound, "key_gone")
		seen = k.Check(ctx)
	}
	if err := os.Rename(directory(t, p.Base)+"/kept", directory(t, p.Base)+"/key-two.tpmobj"); err != nil {
		t.Fatal(err)
	}
	if err := k.Check(ctx); err != nil {
		t.Error(err)
	}
}
