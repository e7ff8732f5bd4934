package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"

	"mohr/internal/fault"
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

// goodKey refuses public keys that are not to be certified, as Invalid.
func goodKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		// x509.ParsePKIXPublicKey has checked that the point is on the curve.
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
			return errKeyUnsupported()
		}
		return nil
	case *rsa.PublicKey:
		return goodRSA(k)
	}
	return errKeyUnsupported()
}

func errKeyUnsupported() error {
	return fault.New(fault.Invalid, "csr_key_unsupported", "the request's public key is of a kind that is not certified here; use EC P-256 or P-384, or RSA of 2048 to 4096 bits")
}

func goodRSA(k *rsa.PublicKey) error {
	bits := k.N.BitLen()
	if bits < minRSABits || bits > maxRSABits {
		return fault.New(fault.Invalid, "csr_key_size", "the request's RSA key has %d bits; it must have 2048 to 4096", bits)
	}
	if k.E < minExponent || k.E > maxExponent || k.E%2 == 0 {
		return fault.New(fault.Invalid, "csr_key_weak", "the request's RSA key is weak; make a new one")
	}
	if bits%8 != 0 || hasSmallFactor(k.N) || closePrimes(k.N) {
		return fault.New(fault.Invalid, "csr_key_weak", "the request's RSA key is weak; make a new one")
	}
	return nil
}

// hasSmallFactor reports whether a prime below 752 divides n (the bound of
// SP 800-89 section 5.3.3).
func hasSmallFactor(n *big.Int) bool {
	r := new(big.Int)
	for p := int64(2); p < 752; p++ {
		if big.NewInt(p).ProbablyPrime(0) && r.Mod(n, big.NewInt(p)).Sign() == 0 {
			return true
		}
	}
	return false
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
