package hsm_test

import (
	"fmt"
	"sync"
	"testing"

	"mohr/hsm"
	"mohr/internal/pkitest"
)

// BenchmarkSign signs with P-256 in each home, from 1, 16 and 64 goroutines.
func BenchmarkSign(b *testing.B) {
	homes := []struct {
		name string
		base func(b *testing.B) string
	}{
		{"file", func(b *testing.B) string { return hsm.FileURI(b.TempDir()) }},
		{"pkcs11", func(b *testing.B) string { return pkitest.SoftHSM(b) }},
		{"tpmkms", func(b *testing.B) string { return pkitest.SWTPM(b).Base }},
	}
	for _, home := range homes {
		b.Run(home.name, func(b *testing.B) {
			k := hsm.Open(hsm.Config{})
			defer k.Close()
			s, err := k.Create(b.Context(), hsm.KeyURI(home.base(b), "one"), hsm.P256)
			if err != nil {
				b.Fatal(err)
			}
			for _, many := range []int{1, 16, 64} {
				b.Run(fmt.Sprintf("%d", many), func(b *testing.B) {
					var wg sync.WaitGroup
					for i := range many {
						wg.Go(func() {
							for range (b.N + i) / many { // in all: b.N
								if err := sign(s); err != nil {
									b.Error(err)
									return
								}
							}
						})
					}
					wg.Wait()
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signatures/s")
				})
			}
		})
	}
}
