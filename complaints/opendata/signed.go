package opendata

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"mohr/ca/receipt"
	"mohr/internal/store"
)

// VerifySigned checks the signature of an edition, offline: that the signer is
// the service's own audit key, and its chain to root at the time it signed,
// which is not after now: editions outlive the certificates of who signed
// them. That an old one was not made later by who found an old key is shown by
// the editions that follow it, and by the public log. It returns the manifest
// that was signed.
func VerifySigned(e Edition, root *x509.Certificate, now time.Time) (Manifest, error) {
	at, ok := signedAt(e.Signed)
	if !ok || at.After(now) || at.Before(e.Manifest.At) {
		return Manifest{}, errData("the signature of %s has no time, or one that cannot be", e.Manifest.Day)
	}
	file, err := json.Marshal(receipt.File{Receipt: e.Signed})
	if err != nil {
		return Manifest{}, err
	}
	r, err := receipt.Verify(file, root, "", at)
	if err != nil {
		return Manifest{}, err
	}
	var claims struct {
		Manifest Manifest `json:"manifest"`
	}
	if err := json.Unmarshal(r.Claims, &claims); err != nil || r.Kind != Kind {
		return Manifest{}, errData("what was signed for %s is no manifest", e.Manifest.Day)
	}
	return claims.Manifest, nil
}

// signedAt reads when the receipt says that it was issued.
func signedAt(jws string) (time.Time, bool) {
	_, rest, _ := strings.Cut(jws, ".")
	payload, _, _ := strings.Cut(rest, ".")
	b, err := base64.RawURLEncoding.DecodeString(payload)
	var claims struct {
		IssuedAt int64 `json:"iat"`
	}
	if err != nil || json.Unmarshal(b, &claims) != nil || claims.IssuedAt <= 0 {
		return time.Time{}, false
	}
	return time.Unix(claims.IssuedAt, 0), true
}

// sign signs manifests that were recorded and are not signed.
func (p *Publisher) sign(ctx context.Context) error {
	var open []Edition
	err := p.Register.Store.View(ctx, func(tx store.Tx) error {
		open = nil
		return store.Each(tx, editionBucket, "", "", func(_ string, e Edition) error {
			if e.Signed == "" {
				open = append(open, e)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, e := range open {
		jws, err := p.Receipts.Issue(ctx, Kind, struct {
			Manifest Manifest `json:"manifest"`
			SHA256   string   `json:"sha256"`
		}{e.Manifest, e.SHA256})
		if err != nil {
			return err
		}
		e.Signed = string(jws)
		err = p.Register.Store.Update(ctx, func(tx store.Tx) error {
			had, err := store.Load[Edition](tx, editionBucket, e.Manifest.Day)
			if err != nil || had.Signed != "" {
				return err
			}
			return store.Save(tx, editionBucket, e.Manifest.Day, e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
