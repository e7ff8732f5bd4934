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
