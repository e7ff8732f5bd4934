//go:build cgo && !nopkcs11

package p11

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"fmt"
	"math/big"

	"github.com/miekg/pkcs11"
	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/hsm/keyfile"
	"mohr/internal/fault"
)

// CKM_AES_KEY_WRAP_KWP of PKCS#11 v3.0, section 6.13.
const keyWrapKWP = 0x0000210b

// mechanisms are AES key wrap with padding (RFC 5649) under its two names, the
// exact one first: what some makers mean by the other, only their own tokens
// unwrap. A wrapped key says which it was.
var mechanisms = []uint{keyWrapKWP, pkcs11.CKM_AES_KEY_WRAP_PAD}

const idSize = 16 // octets of a wrapping key's CKA_ID

// p256 is the OID of the curve, as CKA_EC_PARAMS has it.
var p256 = []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}

// wrapped is a private key outside the token: the mechanism's number (4
// octets), the CKA_ID of the wrapping key, and what the token gave.
type wrapped struct {
	mechanism uint32
	id        []byte
	key       []byte
}

func (w wrapped) bytes() []byte {
	var b cryptobyte.Builder
	b.AddUint32(w.mechanism)
	b.AddBytes(w.id)
	b.AddBytes(w.key)
	return b.BytesOrPanic() // nothing in it can fail
}

// maxWrapped bounds a wrapped P-256 key: PKCS #8 takes 150 octets or so.
const maxWrapped = 1024

func parseWrapped(b []byte) (w wrapped, err error) {
	in := cryptobyte.String(b)
	if len(b) > maxWrapped || !in.ReadUint32(&w.mechanism) || !in.ReadBytes(&w.id, idSize) || in.Empty() {
		return w, keyfile.ErrBroken()
	}
	for _, m := range mechanisms {
		if uint32(m) == w.mechanism {
			w.key = in
			return w, nil
		}
	}
	return w, keyfile.ErrBroken()
}

// Make makes a P-256 key and returns its public half, and its private half
// wrapped by the token's newest wrapping key of the label. The first use of a
// label makes that.
func (t *Token) Make(label string) (public *ecdsa.PublicKey, private []byte, err error) {
	if t.wrap == 0 {
		return nil, nil, fault.New(fault.Invalid, "token_wraps_no_keys", "this token knows no AES key wrap with padding (RFC 5649), without which holders' keys cannot be kept outside of it; choose another home for them")
	}
	private, err = within(t, func(s pkcs11.SessionHandle) ([]byte, error) {
		wrapping, id, err := t.wrapping(s, label)
		if err != nil {
			return nil, err
		}
		pub, priv, err := t.module.GenerateKeyPair(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)}, publicTemplate(), privateTemplate(true))
		if err != nil {
			return nil, fmt.Errorf("make key: %w", err)
		}
		if public, err = t.point(s, pub); err != nil {
			return nil, err
		}
		key, err := t.module.WrapKey(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(t.wrap, nil)}, wrapping, priv)
		if err != nil {
			return nil, fmt.Errorf("wrap key: %w", err)
		}
		return wrapped{uint32(t.wrap), id, key}.bytes(), nil
	})
	return public, private, err
}

// Sign takes a wrapped key in, signs a digest of SHA-256 with it, and forgets
// it. The signature is an Ecdsa-Sig-Value (RFC 3279 section 2.2.3).
func (t *Token) Sign(private, digest []byte) ([]byte, error) {
	w, err := parseWrapped(private)
	if err != nil {
		return nil, err
	}
	pair, err := within(t, func(s pkcs11.SessionHandle) ([]byte, error) {
		wrapping, err := t.search(s, pkcs11.NewAttribute(pkcs11.CKA_ID, w.id))
		if err != nil {
			return nil, err
		}
		if wrapping == 0 {
			return nil, keyfile.ErrNotFound()
		}
		key, err := t.module.UnwrapKey(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(uint(w.mechanism), nil)}, wrapping, w.key, unwrapTemplate())
		if err != nil {
			return nil, fmt.Errorf("unwrap key: %w", err)
		}
		if err := t.module.SignInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)}, key); err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
		return t.module.Sign(s, digest)
	})
	if err != nil {
		return nil, err
	}
	if len(pair) != 64 {
		return nil, fmt.Errorf("sign: %d octets are no signature on P-256", len(pair))
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(pair[:32]), new(big.Int).SetBytes(pair[32:])})
}

// wrapping returns the wrapping key of the label and its id, made if there is none.
func (t *Token) wrapping(s pkcs11.SessionHandle, label string) (pkcs11.ObjectHandle, []byte, error) {
	key, err := t.search(s, pkcs11.NewAttribute(pkcs11.CKA_LABEL, label))
	if err != nil {
		return 0, nil, err
	}
	if key != 0 {
		got, err := t.module.GetAttributeValue(s, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, nil), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, nil)})
		if err != nil {
			return 0, nil, fmt.Errorf("read wrapping key: %w", err)
		}
		if len(got[0].Value) != idSize || len(got[1].Value) != 1 || got[1].Value[0] != 0 {
			return 0, nil, fault.New(fault.Conflict, "wrapping_key_foreign", "the token has a secret key under the name of the one that wraps holders' keys, which was not made for that; choose another name")
		}
		return key, got[0].Value, nil
	}
	id := make([]byte, idSize)
	rand.Read(id) // never fails (crypto/rand)
	key, err = t.module.GenerateKey(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, wrappingTemplate(label, id))
	if err != nil {
		return 0, nil, fmt.Errorf("make wrapping key: %w", err)
	}
	return key, id, nil
}

// search returns a secret key of the token; 0 if it has none like that. Two
// nodes may have made one each at the same time: both go on to unwrap.
func (t *Token) search(s pkcs11.SessionHandle, by *pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	err := t.module.FindObjectsInit(s, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), by,
	})
	if err != nil {
		return 0, fmt.Errorf("find wrapping key: %w", err)
	}
	found, _, err := t.module.FindObjects(s, 1)
	if end := t.module.FindObjectsFinal(s); err == nil {
		err = end
	}
	if err != nil {
		return 0, fmt.Errorf("find wrapping key: %w", err)
	}
	if len(found) == 0 {
		return 0, t.loggedIn(s)
	}
	return found[0], nil
}

// loggedIn is an error for a session whose login is gone: it sees no private
// object, so that none is found in it.
func (t *Token) loggedIn(s pkcs11.SessionHandle) error {
	info, err := t.module.GetSessionInfo(s)
	if err == nil && info.State != pkcs11.CKS_RW_USER_FUNCTIONS {
		err = pkcs11.Error(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return err
}

// point reads a public key: a point on the curve, inside an OCTET STRING
// (PKCS#11 v2.40 mechanisms, section 2.3.3).
func (t *Token) point(s pkcs11.SessionHandle, key pkcs11.ObjectHandle) (*ecdsa.PublicKey, error) {
	got, err := t.module.GetAttributeValue(s, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil)})
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	in, point := cryptobyte.String(got[0].Value), cryptobyte.String(nil)
	if !in.ReadASN1(&point, cryptobyte_asn1.OCTET_STRING) || !in.Empty() {
		return nil, fmt.Errorf("read public key: %x is no point", got[0].Value)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	return public, nil
}
