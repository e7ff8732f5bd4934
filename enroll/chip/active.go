package chip

import (
	"bytes"
	"crypto"
	"math/big"
)

// ChallengeSize is the length of what a chip signs (RND.IFD), octets.
const ChallengeSize = 8

// Prove checks what the chip made of the challenge with the key in DG15
// (Doc 9303-11, 6.1). A copy of the chip has not that key: errCopied.
func (d *Document) Prove(challenge [ChallengeSize]byte, response []byte) error {
	switch {
	case !d.listsKey:
		return errNoKey()
	case d.key == nil:
		return errKeyWithheld()
	case d.key.rsa != nil:
		return d.key.recover(challenge[:], response)
	case d.refused != nil:
		return d.refused
	case d.active.hash == 0: // Doc 9303-11, 6.1.2.3: DG14 says which hash
		return errKeyWithheld()
	case !d.key.verify(d.active, challenge[:], response):
		return errCopied()
	}
	return nil
}

// recoveryHashes are the hashes by their identifier in the trailer (ISO/IEC
// 10118-3).
var recoveryHashes = map[byte]crypto.Hash{0x33: crypto.SHA1, 0x38: crypto.SHA224, 0x34: crypto.SHA256, 0x36: crypto.SHA384, 0x35: crypto.SHA512}

// recover checks a signature of ISO/IEC 9796-2, scheme 1, over a part that is
// recovered from it and the challenge:
//
//	'6A' || M1 || hash(M1 || challenge) || hash identifier || 'CC'
//
// With 'BC' alone at the end the hash is SHA-1, which counts for nothing; it
// is told from a copy only where the answer is else right.
func (k publicKey) recover(challenge, response []byte) error {
	size := k.rsa.Size()
	s := new(big.Int).SetBytes(response)
	if len(response) != size || k.rsa.N.BitLen() != 8*size || s.Cmp(k.rsa.N) >= 0 {
		return errCopied()
	}
	f := s.Exp(s, big.NewInt(int64(k.rsa.E)), k.rsa.N).FillBytes(make([]byte, size))
	hash, trailer := recoveryHashes[f[size-2]], 2
	if f[size-1] == 0xbc {
		hash, trailer = crypto.SHA1, 1
	}
	if f[0] != 0x6a || f[size-1] != 0xcc && trailer == 2 || hash == 0 {
		return errCopied()
	}
	middle := size - trailer - hash.Size()
	if middle < 2 {
		return errCopied()
	}
	h := hash.New()
	h.Write(f[1:middle])
	h.Write(challenge)
	if !bytes.Equal(h.Sum(nil), f[middle:size-trailer]) {
		return errCopied()
	}
	if hash == crypto.SHA1 {
		return errWeakHash("SHA-1")
	}
	return nil
}
