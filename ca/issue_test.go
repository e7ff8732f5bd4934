package ca_test

import (
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/store"
)

var emptyRequest = x509.CertificateRequest{}

func countRequest(t *testing.T, f *catest.Fixture, request string) (n int) {
	t.Helper()
	list, err := f.List(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.Request == request {
			n++
		}
	}
	return n
}

// countLeaves counts the ledger's waiting leaves of a kind and subject.
func countLeaves(t *testing.T, s store.Store, kind, subject string) (n int) {
	t.Helper()
	err := s.View(t.Context(), func(tx store.Tx) error {
		return store.Each(tx, "ledger_pending", "", "", func(_ string, leaf struct{ Leaf []byte }) error {
			if strings.Contains(string(leaf.Leaf), kind) && strings.Contains(string(leaf.Leaf), subject) {
				n++
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func tlsOrder(request string, csr ca.CSR) ca.Order {
	return ca.Order{Request: request, CSR: csr, Service: ca.Service{Profile: ca.ServiceTLS, CommonName: "node", DNSNames: []string{"node.test"}}}
}

func TestOneRequestYieldsOneCertificateHoweverOftenItIsSent(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	var wg sync.WaitGroup
	got := make([]ca.Certificate, 20)
	for i := range got {
		wg.Go(func() {
			c, err := f.Issue(t.Context(), tlsOrder("one", csr))
			if err != nil {
				t.Error(err)
			}
			got[i] = c
		})
	}
	wg.Wait()
	for _, c := range got {
		if string(c.DER) != string(got[0].DER) || len(c.DER) == 0 {
			t.Fatal("two callers got different certificates")
		}
	}
	if n := countRequest(t, f, "one"); n != 1 {
		t.Errorf("%d certificates", n)
	}
	if n := countLeaves(t, f.Store, "certificate.issued", got[0].Serial); n != 1 {
		t.Errorf("%d leaves", n)
	}
	_, other := catest.NewKey(t)
	if _, err := f.Issue(t.Context(), tlsOrder("one", other)); fault.Code(err) != "request_other_key" {
		t.Errorf("another key under the same request: %v", err)
	}
}

func TestGuardRefusesBeforeAnythingIsRecorded(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	o := tlsOrder("guarded", csr)
	no := errors.New("no")
	o.Guard = func(store.Tx) error { return no }
	if _, err := f.Issue(t.Context(), o); !errors.Is(err, no) {
		t.Fatalf("guard's error lost: %v", err)
	}
	if _, err := f.ByRequest(t.Context(), "guarded"); !errors.Is(err, fault.NotFound) {
		t.Errorf("a refused order left a record: %v", err)
	}
	if s, err := f.Sweep(t.Context()); err != nil || len(s.Finished)+len(s.Voided) > 0 {
		t.Errorf("sweep found %v, %v", s, err)
	}
}

func TestOrdersWithoutApprovalAreRefused(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	for _, profile := range []string{ca.NaturalSign, ca.OrganisationSign} {
		_, err := f.Issue(t.Context(), ca.Order{Request: "r", CSR: csr, Service: ca.Service{Profile: profile, CommonName: "x"}})
		if fault.Code(err) != "order_unapproved" {
			t.Errorf("%s ordered as a service: %v", profile, err)
		}
	}
	if _, err := f.Issue(t.Context(), ca.Order{Request: "r", CSR: csr}); !errors.Is(err, fault.Invalid) {
		t.Errorf("an empty order: %v", err)
	}
}

func TestKeyOfAnotherSubjectIsRefused(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	if _, err := f.Issue(t.Context(), tlsOrder("first", csr)); err != nil {
		t.Fatal(err)
	}
	o := tlsOrder("second", csr)
	o.Service.CommonName = "other"
	if _, err := f.Issue(t.Context(), o); fault.Code(err) != "key_in_use" {
		t.Errorf("a key of another subject: %v", err)
	}
}

func TestRevocationIsFinalAndMovesTheShard(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	c, err := f.Issue(t.Context(), tlsOrder("r", csr))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Revoke(t.Context(), c.Serial, "certificateHold", "test"); fault.Code(err) != "reason_unknown" {
		t.Errorf("unknown reason: %v", err)
	}
	if err := f.Revoke(t.Context(), "01", ca.KeyCompromise, "test"); !errors.Is(err, fault.NotFound) {
		t.Errorf("unknown serial: %v", err)
	}
	for range 2 {
		if err := f.Revoke(t.Context(), c.Serial, ca.KeyCompromise, "test"); err != nil {
			t.Fatal(err)
		}
	}
	var rows []ca.Revoked
	var revision int
	err = f.Store.View(t.Context(), func(tx store.Tx) (err error) {
		if revision, err = ca.ShardRevision(tx, c.Issuer, c.Shard); err != nil {
			return err
		}
		return ca.EachRevoked(tx, c.Issuer, c.Shard, func(r ca.Revoked) error { rows = append(rows, r); return nil })
	})
	if err != nil || revision != 1 || len(rows) != 1 || rows[0].Reason != ca.KeyCompromise {
		t.Errorf("revision %d, rows %v, %v; want one row for one revocation", revision, rows, err)
	}
}

// unreachable is a key whose token was pulled.
type unreachable struct{ crypto.Signer }

func (unreachable) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("token not present")
}

// failing is an authority on f's store whose issuing keys are out of reach.
func failing(t *testing.T, f *catest.Fixture, clock func() time.Time) *ca.Authority {
	t.Helper()
	c := f.Authority.Config
	c.Now, c.Issuers = clock, slices.Clone(c.Issuers)
	for i := range c.Issuers {
		c.Issuers[i].Signer = unreachable{c.Issuers[i].Signer}
	}
	a, err := ca.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSweepFinishesAnIntentAndVoidsAnOldOne(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	f := catest.New(t, clock)
	_, csr := catest.NewKey(t)
	down := failing(t, f, clock)
	if _, err := down.Issue(t.Context(), tlsOrder("one", csr)); !errors.Is(err, fault.Unavailable) {
		t.Fatalf("issuing with the key out of reach: %v", err)
	}
	if s, err := f.Sweep(t.Context()); err != nil || len(s.Finished) != 0 {
		t.Errorf("sweep took a fresh intent: %v, %v", s, err)
	}
	now = now.Add(2 * time.Minute)
	if s, err := f.Sweep(t.Context()); err != nil || len(s.Finished) != 1 {
		t.Errorf("sweep did not finish the intent: %v, %v", s, err)
	}
	if c, err := f.ByRequest(t.Context(), "one"); err != nil || c.State != ca.Issued {
		t.Errorf("after the sweep: %v, %v", c.State, err)
	}
	_, csr2 := catest.NewKey(t)
	if _, err := down.Issue(t.Context(), tlsOrder("two", csr2)); !errors.Is(err, fault.Unavailable) {
		t.Fatalf("issuing with the key out of reach: %v", err)
	}
	now = now.Add(25 * time.Hour)
	if s, err := f.Sweep(t.Context()); err != nil || len(s.Voided) != 1 {
		t.Errorf("sweep did not void the old intent: %v, %v", s, err)
	}
	c, err := f.ByRequest(t.Context(), "two")
	if err != nil || c.State != ca.Void || c.Revoked == nil {
		t.Errorf("a void serial must be on record as revoked: %+v, %v", c, err)
	}
	if _, err := f.Issue(t.Context(), tlsOrder("two", csr2)); fault.Code(err) != "request_void" {
		t.Errorf("a void request sent again: %v", err)
	}
}
