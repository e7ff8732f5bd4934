package status_test

import (
	"bytes"
	"context"
	"crypto"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/status"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// lagging is a store that can be as it was: a standby to which the address of
// the database leads after another one.
type lagging struct {
	store.Store
	before atomic.Pointer[store.Store]
}

func (l *lagging) View(ctx context.Context, fn func(store.Tx) error) error {
	if old := l.before.Load(); old != nil {
		return (*old).View(ctx, fn)
	}
	return l.Store.View(ctx, fn)
}

func TestNothingOlderThanWhatWasHeardOfIsSaid(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	records := &lagging{Store: s.Fixture.Store}
	node, _ := s.second(t, func(c *status.Config) { c.Store = records })
	cert, record := s.issue(t, "application-1")
	asked := request(t, cert, s.issuer, crypto.SHA1)
	answer := func() []byte {
		t.Helper()
		a, err := node.OCSP(t.Context(), ca.SignIssuer, asked)
		if err != nil {
			t.Fatal(err)
		}
		return a.DER
	}
	if res, err := ocsp.ParseResponseForCert(answer(), cert, s.issuer); err != nil || res.Status != ocsp.Good {
		t.Fatal(res, err)
	}
	old, err := store.OpenBolt(filepath.Join(t.TempDir(), "old.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { old.Close() })
	if _, err := store.Copy(t.Context(), s.Fixture.Store, old, nil); err != nil {
		t.Fatal(err)
	}
	s.revoke(t, record.Serial, ca.KeyCompromise)
	// The node reads of the revocation by the list of the shard, and has no
	// answer about the certificate from after it.
	if _, err := node.CRL(t.Context(), ca.SignIssuer, record.Shard); err != nil {
		t.Fatal(err)
	}
	records.before.Store(&old)
	if got := answer(); !bytes.Equal(got, ocsp.TryLaterErrorResponse) {
		t.Error("a certificate is called good by records that are older than what the node has heard of")
	}
	if _, err := node.CRL(t.Context(), ca.SignIssuer, record.Shard); fault.Code(err) != "store_behind" {
		t.Errorf("CRL by older records: %v", err)
	}
	records.before.Store(nil)
	if res, err := ocsp.ParseResponseForCert(answer(), cert, s.issuer); err != nil || res.Status != ocsp.Revoked {
		t.Error(res, err)
	}
}
