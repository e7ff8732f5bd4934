package status_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/status"
	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/store/pgtest"
)

// network is a service on PostgreSQL with two nodes, each with a store and a
// memory of its own.
type network struct {
	*service
	server *pgtest.Server
	clock  *clock
	other  *status.Responder
}

func openNetwork(t *testing.T) *network {
	t.Helper()
	server := pgtest.Start(t)
	url := server.Database("status")
	open := func() store.Store {
		s, err := store.OpenPostgres(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	n := &network{server: server, clock: newClock()}
	n.service = serveOn(t, catest.On(t, open(), &catest.Keys{}, n.clock.now))
	second := open()
	n.other, _ = n.second(t, func(c *status.Config) { c.Store = second })
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, r := range []*status.Responder{n.Responder, n.other} {
		all.Go(func() { // as the job does
			for ctx.Err() == nil {
				r.Follow(ctx)
				select {
				case <-ctx.Done():
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
	}
	t.Cleanup(func() { stop(); all.Wait() })
	return n
}

// status is what the node says of the certificate; nil: try later.
func (n *network) status(t *testing.T, r *status.Responder, cert *x509.Certificate) *ocsp.Response {
	t.Helper()
	a, err := r.OCSP(t.Context(), ca.SignIssuer, request(t, cert, n.issuer, crypto.SHA1))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a.DER, ocsp.TryLaterErrorResponse) {
		return nil
	}
	res, err := ocsp.ParseResponseForCert(a.DER, cert, n.issuer)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// hears waits until the node has heard of the shard's present revision.
func (n *network) hears(t *testing.T, r *status.Responder, shard int) (took time.Duration) {
	t.Helper()
	var want int
	err := n.Fixture.Store.View(t.Context(), func(tx store.Tx) (err error) {
		want, err = ca.ShardRevision(tx, ca.SignIssuer, shard)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for r.Known(ca.SignIssuer, shard) != want {
		if time.Since(begun) > time.Minute {
			t.Fatalf("the node has heard of revision %d, want %d", r.Known(ca.SignIssuer, shard), want)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(begun)
}

func TestNodesServeOnThroughAnOutageOfTheDatabase(t *testing.T) {
	t.Parallel() // it waits for the database more than it works
	n := openNetwork(t)
	nodes := map[string]*status.Responder{"the first node": n.Responder, "the second node": n.other}
	good, _ := n.issue(t, "good")
	gone, goneRecord := n.issue(t, "gone")
	late, lateRecord := n.issue(t, "late")
	unasked, _ := n.issue(t, "unasked")
	for name, r := range nodes {
		for _, cert := range []*x509.Certificate{good, gone, late} {
			if res := n.status(t, r, cert); res == nil || res.Status != ocsp.Good {
				t.Fatalf("%s: %v", name, res)
			}
		}
		if _, err := r.CRL(t.Context(), ca.SignIssuer, 0); err != nil {
			t.Fatal(err)
		}
	}
	// The first node revokes; nobody asks the second one for it before the
	// database is gone.
	n.revoke(t, goneRecord.Serial, ca.KeyCompromise)
	t.Logf("a revocation was heard of after %s", n.hears(t, n.other, goneRecord.Shard))
	for _, down := range []func(){n.server.Kill, n.server.Stop} {
		down()
		for name, r := range nodes {
			if res := n.status(t, r, good); res == nil || res.Status != ocsp.Good {
				t.Errorf("%s: the answer at hand does not serve on: %v", name, res)
			}
			for what, cert := range map[string]*x509.Certificate{"revoked before the outage": gone, "never asked for": unasked} {
				if res := n.status(t, r, cert); res != nil && res.Status != ocsp.Revoked {
					t.Errorf("%s: the status of one %s is %d", name, what, res.Status)
				}
			}
			if got, err := r.CRL(t.Context(), ca.SignIssuer, 0); err == nil && !lists(t, got.DER, gone) {
				t.Errorf("%s: a CRL that lacks a revocation", name)
			}
		}
		n.server.Up()
		n.returns(t)
	}
	n.revoke(t, lateRecord.Serial, ca.Superseded)
	for name, r := range nodes {
		if res := n.status(t, r, late); res == nil || res.Status != ocsp.Revoked {
			t.Errorf("%s: revoked after the outage: %v", name, res)
		}
		if res := n.status(t, r, gone); res == nil || res.Status != ocsp.Revoked {
			t.Errorf("%s: revoked before the outage: %v", name, res)
		}
	}
	// At its nextUpdate an answer is over, outage or not; a CRL lives longer.
	if _, err := n.other.CRL(t.Context(), ca.SignIssuer, 0); err != nil {
		t.Fatal(err)
	}
	n.server.Stop()
	n.clock.at = n.clock.at.Add(59 * time.Minute)
	if res := n.status(t, n.other, good); res == nil {
		t.Error("an answer does not serve to its nextUpdate")
	}
	n.clock.at = n.clock.at.Add(time.Minute)
	if res := n.status(t, n.other, good); res != nil {
		t.Errorf("an answer serves on past its nextUpdate: %v", res)
	}
	if _, err := n.other.CRL(t.Context(), ca.SignIssuer, 0); err != nil {
		t.Errorf("the CRL at hand does not serve on: %v", err)
	}
	n.clock.at = n.clock.at.Add(24 * time.Hour)
	if _, err := n.other.CRL(t.Context(), ca.SignIssuer, 0); fault.Code(err) != "crl_unavailable" {
		t.Errorf("a CRL past its nextUpdate: %v", err)
	}
}

// lists reports whether the CRL has the certificate.
func lists(t *testing.T, der []byte, cert *x509.Certificate) bool {
	t.Helper()
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(l.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
		return e.SerialNumber.Cmp(cert.SerialNumber) == 0
	})
}

// returns waits until both nodes ask the store again, and listen.
func (n *network) returns(t *testing.T) {
	t.Helper()
	const listening = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mohr listening' AND query = 'LISTEN \"mohr_ca_shards\"'"
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		first, second := n.Responder.Reaches(t.Context()), n.other.Reaches(t.Context())
		if first && second && n.server.Query(listening) == "2" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the nodes do not come back: %t, %t", first, second)
		}
	}
}
