package suite

import (
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// joseHashes are the last digits of an alg (RFC 7518 section 3.1).
var joseHashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// FromJOSE returns the Algorithm of an alg if the key can have made it, else
// the zero one. "none" and the HMACs fit no key.
func FromJOSE(alg string, pub crypto.PublicKey) Algorithm {
	if len(alg) != 5 {
		return Algorithm{}
	}
	hash, known := joseHashes[alg[2:]]
	k, isEC := pub.(*ecdsa.PublicKey)
	switch {
	case !known:
	case isEC:
		// RFC 7518 section 3.4 ties the hash to the curve.
		sizes := map[crypto.Hash]int{crypto.SHA256: 256, crypto.SHA384: 384, crypto.SHA512: 521}
		if alg[:2] == "ES" && k.Curve.Params().BitSize == sizes[hash] {
			return Algorithm{Family: ECDSA, Hash: hash}
		}
	case alg[:2] == "RS":
		return Algorithm{Family: PKCS1, Hash: hash}
	case alg[:2] == "PS":
		return Algorithm{Family: PSS, Hash: hash, Salt: hash.Size()}
	}
	return Algorithm{}
}

// JOSE returns the alg.
func (a Algorithm) JOSE() string {
	family := map[Family]string{ECDSA: "ES", PKCS1: "RS", PSS: "PS"}[a.Family]
	return fmt.Sprintf("%s%d", family, a.Hash.Size()*8)
}

// ToRaw turns an Ecdsa-Sig-Value into R || S, each of the curve's size (RFC
// 7518 section 3.4). Signatures of other keys stay as they are.
func ToRaw(pub crypto.PublicKey, sig []byte) ([]byte, error) {
	k, ok := pub.(*ecdsa.PublicKey)
	if !ok {
		return sig, nil
	}
	in := cryptobyte.String(sig)
	var pair cryptobyte.String
	r, s := new(big.Int), new(big.Int)
	if !in.ReadASN1(&pair, der.SEQUENCE) || !in.Empty() || !pair.ReadASN1Integer(r) || !pair.ReadASN1Integer(s) || !pair.Empty() {
		return nil, errors.New("an ECDSA signature that is no DER")
	}
	n := coordinate(k)
	if r.Sign() <= 0 || s.Sign() <= 0 || r.BitLen() > 8*n || s.BitLen() > 8*n {
		return nil, errors.New("an ECDSA signature that is too long for its curve")
	}
	out := make([]byte, 2*n)
	r.FillBytes(out[:n])
	s.FillBytes(out[n:])
	return out, nil
}

// FromRaw is the way back; nil if the length is not the curve's.
func FromRaw(pub crypto.PublicKey, sig []byte) []byte {
	k, ok := pub.(*ecdsa.PublicKey)
	if !ok {
		return sig
	}
	n := coordinate(k)
	if len(sig) != 2*n {
		return nil
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(sig[:n]))
		b.AddASN1BigInt(new(big.Int).SetBytes(sig[n:]))
	})
	return b.BytesOrPanic() // cannot fail: two bounded integers
}

// coordinate returns the octets of a coordinate.
func coordinate(k *ecdsa.PublicKey) int { return (k.Curve.Params().BitSize + 7) / 8 }
