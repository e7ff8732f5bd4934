package ca_test

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/store/storetest"
)

func personOrder(t testing.TB, f *catest.Fixture, request, profile string, csr ca.CSR) ca.Order {
	t.Helper()
	return ca.Order{Request: request, CSR: csr, Decision: f.Decide(t, catest.Zahra, profile)}
}

// TestAKeyServesOneSubjectAndOnePurpose: a signature made for oneself must
// not pass for the organisation's, and a time-stamping key signs nothing else
// (RFC 3161 section 2.3).
func TestAKeyServesOneSubjectAndOnePurpose(t *testing.T) {
	f := catest.New(t, nil)
	_, own := catest.NewKey(t)
	_, stamps := catest.NewKey(t)
	stamp := func(request, profile string) ca.Order {
		return ca.Order{Request: request, CSR: stamps, Service: ca.Service{Profile: profile, CommonName: "Mohr"}}
	}
	other := catest.Zahra
	other.LegalID = "10380284790"
	for _, test := range []struct {
		name  string
		order ca.Order
		code  string
	}{
		{"a person's own certificate", personOrder(t, f, "1", ca.NaturalSign, own), ""},
		{"the same person's for an organisation", personOrder(t, f, "2", ca.OrganisationSign, own), "key_in_use"},
		{"the same person's own once more", personOrder(t, f, "3", ca.NaturalSign, own), ""},
		{"a service's", ca.Order{Request: "4", CSR: own, Service: ca.Service{Profile: ca.Audit, CommonName: "Mohr"}}, "key_in_use"},
		{"a time-stamping unit's", stamp("5", ca.TimeStamping), ""},
		{"the auditor's of the same name", stamp("6", ca.Audit), "key_in_use"},
		{"an operator's of the same name", stamp("7", ca.OperatorAuth), "key_in_use"},
		{"the unit's once more", stamp("8", ca.TimeStamping), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := f.Issue(t.Context(), test.order)
			wantCode(t, test.name, err, test.code)
		})
	}
}

func TestACompromisedKeyTakesAllItsCertificatesAlongAndIsBlocked(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	_, untouched := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "other key")
	one := issue(t, f.Authority, personOrder(t, f, "one", ca.NaturalSign, csr))
	two := issue(t, f.Authority, personOrder(t, f, "two", ca.NaturalSign, csr))
	if _, err := failing(t, f, time.Now).Issue(t.Context(), personOrder(t, f, "pending", ca.NaturalSign, csr)); !errors.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Revoke(t.Context(), one.Serial, ca.KeyCompromise, "holder"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []ca.Certificate{one, two} {
		if now := reload(t, f, c.Serial); now.Revoked == nil || now.Revoked.Reason != ca.KeyCompromise {
			t.Errorf("%s: %+v", now.Request, now.Revoked)
		}
		if n := countLeaves(t, f.Store, "certificate.revoked", c.Serial); n != 1 {
			t.Errorf("%d leaves of one revocation", n)
		}
	}
	if now := reload(t, f, untouched.Serial); now.Revoked != nil {
		t.Error("a certificate of another key was revoked")
	}
	_, err := f.Issue(t.Context(), personOrder(t, f, "three", ca.NaturalSign, csr))
	wantCode(t, "the key again", err, "key_compromised")
	_, err = f.Issue(t.Context(), personOrder(t, f, "pending", ca.NaturalSign, csr))
	wantCode(t, "what was pending", err, "key_compromised")
	if c, err := f.ByRequest(t.Context(), "pending"); err != nil || c.State != ca.Void {
		t.Errorf("what was pending: %s, %v", c.State, err)
	}
	if again := issue(t, f.Authority, personOrder(t, f, "one", ca.NaturalSign, csr)); again.Serial != one.Serial {
		t.Error("the same request gave another certificate")
	}
}

func TestAKeyFoundCompromisedAfterItsCertificateEndedIsBlockedTooButKeepsTheReason(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	c := issue(t, f.Authority, personOrder(t, f, "one", ca.NaturalSign, csr))
	for _, reason := range []ca.Reason{ca.Superseded, ca.KeyCompromise} {
		if err := f.Revoke(t.Context(), c.Serial, reason, "test"); err != nil {
			t.Fatal(err)
		}
	}
	if now := reload(t, f, c.Serial); now.Revoked.Reason != ca.Superseded {
		t.Errorf("reason %s", now.Revoked.Reason)
	}
	_, err := f.Issue(t.Context(), personOrder(t, f, "two", ca.NaturalSign, csr))
	wantCode(t, "the key again", err, "key_compromised")
}

func TestConcurrentOrdersForOneKeyOfTwoSubjectsHaveOneWinner(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	orders := []ca.Order{personOrder(t, f, "own", ca.NaturalSign, csr), personOrder(t, f, "organisation", ca.OrganisationSign, csr), tlsOrder("tls", csr)}
	errs := make([]error, len(orders))
	var wg sync.WaitGroup
	for i, o := range orders {
		wg.Go(func() { _, errs[i] = f.Issue(t.Context(), o) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			wantCode(t, "the others", err, "key_in_use")
		}
	}
	if won != 1 {
		t.Errorf("%d winners", won)
	}
}

// TestTransactionsMayRunTwice: on a store that runs each Update twice, as
// one under load does, everything comes out as on any other.
func TestTransactionsMayRunTwice(t *testing.T) {
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := newClock()
	f := catest.On(t, storetest.Twice(s), &catest.Keys{}, c.now)
	_, old := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "first")
	next := issue(t, f.Authority, renewalOrder(t, f, "renewal", old, 14*day))
	c.move(15 * day)
	if err := f.Retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, csr := catest.NewKey(t)
	if _, err := failing(t, f, c.now).Issue(t.Context(), personOrder(t, f, "pending", ca.NaturalSign, csr)); !errors.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	c.move(25 * time.Hour)
	if swept, err := f.Sweep(t.Context()); err != nil || len(swept.Voided) != 1 {
		t.Errorf("sweep %+v, %v", swept, err)
	}
	if err := f.Revoke(t.Context(), next.Serial, ca.KeyCompromise, "test"); err != nil {
		t.Fatal(err)
	}
	var revision int
	err = f.Store.View(t.Context(), func(tx store.Tx) (err error) {
		revision, err = ca.ShardRevision(tx, old.Issuer, old.Shard)
		return err
	})
	if err != nil || revision != 3 {
		t.Errorf("revision %d after three revocations, %v", revision, err)
	}
	if was := reload(t, f, old.Serial); was.Version != 3 || was.ReplacedBy != next.Serial {
		t.Errorf("version %d, replaced by %s", was.Version, was.ReplacedBy)
	}
}

func randomRequest() string { return "request/" + rand.Text() }

// TestEverythingAtOnce is for the race detector: all jobs and deeds on one
// authority, with an outcome that is counted.
func TestEverythingAtOnce(t *testing.T) {
	f := catest.New(t, nil)
	const n = 8
	var wg sync.WaitGroup
	for range n {
		key, csr := catest.NewKey(t)
		first := personOrder(t, f, randomRequest(), ca.NaturalSign, csr)
		wg.Go(func() {
			c, err := f.Issue(t.Context(), first)
			if err != nil {
				t.Error(err)
				return
			}
			next, err := f.Issue(t.Context(), renewalOrder(t, f, randomRequest(), c, 0))
			if err != nil {
				t.Error(err)
				return
			}
			if err := f.Revoke(t.Context(), next.Serial, ca.Unspecified, "test"); err != nil {
				t.Error(err)
			}
			if _, err := f.Authority.SigningKey(t.Context(), key, ca.Service{Profile: ca.Audit, CommonName: "x"}); fault.Code(err) != "key_in_use" {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := f.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
			if err := f.Retire(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := f.List(t.Context(), "", 10); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := f.List(t.Context(), "", 0)
	if err != nil || len(list) != 2*n {
		t.Fatalf("%d certificates, %v", len(list), err)
	}
	for _, c := range list {
		if c.State != ca.Issued || c.Revoked == nil {
			t.Errorf("%s: %s, %+v", c.Request, c.State, c.Revoked)
		}
	}
}
