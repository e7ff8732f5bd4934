package status_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/status"
	"mohr/internal/fault"
	"mohr/internal/store"
)

func TestAKeyOutOfReachNeverHidesARevocation(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	_, record := s.issue(t, "application-1")
	first := s.list(t)
	config := s.Fixture.Authority.Config
	config.Issuers = nil
	for _, i := range s.Fixture.Issuers {
		i.Signer = &flaky{Signer: i.Signer}
		config.Issuers = append(config.Issuers, i)
	}
	a, err := ca.New(config)
	if err != nil {
		t.Fatal(err)
	}
	r, url := s.second(t, func(c *status.Config) { c.Authority = a })
	crl := func() (status.CRL, error) { return r.CRL(t.Context(), ca.SignIssuer, 0) }
	if got, err := crl(); err != nil || !bytes.Equal(got.DER, first.Raw) {
		t.Fatalf("the stored CRL: %v", err)
	}
	c.at = c.at.Add(13 * time.Hour) // due, but still good
	if got, err := crl(); err != nil || !bytes.Equal(got.DER, first.Raw) {
		t.Errorf("a CRL before its nextUpdate: %v", err)
	}
	s.revoke(t, record.Serial, ca.KeyCompromise)
	if _, err := crl(); fault.Code(err) != "crl_unavailable" {
		t.Errorf("a CRL that lacks a revocation: %v, want crl_unavailable", err)
	}
	if res, _ := get(t, url+"/crl/"+string(ca.SignIssuer)+"/0.crl"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", res.StatusCode)
	}
	for _, i := range config.Issuers {
		i.Signer.(*flaky).back.Store(true)
	}
	if got, err := crl(); err != nil || got.Number <= first.Number.Int64() {
		t.Errorf("the key is back: CRL %d, %v", got.Number, err)
	}
}

// flaky is a signer whose token was pulled and comes back.
type flaky struct {
	crypto.Signer
	back atomic.Bool
}

func (f *flaky) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if !f.back.Load() {
		return nil, errors.New("token removed")
	}
	return f.Signer.Sign(r, digest, o)
}

// between is a store that lets another node work before its next update.
type between struct {
	store.Store
	work func()
}

func (b *between) Update(ctx context.Context, fn func(store.Tx) error) error {
	if work := b.work; work != nil {
		b.work = nil
		work()
	}
	return b.Store.Update(ctx, fn)
}

func TestANodeThatFellBehindGivesOutNoHigherNumberForLess(t *testing.T) {
	s := serve(t, newClock())
	_, record := s.issue(t, "application-1")
	b := &between{Store: s.Fixture.Store}
	slow, _ := s.second(t, func(c *status.Config) { c.Store = b })
	// The slow node has read an empty shard when a revocation comes and
	// another node signs the CRL over it.
	b.work = func() {
		s.revoke(t, record.Serial, ca.Superseded)
		if got := s.list(t); len(got.RevokedCertificateEntries) != 1 {
			t.Errorf("the fast node's CRL has %d entries", len(got.RevokedCertificateEntries))
		}
	}
	got, err := slow.CRL(t.Context(), ca.SignIssuer, 0)
	if err != nil {
		t.Fatal(err)
	}
	if fast := s.list(t); got.Number != fast.Number.Int64() || !bytes.Equal(got.DER, fast.Raw) {
		t.Errorf("the slow node has CRL %d, the fast one %v", got.Number, fast.Number)
	}
}

func TestManyReadersCostOneSignature(t *testing.T) {
	s := serve(t, newClock())
	_, record := s.issue(t, "application-1")
	config := s.Fixture.Authority.Config
	config.Issuers = slices.Clone(config.Issuers)
	var key *counted
	for n, i := range config.Issuers {
		if i.ID == ca.SignIssuer {
			key = &counted{Signer: i.Signer}
			config.Issuers[n].Signer = key
		}
	}
	a, err := ca.New(config)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := s.second(t, func(c *status.Config) { c.Authority = a })
	s.revoke(t, record.Serial, ca.Superseded)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := r.CRL(t.Context(), ca.SignIssuer, 0); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := key.uses.Load(); n != 1 {
		t.Errorf("20 readers had the key used %d times", n)
	}
}
