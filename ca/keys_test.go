package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"

	"mohr/internal/fault"
)

// prime returns a random prime whose two top bits are set, so that the
// product of two has as many bits as both together.
func prime(t *testing.T, bits int) *big.Int {
	t.Helper()
	p, err := rand.Prime(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// primeAfter returns the first prime above n.
func primeAfter(n *big.Int) *big.Int {
	p := new(big.Int).Add(n, big.NewInt(1))
	for !p.ProbablyPrime(20) {
		p.Add(p, big.NewInt(1))
	}
	return p
}

func modulus(p, q *big.Int) *big.Int { return new(big.Int).Mul(p, q) }

// longer multiplies n by primes until it has the given length.
func longer(t *testing.T, n *big.Int, bits int) *big.Int {
	t.Helper()
	for {
		if m := modulus(n, prime(t, min(1024, bits-n.BitLen()))); m.BitLen() == bits {
			return m
		} else if m.BitLen() == n.BitLen()+1024 && m.BitLen() <= bits-1000 {
			n = m
		}
	}
}

func TestGoodKey(t *testing.T) {
	p, q := prime(t, 1024), prime(t, 1024)
	good := modulus(p, q)
	ec := func(c elliptic.Curve) crypto.PublicKey {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return &k.PublicKey
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey := func(n *big.Int, e int) crypto.PublicKey { return &rsa.PublicKey{N: n, E: e} }
	for _, test := range []struct {
		name string
		key  crypto.PublicKey
		code string
	}{
		{"P-256 is good", ec(elliptic.P256()), ""},
		{"P-384 is good", ec(elliptic.P384()), ""},
		{"P-224 is refused", ec(elliptic.P224()), "csr_key_unsupported"},
		{"P-521 is refused", ec(elliptic.P521()), "csr_key_unsupported"},
		{"Ed25519 is refused", edwards, "csr_key_unsupported"},
		{"no key is refused", nil, "csr_key_unsupported"},
		{"RSA of 2048 bits is good", rsaKey(good, 65537), ""},
		{"RSA of 3072 bits is good", rsaKey(longer(t, good, 3072), 65537), ""},
		{"RSA of 4096 bits is good", rsaKey(longer(t, good, 4096), 65537), ""},
		{"RSA of 2047 bits is refused", rsaKey(new(big.Int).Rsh(good, 1), 65537), "csr_key_size"},
		{"RSA of 4097 bits is refused", rsaKey(new(big.Int).Lsh(big.NewInt(1), 4096), 65537), "csr_key_size"},
		{"RSA of a length that is not whole octets is refused", rsaKey(modulus(p, prime(t, 1026)), 65537), "csr_key_weak"},
		{"an exponent of 3 is refused", rsaKey(good, 3), "csr_key_weak"},
		{"an exponent of 65535 is refused", rsaKey(good, 65535), "csr_key_weak"},
		{"an even exponent is refused", rsaKey(good, 65538), "csr_key_weak"},
		{"the greatest exponent that is verified is good", rsaKey(good, 1<<31-1), ""},
		{"an exponent that nobody verifies is refused", rsaKey(good, 1<<31+1), "csr_key_weak"},
		{"an even modulus is refused", rsaKey(new(big.Int).Sub(good, big.NewInt(1)), 65537), "csr_key_weak"},
		{"a modulus with the factor 751 is refused", rsaKey(ofBytes(modulus(good, big.NewInt(751))), 65537), "csr_key_weak"},
		{"twin primes are refused", rsaKey(modulus(p, primeAfter(p)), 65537), "csr_key_weak"},
		{"a prime squared is refused", rsaKey(modulus(p, p), 65537), "csr_key_weak"},
		{"a modulus of Infineon's primes is refused", rsaKey(modulus(infineon(t, 1024), infineon(t, 1024)), 65537), "csr_key_weak"},
		{"one of Infineon's primes beside another is good", rsaKey(modulus(infineon(t, 1024), p), 65537), ""},
		{"the base point is refused", ecOf(t, elliptic.P256(), 1), "csr_key_weak"},
		{"the opposite of the base point is refused", ecOf(t, elliptic.P384(), -1), "csr_key_weak"},
		{"another known point is a key like any", ecOf(t, elliptic.P256(), 2), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := fault.Code(goodKey(test.key)); got != test.code {
				t.Errorf("code %q, want %q", got, test.code)
			}
		})
	}
}

// infineon returns a prime of the form of CVE-2017-15361: k*M + 65537^a mod M,
// M the product of the first 126 primes, which their keys of 2048 bits have.
func infineon(t *testing.T, bits int) *big.Int {
	t.Helper()
	m := big.NewInt(1)
	for _, p := range smallPrimes()[:126] {
		m.Mul(m, big.NewInt(p))
	}
	low := new(big.Int).Lsh(big.NewInt(3), uint(bits-2)) // two top bits set
	for {
		a, err := rand.Int(rand.Reader, m)
		if err != nil {
			t.Fatal(err)
		}
		k, err := rand.Int(rand.Reader, new(big.Int).Div(new(big.Int).Rsh(low, 2), m))
		if err != nil {
			t.Fatal(err)
		}
		k.Add(k, new(big.Int).Div(low, m)).Add(k, big.NewInt(1))
		p := new(big.Int).Exp(big.NewInt(65537), a, m)
		if p.Add(p, k.Mul(k, m)); p.BitLen() == bits && p.ProbablyPrime(20) {
			return p
		}
	}
}

// ecOf returns the public key whose private half is d modulo the order.
func ecOf(t *testing.T, c elliptic.Curve, d int64) crypto.PublicKey {
	t.Helper()
	n := c.Params().N
	k, err := ecdsa.ParseRawPrivateKey(c, new(big.Int).Mod(big.NewInt(d), n).FillBytes(make([]byte, (n.BitLen()+7)/8)))
	if err != nil {
		t.Fatal(err)
	}
	return &k.PublicKey
}

// ofBytes multiplies n by primes above the bound until its length is whole octets.
func ofBytes(n *big.Int) *big.Int {
	for n.BitLen()%8 != 0 {
		n = new(big.Int).Mul(n, big.NewInt(3001))
	}
	return n
}
