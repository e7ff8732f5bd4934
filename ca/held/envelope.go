package held

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"mohr/internal/fault"
)

// secretSize is the length of a PRF's value (WebAuthn level 3, section 10.1.4).
const secretSize = 32

// field binds the envelope to the record it is in: moved to another key's,
// holder's or passkey's it does not open.
func (k Key) field() string {
	return "private\n" + string(k.Holder) + "\n" + string(k.Business) + "\n" + k.Passkey + "\n" + sum(k.Salt)
}

// close puts the wrapped key into the envelope: under the passkey's secret, if
// there is one, and that under the service's.
func (d *Desk) close(k *Key, wrapped, secret []byte) (err error) {
	if k.Bound() {
		aead, err := k.cipher(secret)
		if err != nil {
			return err
		}
		wrapped = aead.Seal(nil, nil, wrapped, []byte(k.ID))
	}
	k.Private, err = d.Seal.Seal(keyBucket, k.ID, k.field(), wrapped)
	return err
}

// open takes the wrapped key out; Denied (held_secret) without the passkey's
// secret, where it is needed, or with another one.
func (d *Desk) open(k Key, secret []byte) ([]byte, error) {
	wrapped, err := d.Seal.Open(keyBucket, k.ID, k.field(), k.Private)
	if err != nil || !k.Bound() {
		return wrapped, err
	}
	aead, err := k.cipher(secret)
	if err != nil {
		return nil, err
	}
	if wrapped, err = aead.Open(nil, nil, wrapped, []byte(k.ID)); err != nil {
		return nil, errSecret()
	}
	return wrapped, nil
}

// cipher is AES-256-GCM, nonces random, under a key derived from the passkey's
// secret. It encrypts once.
func (k Key) cipher(secret []byte) (cipher.AEAD, error) {
	if len(secret) != secretSize {
		return nil, errSecret()
	}
	key, err := hkdf.Key(sha256.New, secret, k.Salt, "mohr held key 1\x00"+k.ID, 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func errSecret() error {
	return fault.New(fault.Denied, "held_secret", "this key opens only with the secret of the passkey that it was made with; use that passkey, in a browser that passes it on (PRF)")
}
