package ca_test

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/store"
)

// node returns an authority on the fixture's store, as another node has it.
func node(t *testing.T, f *catest.Fixture, shardSize int) *ca.Authority {
	t.Helper()
	c := f.Authority.Config
	c.ShardSize = shardSize
	a, err := ca.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issueOn(t *testing.T, a *ca.Authority, request string) ca.Certificate {
	t.Helper()
	_, csr := catest.NewKey(t)
	c, err := a.Issue(t.Context(), tlsOrder(request, csr))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pointsOf(t *testing.T, c ca.Certificate) []string {
	t.Helper()
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		t.Fatal(err)
	}
	return cert.CRLDistributionPoints
}

func shards(t *testing.T, f *catest.Fixture, id ca.IssuerID) (n int) {
	t.Helper()
	err := f.Store.View(t.Context(), func(tx store.Tx) (err error) {
		n, err = ca.Shards(tx, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAShardTakesItsSizeAndTheNextBegins(t *testing.T) {
	f := catest.New(t, nil)
	if n := shards(t, f, ca.ServiceIssuer); n != 1 {
		t.Errorf("%d shards before the first certificate, want an empty one", n)
	}
	a := node(t, f, 3)
	var got []int
	for n := range 8 {
		c := issueOn(t, a, fmt.Sprint("order-", n))
		got = append(got, c.Shard)
		if want := catest.Publish + ca.CRLPath(ca.ServiceIssuer, c.Shard); !slices.Equal(pointsOf(t, c), []string{want}) {
			t.Errorf("the distribution points are %v, want %s", pointsOf(t, c), want)
		}
	}
	if d := cmp.Diff([]int{0, 0, 0, 1, 1, 1, 2, 2}, got); d != "" {
		t.Errorf("shards (-want +got):\n%s", d)
	}
	if n := shards(t, f, ca.ServiceIssuer); n != 3 {
		t.Errorf("%d shards, want 3", n)
	}
	if n := shards(t, f, ca.AuthIssuer); n != 1 {
		t.Errorf("the neighbour has %d shards, want 1", n)
	}
}

func TestNodesNeverFillAShardTogetherBeyondItsSize(t *testing.T) {
	const size, each = 48, 40
	f := catest.New(t, nil)
	count := map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for n := range 3 {
		a := node(t, f, size)
		for k := range 2 {
			wg.Go(func() {
				for i := range each / 2 {
					c := issueOn(t, a, fmt.Sprint(n, "-", k, "-", i))
					mu.Lock()
					count[c.Shard]++
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	sum := 0
	for shard, n := range count {
		sum += n
		if n > size {
			t.Errorf("shard %d has %d certificates, want at most %d", shard, n, size)
		}
	}
	if want := shards(t, f, ca.ServiceIssuer); sum != 3*each || slices.Max(slices.Collect(maps.Keys(count)))+1 > want || len(count) < 3 {
		t.Errorf("%v: %d certificates in shards of %d", count, sum, want)
	}
}

func TestACertificateThatNamesNoCRLTakesNoSlot(t *testing.T) {
	f := catest.New(t, nil)
	a := node(t, f, 1)
	_, csr := catest.NewKey(t)
	c, err := a.Issue(t.Context(), ca.Order{Request: "responder", CSR: csr, Service: ca.Service{Profile: ca.OCSPResponder, Issuer: ca.ServiceIssuer, CommonName: "Mohr OCSP"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Shard != ca.NoShard || len(pointsOf(t, c)) != 0 {
		t.Errorf("a responder is in shard %d, with %v", c.Shard, pointsOf(t, c))
	}
	if err := a.Revoke(t.Context(), c.Serial, ca.KeyCompromise, "operator:test"); err != nil {
		t.Fatal(err)
	}
	if next := issueOn(t, a, "next"); next.Shard != 0 {
		t.Errorf("the next certificate is in shard %d, want 0", next.Shard)
	}
	err = f.Store.View(t.Context(), func(tx store.Tx) error {
		return ca.EachRevoked(tx, ca.ServiceIssuer, 0, func(r ca.Revoked) error { return fmt.Errorf("%s is on it", r.Serial) })
	})
	if err != nil {
		t.Errorf("the CRL that no responder names: %v", err)
	}
}

func TestAStoreOlderThanItsShardsIsFilledUpFromWhatItHolds(t *testing.T) {
	for _, test := range []struct {
		name   string
		others int // records of other issuers
		want   []int
	}{
		{"few certificates: they are counted", 0, []int{0, 1, 1, 1}},
		{"many certificates: shard 0 is left to them", 1001, []int{1, 1, 1, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := catest.New(t, nil)
			a := node(t, f, 3)
			issueOn(t, a, "old-1")
			issueOn(t, a, "old-2")
			err := f.Store.Update(t.Context(), func(tx store.Tx) error {
				for n := range test.others {
					serial := fmt.Sprintf("01%06x", n)
					if err := store.Save(tx, "ca_certificates", serial, ca.Certificate{Serial: serial, Issuer: ca.SignIssuer}); err != nil {
						return err
					}
				}
				return tx.Delete("ca_shards", string(ca.ServiceIssuer))
			})
			if err != nil {
				t.Fatal(err)
			}
			a = node(t, f, 3)
			var got []int
			for n := range 4 {
				got = append(got, issueOn(t, a, fmt.Sprint("new-", n)).Shard)
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("shards (-want +got):\n%s", d)
			}
		})
	}
}
