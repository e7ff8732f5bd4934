package ca_test

import (
	"runtime"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
)

// BenchmarkIssue issues certificates of a person for 64 callers at once, on
// a store with real commits and software keys.
func BenchmarkIssue(b *testing.B) {
	f := catest.New(b, nil)
	decision := f.Decide(b, catest.Zahra, ca.NaturalSign)
	orders := make(chan ca.Order, b.N)
	for range b.N {
		_, csr := catest.NewKey(b)
		orders <- ca.Order{Request: randomRequest(), CSR: csr, Decision: decision}
	}
	b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := f.Issue(b.Context(), <-orders); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
