package consistency_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/consistency"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// place is an authority with certificates in every state, which serves.
type place struct {
	*catest.Fixture
	log                                          *ledger.Log
	url                                          string // of the plain listener and of the log
	now                                          time.Time
	good, old, renewed, gone, held, lifted, void ca.Certificate
	pending, overlapping, overlap                ca.Certificate
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{now: time.Now().UTC().Truncate(time.Second)}
	clock := func() time.Time { return p.now }
	p.Fixture = catest.New(t, clock)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if p.log, err = ledger.New(ledger.Config{Store: p.Store, Signer: key, Origin: "mohr.test/log", Now: clock}); err != nil {
		t.Fatal(err)
	}
	p.serve(t)
	p.populate(t)
	p.now = p.now.Add(time.Minute)
	if err := p.log.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) populate(t *testing.T) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	issue := func(request string) ca.Certificate {
		_, c := p.IssueTo(t, catest.Zahra, ca.NaturalSign, request)
		return c
	}
	p.good, p.old, p.gone, p.held, p.lifted, p.overlapping = issue("good"), issue("old"), issue("gone"), issue("held"), issue("lifted"), issue("overlapping")
	p.renewed = p.renew(t, p.Authority, p.old, 0)
	p.overlap = p.renew(t, p.Authority, p.overlapping, 14*24*time.Hour)
	must(p.Revoke(t.Context(), p.gone.Serial, ca.KeyCompromise, "operator:test"))
	must(p.Suspend(t.Context(), p.held.Serial, "operator:test"))
	must(p.Suspend(t.Context(), p.lifted.Serial, "operator:test"))
	must(p.Resume(t.Context(), p.lifted.Serial, "operator:test")) // in the same second
	p.pend(t, "void")
	p.now = p.now.Add(25 * time.Hour)
	_, err := p.Sweep(t.Context())
	must(err)
	p.void, err = p.ByRequest(t.Context(), "void")
	must(err)
	p.pending = p.pend(t, "pending")
	if p.void.State != ca.Void || p.pending.State != ca.Pending {
		t.Fatalf("the fixture has %s and %s", p.void.State, p.pending.State)
	}
}

// renew replaces old. The decision is the full proofing's: what renew decides
// is not looked at here.
func (p *place) renew(t *testing.T, a *ca.Authority, old ca.Certificate, overlap time.Duration) ca.Certificate {
	t.Helper()
	_, csr := catest.NewKey(t)
	c, err := a.Issue(t.Context(), ca.Order{Request: "renewal of " + old.Serial, CSR: csr, Decision: p.Decide(t, catest.Zahra, ca.NaturalSign), Replaces: old.Serial, Overlap: overlap})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// unreachable is a signer whose token was pulled.
type unreachable struct{ crypto.Signer }

func (unreachable) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("token removed")
}

// pend leaves an intent behind.
func (p *place) pend(t *testing.T, request string) ca.Certificate {
	t.Helper()
	config := p.Authority.Config
	config.Issuers = nil
	for _, i := range p.Issuers {
		i.Signer = unreachable{i.Signer}
		config.Issuers = append(config.Issuers, i)
	}
	a, err := ca.New(config)
	if err != nil {
		t.Fatal(err)
	}
	_, csr := catest.NewKey(t)
	if _, err := a.Issue(t.Context(), ca.Order{Request: request, CSR: csr, Decision: p.Decide(t, catest.Zahra, ca.NaturalSign)}); err == nil {
		t.Fatal("a pulled token issued a certificate")
	}
	c, err := a.ByRequest(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// live asks the place's own listener, or what spoil makes of its answers.
func (p *place) live(t *testing.T, spoil func(path string, b []byte) []byte) *consistency.Live {
	t.Helper()
	fetch := func(ctx context.Context, method, path string, body []byte) ([]byte, error) {
		q, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		q.Header.Set("Content-Type", "application/ocsp-request")
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			return nil, err
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		switch {
		case err != nil:
			return nil, err
		case r.StatusCode == http.StatusNotFound:
			return nil, consistency.ErrNone
		case r.StatusCode != http.StatusOK:
			return nil, fmt.Errorf("%s: %s", path, r.Status)
		}
		if spoil != nil {
			b = spoil(path, b)
		}
		if b == nil {
			return nil, consistency.ErrNone
		}
		return b, nil
	}
	get := func(ctx context.Context, path string) ([]byte, error) { return fetch(ctx, http.MethodGet, path, nil) }
	c, err := p.log.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &consistency.Live{
		Get: get,
		Post: func(ctx context.Context, path string, b []byte) ([]byte, error) {
			return fetch(ctx, http.MethodPost, path, b)
		},
		Log: ledger.Public{Key: p.log.VerifierKey(), Fetch: func(ctx context.Context, path string) ([]byte, error) { return get(ctx, "/log/"+path) }},
		At:  c, Now: p.Now,
	}
}

// check runs the check, as of now, with the live service if there is one.
func (p *place) check(t *testing.T, live *consistency.Live) consistency.Report {
	t.Helper()
	c, err := consistency.Stored(t.Context(), p.Store, p.now)
	if err != nil {
		t.Fatal(err)
	}
	c.Live = live
	r, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// change edits a record in its bucket, as a bug or a burglar would.
func change(t *testing.T, s store.Store, bucket, key string, fn func(m map[string]any)) {
	t.Helper()
	err := s.Update(t.Context(), func(tx store.Tx) error {
		m, err := store.Load[map[string]any](tx, bucket, key)
		if err != nil {
			return err
		}
		fn(m)
		return store.Save(tx, bucket, key, m)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, s store.Store, bucket, key string) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Delete(bucket, key) }); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, s store.Store, bucket, key string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = s.Update(t.Context(), func(tx store.Tx) error { return tx.Put(bucket, key, b) })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// want fails unless exactly these findings, "code subject", are there.
func want(t *testing.T, r consistency.Report, findings ...string) {
	t.Helper()
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Code+" "+f.Subject)
	}
	slices.Sort(got)
	slices.Sort(findings)
	if !slices.Equal(got, findings) {
		t.Errorf("findings %q, want %q\n%v", got, findings, r.Findings)
	}
}

type ctx = context.Context

// with returns c, changed.
func with(c ca.Certificate, fn func(*ca.Certificate)) ca.Certificate {
	fn(&c)
	return c
}

func (p *place) append(t *testing.T, e ledger.Event) {
	t.Helper()
	if err := p.Store.Update(t.Context(), func(tx store.Tx) error { return ledger.Append(tx, e) }); err != nil {
		t.Fatal(err)
	}
}

// responder returns the OCSP responder's certificate of an issuer.
func (p *place) responder(id ca.IssuerID) (found ca.Certificate) {
	p.Store.View(context.Background(), func(tx store.Tx) error {
		return ca.EachCertificate(tx, "", func(c ca.Certificate) error {
			if c.Issuer == id && c.Service != "" {
				found = c
			}
			return nil
		})
	})
	return found
}

func sum(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
