package ledger_test

import (
	"bytes"
	"crypto/sha256"
)

// The Merkle tree once more, written from the RFCs and from nothing else: the
// tests compare the log with it.

// mth is the Merkle Tree Hash of RFC 6962 section 2.1:
//
//	MTH({})      = SHA-256()
//	MTH({d(0)})  = SHA-256(0x00 || d(0))
//	MTH(D[n])    = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n])), k the largest power of two < n
func mth(d [][]byte) []byte {
	switch len(d) {
	case 0:
		sum := sha256.Sum256(nil)
		return sum[:]
	case 1:
		return digest([]byte{0x00}, d[0])
	}
	k := 1
	for k*2 < len(d) {
		k *= 2
	}
	return digest([]byte{0x01}, mth(d[:k]), mth(d[k:]))
}

func digest(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// included is the verification of RFC 9162 section 2.1.3.2.
func included(leaf []byte, index, size uint64, path [][]byte, root []byte) bool {
	if index >= size {
		return false
	}
	fn, sn := index, size-1
	r := digest([]byte{0x00}, leaf)
	for _, p := range path {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			r = digest([]byte{0x01}, p, r)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			r = digest([]byte{0x01}, r, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	return sn == 0 && bytes.Equal(r, root)
}

// consistent is the verification of RFC 9162 section 2.1.4.2.
func consistent(first, second uint64, path [][]byte, firstRoot, secondRoot []byte) bool {
	if first == second {
		return len(path) == 0 && bytes.Equal(firstRoot, secondRoot)
	}
	if len(path) == 0 {
		return false
	}
	if first&(first-1) == 0 {
		path = append([][]byte{firstRoot}, path...)
	}
	fn, sn := first-1, second-1
	for fn&1 == 1 {
		fn, sn = fn>>1, sn>>1
	}
	fr, sr := path[0], path[0]
	for _, c := range path[1:] {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			fr = digest([]byte{0x01}, c, fr)
			sr = digest([]byte{0x01}, c, sr)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			sr = digest([]byte{0x01}, sr, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	return sn == 0 && bytes.Equal(fr, firstRoot) && bytes.Equal(sr, secondRoot)
}
