package acme_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"sync/atomic"
	"testing"

	client "golang.org/x/crypto/acme"

	"mohr/ca/acme"
)

// BenchmarkOrder measures whole ACME orders over HTTPS with kept connections:
// newOrder, authorization, finalize, and the certificate, by 16 clients of accounts of their
// own. The clients are in this process, too; their keys are made beforehand.
func BenchmarkOrder(b *testing.B) {
	w := newWorld(b, func(c *acme.Config) { c.OrdersPerHour, c.KeysPerBusiness = 1<<30, 1000 })
	const clients = 16
	b.ReportAllocs()
	csrs := make([][]byte, b.N)
	for i := range csrs {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		csrs[i] = csrFor(b, key, shop)
	}
	accounts := make([]*client.Client, clients)
	for i := range accounts {
		accounts[i] = w.account(b)
	}
	var next atomic.Int64
	done := make(chan error, clients)
	b.ResetTimer()
	for _, c := range accounts {
		go func() { done <- orders(b.Context(), c, csrs, &next) }()
	}
	for range clients {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}

func orders(ctx context.Context, c *client.Client, csrs [][]byte, next *atomic.Int64) error {
	for {
		n := int(next.Add(1)) - 1
		if n >= len(csrs) {
			return nil
		}
		order, _, err := obtain(ctx, c, csrs[n], shop)
		if err != nil {
			return err
		}
		if _, err := c.GetAuthorization(ctx, order.AuthzURLs[0]); err != nil {
			return err
		}
	}
}
