package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"slices"
	"sync"

	"mohr/internal/fault"
	"mohr/internal/roca"
)

// Bounds of RSA subject keys, in bits.
const (
	minRSABits = 2048
	maxRSABits = 4096
)

// Bounds of the public exponent: from F4 on (SP 800-56B section 6.2) up to
// what verifiers in use can read; FIPS 186-5 would allow 256 bits.
const (
	minExponent = 1<<16 + 1
	maxExponent = 1<<31 - 1
)

// fermatRounds is how many steps of Fermat's factorisation are tried: primes
// that a careless generator took close together fall within a few.
const fermatRounds = 100

// goodKey refuses public keys that are not to be certified, as Invalid. What
// Debian's OpenSSL made from 2006 to 2008 is not among them: those keys can be
// listed, not recognised, and whoever has a list blocks them by it.
func goodKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return goodEC(k)
	case *rsa.PublicKey:
		return goodRSA(k)
	}
	return errKeyUnsupported()
}

func errKeyUnsupported() error {
	return fault.New(fault.Invalid, "csr_key_unsupported", "the request's public key is of a kind that is not certified here; use EC P-256 or P-384, or RSA of 2048 to 4096 bits")
}

func errKeyWeak() error {
	return fault.New(fault.Invalid, "csr_key_weak", "the request's public key is weak: anyone can find its private half; make a new one with another program")
}

// goodEC asks for a point that is on its curve, which x509.ParsePKIXPublicKey
// has asked before, and is not the base point or its opposite, whose private
// half is 1 or the order less 1.
func goodEC(k *ecdsa.PublicKey) error {
	if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
		return errKeyUnsupported()
	}
	point, err := k.Bytes()
	if err != nil {
		return errKeyUnsupported()
	}
	x := k.Params().Gx.FillBytes(make([]byte, len(point)/2))
	if bytes.Equal(point[1:1+len(x)], x) {
		return errKeyWeak()
	}
	return nil
}

func goodRSA(k *rsa.PublicKey) error {
	bits := k.N.BitLen()
	if bits < minRSABits || bits > maxRSABits {
		return fault.New(fault.Invalid, "csr_key_size", "the request's RSA key has %d bits; it must have 2048 to 4096", bits)
	}
	if k.E < minExponent || k.E > maxExponent || k.E%2 == 0 || bits%8 != 0 {
		return errKeyWeak()
	}
	if hasSmallFactor(k.N) || closePrimes(k.N) || roca.Recognise(k.N) {
		return errKeyWeak()
	}
	return nil
}

// smallPrimes are the primes below 752, the bound of SP 800-89 section 5.3.3.
var smallPrimes = sync.OnceValue(func() (list []int64) {
	for n := int64(2); n < 752; n++ {
		if !slices.ContainsFunc(list, func(p int64) bool { return n%p == 0 }) {
			list = append(list, n)
		}
	}
	return list
})

// hasSmallFactor reports whether a small prime divides n.
func hasSmallFactor(n *big.Int) bool {
	r, d := new(big.Int), new(big.Int)
	return slices.ContainsFunc(smallPrimes(), func(p int64) bool { return r.Mod(n, d.SetInt64(p)).Sign() == 0 })
}

// closePrimes tries Fermat's factorisation of n: a from ceil(sqrt(n)) up,
// until a*a-n is a square (0 included).
func closePrimes(n *big.Int) bool {
	a := new(big.Int).Sqrt(n)
	if new(big.Int).Mul(a, a).Cmp(n) == 0 {
		return true // a prime squared
	}
	a.Add(a, big.NewInt(1))
	b2, b := new(big.Int), new(big.Int)
	for range fermatRounds {
		b2.Mul(a, a)
		b2.Sub(b2, n)
		b.Sqrt(b2)
		if new(big.Int).Mul(b, b).Cmp(b2) == 0 {
			return true
		}
		a.Add(a, big.NewInt(1))
	}
	return false
}
