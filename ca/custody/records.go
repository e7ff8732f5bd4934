package custody

import (
	"errors"
	"fmt"
	"time"

	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Buckets of this room.
const (
	keyBucket = "custody_keys" // purpose/generation -> Key
	useBucket = "custody_uses" // purpose/generation -> uses
)

// Key is the record of one generation of a purpose's key.
type Key struct {
	Purpose    string        `json:"purpose"`
	Generation int           `json:"generation"` // from 1
	Home       string        `json:"home"`       // scheme of the URI it was made under: file, pkcs11, tpmkms
	Algorithm  hsm.Algorithm `json:"algorithm"`
	SPKISHA256 string        `json:"spki_sha256,omitempty"` // hex; "" while it is being made
	Created    time.Time     `json:"created"`
	Retired    time.Time     `json:"retired,omitzero"` // signs nothing from then on
}

// made reports whether the key exists as far as the record knows.
func (k Key) made() bool { return k.SPKISHA256 != "" }

// name is the key's name in its home. A purpose may itself end in a hyphen and
// a number: ocsp-sign-p256-2 answers for the second generation of an issuer.
func (k Key) name() string {
	if k.Generation == 1 {
		return k.Purpose
	}
	return fmt.Sprintf("%s.%d", k.Purpose, k.Generation)
}

func (k Key) record() string { return fmt.Sprintf("%s/%04d", k.Purpose, k.Generation) }

// uses counts what a key did, over all runs of the service.
type uses struct {
	Signatures uint64    `json:"signatures"`
	Last       time.Time `json:"last,omitzero"`
}

// generations returns the records of a purpose, oldest first.
func generations(tx store.Tx, purpose string) (list []Key, err error) {
	err = store.Each(tx, keyBucket, purpose+"/", "", func(_ string, k Key) error {
		list = append(list, k)
		return nil
	})
	return list, err
}

// serving returns the key that serves the purpose: the newest that is made
// and not retired. Without one the fault is NotFound.
func serving(list []Key) (Key, error) {
	for n := len(list) - 1; n >= 0; n-- {
		if k := list[n]; k.made() && k.Retired.IsZero() {
			return k, nil
		}
	}
	return Key{}, errNoKey()
}

func errNoKey() error {
	return fault.New(fault.NotFound, "key_purpose_unknown", "no key serves this purpose here; see the list of keys")
}

func loadKey(tx store.Tx, purpose string, generation int) (Key, error) {
	k, err := store.Load[Key](tx, keyBucket, Key{Purpose: purpose, Generation: generation}.record())
	if errors.Is(err, store.ErrNotFound) {
		return k, errNoKey()
	}
	return k, err
}

func saveKey(tx store.Tx, k Key) error { return store.Save(tx, keyBucket, k.record(), k) }
