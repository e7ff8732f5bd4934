package chip

import (
	"crypto/sha256"
	"math/big"
	"testing"
)

// BenchmarkVerify bounds what one certificate on the slowest curve costs.
func BenchmarkVerify(b *testing.B) {
	for _, name := range []string{"brainpoolP256r1", "brainpoolP512r1", "P-256"} {
		c := curves()[name]
		digest := sha256.Sum256([]byte(name))
		s := new(big.Int).Sub(c.n, big.NewInt(3))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				c.verify(point{c.gx, c.gy}, digest[:], s, s)
			}
		})
	}
}
