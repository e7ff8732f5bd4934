package ca

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Blocked is a public key that is never certified again, or for the first time.
type Blocked struct {
	SPKISHA256 string    `json:"spki_sha256"` // hex, of the SubjectPublicKeyInfo
	At         time.Time `json:"at"`
	By         string    `json:"by"` // an actor: "key" where the key itself said so
}

// ParseKeyHash reads a SHA-256 of a SubjectPublicKeyInfo in hex of either
// case, with or without the colons that some tools print.
func ParseKeyHash(s string) (string, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(s), ":", ""))
	if err != nil || len(b) != 32 {
		return "", fault.New(fault.Invalid, "key_hash_malformed", "this is not the SHA-256 of a public key in hexadecimal digits; take it with: openssl pkey -pubin -in KEY -outform DER | openssl dgst -sha256")
	}
	return hexOf(b), nil
}

// BlockKeyIn blocks the key of the hash for good, whether it was seen here or
// not, and ends every issued certificate with it. What is pending is void
// when it is taken up. It returns how many certificates ended now; again it
// changes nothing.
func BlockKeyIn(tx store.Tx, spkiSHA256, by string, now time.Time) (ended int, err error) {
	use, err := store.Load[keyUse](tx, spkiBucket, spkiSHA256)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	if !use.Compromised {
		use.Compromised = true
		if err := store.Save(tx, spkiBucket, spkiSHA256, use); err != nil {
			return 0, err
		}
		if err := store.Save(tx, blockedBucket, spkiSHA256, Blocked{SPKISHA256: spkiSHA256, At: now, By: by}); err != nil {
			return 0, err
		}
		if err := ledger.Append(tx, ledger.Event{Kind: "key.blocked", Subject: spkiSHA256, At: now}); err != nil {
			return 0, err
		}
	}
	err = EachOfKey(tx, spkiSHA256, func(c Certificate) error {
		if c.State != Issued || c.Ended() {
			return nil
		}
		ended++
		return endCertificate(tx, c, KeyCompromise, by, now)
	})
	return ended, err
}

// EachOfKey calls fn with the record of every certificate of the key.
func EachOfKey(tx store.Tx, spkiSHA256 string, fn func(Certificate) error) error {
	return store.Each(tx, keyCertBucket, spkiSHA256+"/", "", func(_, serial string) error {
		c, err := LoadCertificate(tx, serial)
		if err != nil {
			return err
		}
		return fn(c)
	})
}

// KeySeen reports whether a certificate was ever ordered for the key, or the
// key is blocked.
func KeySeen(tx store.Tx, spkiSHA256 string) (bool, error) {
	return store.Has(tx, spkiBucket, spkiSHA256)
}

// LoadBlocked returns since when the key is blocked; NotFound if it is not.
func LoadBlocked(tx store.Tx, spkiSHA256 string) (Blocked, error) {
	b, err := store.Load[Blocked](tx, blockedBucket, spkiSHA256)
	if errors.Is(err, store.ErrNotFound) {
		return b, fault.New(fault.NotFound, "key_not_blocked", "this public key is not blocked here")
	}
	return b, err
}

// BlockedKeys returns up to limit blocked keys in the order of their hashes,
// after the hash after ("" for the first).
func (a *Authority) BlockedKeys(ctx context.Context, after string, limit int) ([]Blocked, error) {
	return page[Blocked](ctx, a.Store, blockedBucket, after, limit)
}
