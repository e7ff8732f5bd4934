package hsm_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"testing"

	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

// wrappingHome is where holders' keys can be made and kept outside.
type wrappingHome struct {
	name string
	base func(t testing.TB) string
}

// wrappingHomes are those that this build has.
var wrappingHomes = append([]wrappingHome{
	{"file", func(t testing.TB) string { return hsm.FileURI(t.TempDir()) }},
	{"tpmkms", func(t testing.TB) string { return pkitest.SWTPM(t).Base }},
}, wrappingTokens...)

func signsWrapped(t testing.TB, k *hsm.Keyring, uri string, w hsm.Wrapped) error {
	t.Helper()
	digest := make([]byte, sha256.Size)
	rand.Read(digest)
	signature, err := k.SignWrapped(t.Context(), uri, w, digest)
	if err != nil {
		return err
	}
	public, err := x509.ParsePKIXPublicKey(w.Public)
	if err != nil {
		return err
	}
	if !verifies(public, crypto.SHA256, digest, signature) {
		return errWrong
	}
	return nil
}

// TestAKeyIsKeptOutsideItsHome: it signs after another opening of its home, and
// what was altered or mixed with another key's never does.
func TestAKeyIsKeptOutsideItsHome(t *testing.T) {
	for _, home := range wrappingHomes {
		t.Run(home.name, func(t *testing.T) {
			uri, first := hsm.KeyURI(home.base(t), "holders"), hsm.Open(hsm.Config{})
			one, err := first.Wrap(t.Context(), uri)
			if err != nil {
				t.Fatal(err)
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			k := open(t)
			two, err := k.Wrap(t.Context(), uri)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(signsWrapped(t, k, uri, one), signsWrapped(t, k, uri, two)); err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(one.Public, two.Public) || bytes.Equal(one.Private, two.Private) {
				t.Error("two keys are one")
			}
			wantFault(t, signsWrapped(t, k, uri, hsm.Wrapped{Public: one.Public, Private: two.Private}), fault.Denied, "wrapped_key_refused")
			for name, change := range map[string]func([]byte) []byte{
				"its last octet changed": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
				"its middle changed":     func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
				"cut short":              func(b []byte) []byte { return b[:len(b)-8] },
				"something behind it":    func(b []byte) []byte { return append(b, make([]byte, 8)...) },
				"empty":                  func([]byte) []byte { return nil },
			} {
				if err := signsWrapped(t, k, uri, hsm.Wrapped{Public: one.Public, Private: change(bytes.Clone(one.Private))}); err == nil {
					t.Errorf("%s: signed", name)
				}
			}
			if _, err := k.SignWrapped(t.Context(), uri, one, make([]byte, 48)); err == nil {
				t.Error("signed what is no digest of SHA-256")
			}
			if err := signsWrapped(t, k, uri, one); err != nil {
				t.Errorf("after the refusals: %v", err)
			}
		})
	}
}

func TestKeysAreWrappedAndUsedAtOnce(t *testing.T) {
	for _, home := range wrappingHomes {
		t.Run(home.name, func(t *testing.T) {
			uri, k := hsm.KeyURI(home.base(t), "holders"), open(t)
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					w, err := k.Wrap(t.Context(), uri)
					if err == nil {
						err = errors.Join(signsWrapped(t, k, uri, w), signsWrapped(t, k, uri, w))
					}
					if err != nil {
						t.Errorf("%d: %v", i, err)
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkSignHash signs with a key that is kept outside its home, from 1 and
// 16 goroutines: each signature takes it in and forgets it.
func BenchmarkSignHash(b *testing.B) {
	for _, home := range wrappingHomes {
		b.Run(home.name, func(b *testing.B) {
			uri, k := hsm.KeyURI(home.base(b), "holders"), hsm.Open(hsm.Config{})
			defer k.Close()
			w, err := k.Wrap(b.Context(), uri)
			if err != nil {
				b.Fatal(err)
			}
			for _, many := range []int{1, 16} {
				b.Run(fmt.Sprintf("%d", many), func(b *testing.B) {
					var wg sync.WaitGroup
					for i := range many {
						wg.Go(func() {
							for range (b.N + i) / many { // in all: b.N
								if err := signsWrapped(b, k, uri, w); err != nil {
									b.Error(err)
									return
								}
							}
						})
					}
					wg.Wait()
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signatures/s")
				})
			}
		})
	}
}
