package ca_test

import (
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// lying is a key whose token answers with a signature over something else.
type lying struct{ crypto.Signer }

func (l lying) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	other := slices.Clone(digest)
	other[0] ^= 1
	return l.Signer.Sign(r, other, opts)
}

func TestAWrongSignatureNeverBecomesACertificate(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	liar := with(t, f, func(conf *ca.Config) {
		conf.Issuers = slices.Clone(conf.Issuers)
		for i := range conf.Issuers {
			conf.Issuers[i].Signer = lying{conf.Issuers[i].Signer}
		}
	})
	_, csr := catest.NewKey(t)
	if _, err := liar.Issue(t.Context(), tlsOrder("one", csr)); err == nil {
		t.Fatal("issued with a signature that does not hold")
	}
	if got, err := f.ByRequest(t.Context(), "one"); err != nil || got.State != ca.Pending || got.DER != nil {
		t.Errorf("record: %s, %v", got.State, err)
	}
	c.move(2 * time.Minute)
	if s, err := liar.Sweep(t.Context()); err == nil || len(s.Finished) != 0 {
		t.Errorf("sweep with the wrong signature: %+v, %v", s, err)
	}
	if s, err := f.Sweep(t.Context()); err != nil || len(s.Finished) != 1 {
		t.Errorf("sweep with the right one: %+v, %v", s, err)
	}
}

func TestAnIntentIsSignedOnlyAsItWasRecorded(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*testing.T, *catest.Fixture) *ca.Authority
	}{
		{"its bytes have changed", func(t *testing.T, f *catest.Fixture) *ca.Authority {
			changeIntent(t, f, func(in map[string]any) { in["tbs_sha256"] = "00" })
			return f.Authority
		}},
		{"the issuer's key is another one now", func(t *testing.T, f *catest.Fixture) *ca.Authority {
			return with(t, f, func(c *ca.Config) {
				c.Issuers = slices.Clone(c.Issuers)
				for i := range c.Issuers {
					c.Issuers[i].ID = f.Authority.Issuers[(i+1)%len(c.Issuers)].ID
				}
			})
		}},
		{"the issuer is gone", func(t *testing.T, f *catest.Fixture) *ca.Authority {
			return with(t, f, func(c *ca.Config) { c.Issuers = c.Issuers[:1] })
		}},
		{"its profile is gone", func(t *testing.T, f *catest.Fixture) *ca.Authority {
			changeIntent(t, f, func(in map[string]any) { in["certificate"].(map[string]any)["profile"] = "none@1" })
			return f.Authority
		}},
		{"its profile is another one now", func(t *testing.T, f *catest.Fixture) *ca.Authority {
			changeIntent(t, f, func(in map[string]any) { in["certificate"].(map[string]any)["profile"] = ca.TimeStamping + "@1" })
			return f.Authority
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newClock()
			f := catest.New(t, c.now)
			_, csr := catest.NewKey(t)
			if _, err := failing(t, f, c.now).Issue(t.Context(), tlsOrder("one", csr)); !errors.Is(err, fault.Unavailable) {
				t.Fatal(err)
			}
			a := test.spoil(t, f)
			if _, err := a.Issue(t.Context(), tlsOrder("one", csr)); err == nil {
				t.Error("signed all the same")
			}
			c.move(2 * time.Minute)
			if s, err := a.Sweep(t.Context()); err == nil || len(s.Finished)+len(s.Voided) != 0 {
				t.Errorf("sweep: %+v, %v", s, err)
			}
			c.move(24 * time.Hour)
			if s, err := a.Sweep(t.Context()); err != nil || len(s.Voided) != 1 {
				t.Errorf("sweep after a day: %+v, %v", s, err)
			}
		})
	}
}

// changeIntent changes the one pending intent in the store.
func changeIntent(t *testing.T, f *catest.Fixture, change func(map[string]any)) {
	t.Helper()
	err := f.Store.Update(t.Context(), func(tx store.Tx) error {
		var key string
		var in map[string]any
		if err := store.Each(tx, "ca_pending", "", "", func(k string, v map[string]any) error { key, in = k, v; return nil }); err != nil {
			return err
		}
		change(in)
		return store.Save(tx, "ca_pending", key, in)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheGuardRunsOnceForACertificateAndIsUndoneWithARefusal(t *testing.T) {
	f := catest.New(t, nil)
	guarded := func(o ca.Order, runs *int) ca.Order {
		o.Guard = func(tx store.Tx) error {
			*runs++
			return store.Save(tx, "guard_test", o.Request, true)
		}
		return o
	}
	left := func(request string) (ok bool) {
		t.Helper()
		if err := f.Store.View(t.Context(), func(tx store.Tx) (err error) { ok, err = store.Has(tx, "guard_test", request); return err }); err != nil {
			t.Fatal(err)
		}
		return ok
	}
	_, csr := catest.NewKey(t)
	var runs int
	for range 3 {
		issue(t, f.Authority, guarded(tlsOrder("good", csr), &runs))
	}
	if runs != 1 || !left("good") {
		t.Errorf("ran %d times for one certificate, left %v", runs, left("good"))
	}
	o := guarded(tlsOrder("refused", csr), &runs)
	o.Service.CommonName = "other"
	_, err := f.Issue(t.Context(), o)
	wantCode(t, "the key of another", err, "key_in_use")
	if left("refused") {
		t.Error("a refused order used something up")
	}
}

func TestOneRequestWithTwoKeysAtOnceHasOneWinner(t *testing.T) {
	f := catest.New(t, nil)
	const n = 8
	certs, errs := make([]ca.Certificate, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		_, csr := catest.NewKey(t)
		wg.Go(func() { certs[i], errs[i] = f.Issue(t.Context(), tlsOrder("one", csr)) })
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			if _, err := x509.ParseCertificate(certs[i].DER); err != nil {
				t.Error(err)
			}
			continue
		}
		wantCode(t, "the others", err, "request_other_key")
	}
	if won != 1 || countRequest(t, f, "one") != 1 {
		t.Errorf("%d winners, %d certificates", won, countRequest(t, f, "one"))
	}
}

// TestAnIntentThatOutlivedItsCertificateIsVoid: what would be expired at its
// birth is not signed into the record.
func TestAnIntentThatOutlivedItsCertificateIsVoid(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	_, csr := catest.NewKey(t)
	if _, err := failing(t, f, c.now).Issue(t.Context(), tlsOrder("one", csr)); !errors.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	c.move(91 * day)
	_, err := f.Issue(t.Context(), tlsOrder("one", csr))
	wantCode(t, "taken up after its end", err, "request_void")
	if got, err := f.ByRequest(t.Context(), "one"); err != nil || got.State != ca.Void || got.Revoked == nil {
		t.Errorf("record: %s, %v", got.State, err)
	}
}
