// Package roca recognises RSA keys that Infineon's chips made too weakly (CVE-2017-15361).
package roca

import "math/big"

// primes are those that Recognise asks: the moduli in question keep the form
// below for all of them at least, whatever their length. 2 says nothing.
var primes = []int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
	97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

// Recognise reports whether Infineon's library made the modulus n, in a chip,
// until 2017: both of its primes, and so n, are powers of 65537 modulo each
// small prime. Of other moduli fewer than one in a hundred million are.
func Recognise(n *big.Int) bool {
	r, d := new(big.Int), new(big.Int)
	for _, p := range primes {
		if !isPower(65537%p, r.Mod(n, d.SetInt64(p)).Int64(), p) {
			return false
		}
	}
	return true
}

// isPower reports whether r is a power of g modulo the prime p.
func isPower(g, r, p int64) bool {
	for x := int64(1); ; {
		if x == r {
			return true
		}
		if x = x * g % p; x == 1 {
			return false
		}
	}
}
