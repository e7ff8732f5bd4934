package roca_test

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"

	"mohr/internal/roca"
)

func TestRecognise(t *testing.T) {
	// 65537 to a power has the form for every prime.
	if n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(128), nil); !roca.Recognise(n) {
		t.Error("a power of 65537 is not recognised")
	}
	for range 3 {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if roca.Recognise(k.N) {
			t.Error("a sound modulus is taken for one of the weak ones")
		}
	}
}
