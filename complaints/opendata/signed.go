package opendata

import (
	"crypto/x509"
	"encoding/json"
	"time"

	"mohr/ca/receipt"
)

// VerifySigned checks the signature of an edition, offline: its chain to root
// at the instant at, and that the signer is the service's own audit key. It
// returns the manifest that was signed.
func VerifySigned(e Edition, root *x509.Certificate, at time.Time) (Manifest, error) {
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
