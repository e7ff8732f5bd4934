package ca_test

import (
	"bytes"
	stdcontext "context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// judging is an authority on f's store that signs for others what judge decides.
func judging(t *testing.T, f *catest.Fixture, judge func(stdcontext.Context, ca.Certificate, ca.Papers) (ca.Order, []ca.Use, error)) *ca.Authority {
	t.Helper()
	signed, err := store.OpenBolt(filepath.Join(t.TempDir(), "signed.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { signed.Close() })
	return with(t, f, func(c *ca.Config) { c.Apart = ca.Apart{Judge: judge, Signed: signed, Seal: box(t)} })
}

func box(t *testing.T) *seal.Box {
	t.Helper()
	b, err := seal.New(bytes.Repeat([]byte{7}, seal.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// asking is an authority on f's store that has no key.
func asking(t *testing.T, f *catest.Fixture, elsewhere func(stdcontext.Context, string, ca.Papers) ([]byte, error)) *ca.Authority {
	t.Helper()
	return with(t, f, func(c *ca.Config) {
		c.Keyless, c.Apart = true, ca.Apart{Elsewhere: elsewhere, Seal: box(t)}
		c.Issuers = slices.Clone(c.Issuers)
		for i := range c.Issuers {
			c.Issuers[i].Signer = nil
		}
	})
}

// TestAnIntentThatSomebodyWroteIsNotSigned: a node that signs for others signs
// a certificate of the service only as it orders it itself.
func TestAnIntentThatSomebodyWroteIsNotSigned(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	_, csr := catest.NewKey(t)
	liar := with(t, f, func(conf *ca.Config) {
		conf.Issuers = slices.Clone(conf.Issuers)
		for i := range conf.Issuers {
			conf.Issuers[i].Signer = lying{conf.Issuers[i].Signer}
		}
	})
	if _, err := liar.Issue(t.Context(), tlsOrder("one", csr)); err == nil {
		t.Fatal("issued with a signature that does not hold")
	}
	c.move(2 * time.Minute)
	a := judging(t, f, func(stdcontext.Context, ca.Certificate, ca.Papers) (ca.Order, []ca.Use, error) {
		return ca.Order{}, nil, errors.New("asked about a certificate of the service")
	})
	if s, err := a.Sweep(t.Context()); err == nil || len(s.Finished) > 0 {
		t.Errorf("the sweep signs it: %+v, %v", s, err)
	}
	other := tlsOrder("one", csr)
	other.Service.CommonName = "other.example"
	if _, err := a.Issue(t.Context(), other); fault.Code(err) != "intent_differs" {
		t.Errorf("an order of another name: %v", err)
	}
	if got, err := a.Issue(t.Context(), tlsOrder("one", csr)); err != nil || got.State != ca.Issued {
		t.Errorf("its own order: %s, %v", got.State, err)
	}
}

// TestTheNodeWithoutKeysTakesTheSignatureAndNothingElse: what another node
// answers is a signature on the bytes that were linted here, or nothing.
func TestTheNodeWithoutKeysTakesTheSignatureAndNothingElse(t *testing.T) {
	c := newClock()
	f := catest.New(t, c.now)
	_, csr := catest.NewKey(t)
	_, otherCSR := catest.NewKey(t)
	order := func(request string, csr ca.CSR) ca.Order {
		return ca.Order{Request: request, CSR: csr, Decision: f.Decide(t, catest.Zahra, ca.NaturalSign), Papers: func(stdcontext.Context) (ca.Papers, error) {
			return ca.Papers{CSR: []byte(request)}, nil
		}}
	}
	keys := judging(t, f, func(_ stdcontext.Context, _ ca.Certificate, p ca.Papers) (ca.Order, []ca.Use, error) {
		return ca.Order{CSR: csr, Decision: f.Decide(t, catest.Zahra, ca.NaturalSign)}, []ca.Use{{Mark: "answer"}}, nil
	})
	var answer func(stdcontext.Context, string, ca.Papers) ([]byte, error)
	a := asking(t, f, func(ctx stdcontext.Context, serial string, p ca.Papers) ([]byte, error) {
		return answer(ctx, serial, p)
	})

	if _, err := a.Issue(t.Context(), tlsOrder("own", otherCSR)); fault.Code(err) != "issuer_elsewhere" {
		t.Errorf("a certificate of the service: %v", err)
	}
	bare := order("bare", csr)
	bare.Papers = nil
	if _, err := a.Issue(t.Context(), bare); err == nil {
		t.Error("an order without papers is taken")
	}
	away := fault.New(fault.Unavailable, "issuer_away", "away")
	answer = func(stdcontext.Context, string, ca.Papers) ([]byte, error) { return nil, away }
	if _, err := a.Issue(t.Context(), order("one", csr)); !errors.Is(err, fault.Unavailable) {
		t.Fatalf("nobody signs: %v", err)
	}
	stranger, _ := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "stranger")
	answer = func(stdcontext.Context, string, ca.Papers) ([]byte, error) { return stranger.Certificate.Raw, nil }
	if _, err := a.Issue(t.Context(), order("one", csr)); err == nil {
		t.Error("another certificate is taken")
	}
	answer = keys.SignFor
	c.move(2 * time.Minute)
	if s, err := a.Sweep(t.Context()); err != nil || len(s.Finished) != 1 {
		t.Fatalf("the sweep asks again: %+v, %v", s, err)
	}
	got, err := a.ByRequest(t.Context(), "one")
	if err != nil || got.State != ca.Issued {
		t.Fatal(got.State, err)
	}
	if again, err := keys.SignFor(t.Context(), got.Serial, ca.Papers{}); err != nil || !bytes.Equal(again, got.DER) {
		t.Errorf("asked again: %v", err)
	}
	if _, err := a.Issue(t.Context(), order("two", csr)); fault.Code(err) != "evidence_used" {
		t.Errorf("the same answer for another request: %v", err)
	}
	if _, err := a.Issue(t.Context(), order("three", otherCSR)); fault.Code(err) != "intent_differs" {
		t.Errorf("another key than the papers': %v", err)
	}
}
