package ca

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"mohr/ca/evidence"
)

// HolderID names a person across certificates: serials change at each
// renewal, it does not. It is opaque: a MAC of the national code.
type HolderID string

// HolderOf returns the person's id under key, which all nodes share.
func HolderOf(key []byte, nationalCode string) HolderID {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("mohr holder\x00" + nationalCode))
	return HolderID("h-" + hex.EncodeToString(h.Sum(nil)[:16]))
}

// BusinessID names a business: the legal id of a company (11 digits), or an
// opaque id for a sole trader.
type BusinessID string

// Trader returns the opaque id of the business that a person is as a sole
// trader. Who knows it learns neither the person's code nor the HolderID.
func (a *Authority) Trader(h HolderID) BusinessID {
	m := hmac.New(sha256.New, a.HolderKey)
	m.Write([]byte("mohr sole trader\x00" + string(h)))
	return BusinessID("s-" + hex.EncodeToString(m.Sum(nil)[:16]))
}

// ParseBusinessID checks s: an 11-digit legal id with its checksum, or "s-"
// and 32 hex digits.
func ParseBusinessID(s string) (BusinessID, error) {
	if opaque, ok := strings.CutPrefix(s, "s-"); ok && len(opaque) == 32 {
		if _, err := hex.DecodeString(opaque); err == nil {
			return BusinessID(s), nil
		}
	}
	id, err := evidence.ParseLegalID(s)
	return BusinessID(id), err
}
