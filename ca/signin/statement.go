package signin

import (
	"context"

	"mohr/ca/approval"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

const (
	// StatementType is the type of a statement that signs its signer in, and its
	// typ as a JWS.
	StatementType = "mohr-signin/1"
	// ConfirmType is the type of a statement that confirms one purpose.
	ConfirmType = "mohr-confirm/1"
	// NoncePurpose binds nonces to signing in.
	NoncePurpose nonce.Purpose = "signin"
	// MaxStatement bounds a signed statement as it comes in, octets.
	MaxStatement = 64 << 10
)

// Statement is what a holder signs to sign in: nothing but the claims that
// every statement has.
type Statement struct{ signature.Claims }

// ConfirmStatement is what a holder who is signed in signs for one purpose.
type ConfirmStatement struct {
	signature.Claims
	Purpose Purpose `json:"purpose"`
}

// heard is a proof of who somebody is that holds, and what it uses up.
type heard struct {
	signed
	use func(store.Tx) error
}

// hear judges a statement that signs in: a JWS, or a CMS with its content.
func (d *Desk) hear(ctx context.Context, raw []byte) (heard, error) {
	s, err := d.verify(ctx, raw, StatementType)
	if err != nil {
		return heard{}, err
	}
	_, claims, err := signature.ParseClaims[Statement](s, StatementType, d.Audience, d.now())
	if err != nil {
		return heard{}, err
	}
	return d.heard(ctx, s, NoncePurpose, claims)
}

// hearConfirm judges a statement for a purpose of the one who is signed in.
func (d *Desk) hearConfirm(ctx context.Context, who Who, raw []byte, p Purpose) (heard, error) {
	s, err := d.verify(ctx, raw, ConfirmType)
	if err != nil {
		return heard{}, err
	}
	st, claims, err := signature.ParseClaims[ConfirmStatement](s, ConfirmType, d.Audience, d.now())
	if err != nil {
		return heard{}, err
	}
	if st.Purpose != p {
		return heard{}, errOtherPurpose()
	}
	return d.heard(ctx, s, who.confirmNonce(p), claims)
}

func (d *Desk) verify(ctx context.Context, raw []byte, typ string) (signature.Signed, error) {
	if len(raw) == 0 || len(raw) > MaxStatement {
		return signature.Signed{}, fault.New(fault.Invalid, "signin_statement_missing", "there is no signed statement; paste the one that was made for this page, at most %[1]d octets", MaxStatement)
	}
	return approval.Verify(ctx, d.Verifier, approval.Signed{Signature: raw}, typ)
}

// heard says whose statement it is and that its nonce is ours.
func (d *Desk) heard(ctx context.Context, s signature.Signed, p nonce.Purpose, claims signature.Claims) (h heard, err error) {
	if h.signed, err = d.ofCertificate(ctx, s.Standing(), ByKey); err != nil {
		return h, err
	}
	once, err := d.Nonces.Redeemable(p, claims.Nonce)
	h.use = once.Use
	return h, err
}
