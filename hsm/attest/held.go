package attest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"time"
)

// Held is the format of the service's own statements about keys that it keeps
// for holders in its HSM: no device speaks, the room that keeps them does, and
// the service believes itself by a MAC.
const Held Format = "held"

// Voucher makes statements about keys that are held here. The zero Voucher
// makes none that count. One room has it, which internal/arch sees to.
type Voucher struct{ secret []byte }

// NewVoucher returns the Voucher of a secret of 32 octets, which is Config.Held.
func NewVoucher(secret []byte) Voucher { return Voucher{secret} }

// Vouch states that the key (SubjectPublicKeyInfo, DER) is held for a holder.
func (v Voucher) Vouch(spki []byte, holder string, b Binding) Statement {
	return Statement{Format: Held, Nonce: b.Nonce, Key: spki, Holder: holder, Signature: heldMAC(v.secret, spki, holder, b)}
}

func heldMAC(secret, spki []byte, holder string, b Binding) []byte {
	m := hmac.New(sha256.New, secret)
	for _, part := range [][]byte{[]byte("mohr held key 1"), b.Message(), []byte(holder), spki} {
		m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part)))) // so that no part runs into the next
		m.Write(part)
	}
	return m.Sum(nil)
}

// held judges statements of a Voucher.
type held struct{ secret []byte }

func (h held) judge(s Statement, b Binding, _ time.Time) (Key, error) {
	if len(s.Key) > maxStructure || !hmac.Equal(s.Signature, heldMAC(h.secret, s.Key, s.Holder, b)) {
		return Key{}, errSignature()
	}
	if _, err := x509.ParsePKIXPublicKey(s.Key); err != nil || s.Holder == "" {
		return Key{}, errMalformed("the key")
	}
	return Key{format: Held, spki: s.Key, holder: s.Holder, device: hexSum([]byte("mohr held keys")), traits: "held by the service, used by its holder's passkey"}, nil
}
