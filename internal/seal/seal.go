// Package seal encrypts personal data record by record, so that it can be erased.
//
// Every sealed value has a data key of its own, wrapped under a key that HKDF
// (RFC 5869) derives from the service secret, the collection and the record's
// id. Who deletes the wrapped key has erased the value, in every copy that is
// made from then on. Both layers are AES-256-GCM, bound to the place of the
// value: moved to another record or field it does not open.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"mohr/internal/fault"
)

// SecretSize is the length of the service secret, in octets.
const SecretSize = 32

// version is the format that Seal writes; it is in the additional data.
const version = 1

// keySize is the length of data keys and derived keys: AES-256, HMAC-SHA-256.
const keySize = 32

// ErrBroken is returned for a value that was changed, moved, or sealed under
// another secret.
var ErrBroken = errors.New("seal: the value does not open in this place")

// Sealed is an encrypted value, for a field of a JSON record. The zero value
// is an erased one.
type Sealed struct {
	Version int    `json:"v,omitempty"`
	Key     []byte `json:"key,omitempty"`  // wrapped data key; without it nobody can open
	Data    []byte `json:"data,omitempty"` // nonce and ciphertext
}

// Erase deletes the wrapped data key. Save the record after it.
func (s *Sealed) Erase() { s.Key = nil }

// Erased reports whether the value can never be opened again.
func (s Sealed) Erased() bool { return len(s.Key) == 0 }

// Box seals and opens values. It is immutable and safe for concurrent use.
type Box struct {
	prk   []byte // HKDF's pseudorandom key
	index []byte // key of Index
}

// New returns the Box of the service secret, which has 32 octets.
func New(secret []byte) (*Box, error) {
	if len(secret) != SecretSize {
		return nil, fmt.Errorf("seal: the secret has %d octets and not %d", len(secret), SecretSize)
	}
	prk, err := hkdf.Extract(sha256.New, secret, []byte("mohr seal 1"))
	if err != nil {
		return nil, fmt.Errorf("derive keys: %w", err)
	}
	b := &Box{prk: prk}
	b.index = b.expand("index")
	return b, nil
}

// expand returns the subkey for a use and what it is bound to.
func (b *Box) expand(use string, bound ...string) []byte {
	key, err := hkdf.Expand(sha256.New, b.prk, string(joined(append([]string{use}, bound...)...)), keySize)
	if err != nil {
		panic(err) // only for a length above 255 hashes
	}
	return key
}

// Derive returns the 32-octet key for a purpose outside this package, the
// same one each time: "nonce", "holder".
func (b *Box) Derive(purpose string) []byte { return b.expand("derive", purpose) }

// Seal encrypts plain for one field of one record.
func (b *Box) Seal(collection, id, field string, plain []byte) (Sealed, error) {
	place := joined(collection, id, field, string(rune('0'+version)))
	dataKey := make([]byte, keySize)
	rand.Read(dataKey) // never fails (crypto/rand)
	wrap, err := gcm(b.expand("wrap", collection, id))
	if err != nil {
		return Sealed{}, err
	}
	data, err := gcm(dataKey)
	if err != nil {
		return Sealed{}, err
	}
	// Random nonces are safe here: a data key encrypts once, a wrapping key
	// as often as fields of one record are written.
	return Sealed{
		Version: version,
		Key:     wrap.Seal(nil, nil, dataKey, place),
		Data:    data.Seal(nil, nil, plain, place),
	}, nil
}

// Open decrypts what Seal made for the same place. An erased value is
// NotFound; one that was tampered with or moved is ErrBroken.
func (b *Box) Open(collection, id, field string, s Sealed) ([]byte, error) {
	if s.Erased() {
		return nil, fault.New(fault.NotFound, "sealed_erased", "this was erased for good; it cannot be shown any more")
	}
	if s.Version != version {
		return nil, fmt.Errorf("open %s.%s: version %d is unknown", collection, field, s.Version)
	}
	place := joined(collection, id, field, string(rune('0'+version)))
	dataKey, err := openGCM(b.expand("wrap", collection, id), s.Key, place)
	if err != nil {
		return nil, fmt.Errorf("open %s.%s: %w", collection, field, err)
	}
	plain, err := openGCM(dataKey, s.Data, place)
	if err != nil {
		return nil, fmt.Errorf("open %s.%s: %w", collection, field, err)
	}
	return plain, nil
}

// Index returns the blind index of a value: equal for equal values of the same
// field, 32 hex digits, of no use without the secret. The caller brings value
// into its one form first (digits, letters, no spaces).
func (b *Box) Index(collection, field, value string) string {
	h := hmac.New(sha256.New, b.index)
	h.Write(joined(collection, field, value))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// gcm is AES-256-GCM that puts a random nonce before the ciphertext.
func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func openGCM(key, box, place []byte) ([]byte, error) {
	if len(key) != keySize {
		return nil, ErrBroken
	}
	aead, err := gcm(key)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, box, place)
	if err != nil {
		return nil, ErrBroken
	}
	return plain, nil
}

// joined writes each part with its length before it: no two lists of parts
// give the same octets.
func joined(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}
