package complaints

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/signature"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

// heard is a statement about a business whose signature and form are good. Who
// signed it is asked in the transaction of its deed, by signedFor.
type heard[T any] struct {
	Says   T
	sum    string // hex SHA-256 of the signed bytes
	at     time.Time
	once   nonce.Checked
	signed signature.Signed
}

// hear reads a JWS of the type, or a CMS with the statement inside, that was
// sent for the business b; the statement names one itself, as business tells.
func hear[T any](ctx context.Context, d *Desk, b ca.BusinessID, raw []byte, typ string, purpose nonce.Purpose, business func(T) string) (h heard[T], err error) {
	if h.signed, err = approval.Verify(ctx, d.Verifier, approval.Signed{Signature: raw}, typ); err != nil {
		return h, err
	}
	h.at = d.now()
	var claims signature.Claims
	if h.Says, claims, err = signature.ParseClaims[T](h.signed, typ, d.Audience, h.at); err != nil {
		return h, err
	}
	if business(h.Says) != string(b) {
		return h, errNotOwner()
	}
	sum := sha256.Sum256(raw)
	h.sum = hex.EncodeToString(sum[:])
	h.once, err = d.Nonces.Redeemable(purpose, claims.Nonce)
	return h, err
}

// signedFor is Denied unless the signer's certificate is good and speaks for
// the business.
func (h heard[T]) signedFor(d *Desk, tx store.Tx, b ca.BusinessID) error {
	now, err := ca.StandingIn(tx, h.signed.Standing().Leaf(), h.at)
	if err != nil {
		return err
	}
	return d.speaksFor(tx, now, b)
}
