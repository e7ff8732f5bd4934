package approval

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

// StatementType is the type of the statement that approves a matter.
const StatementType = signature.ApprovalType

// NoncePurpose binds nonces to approvals.
const NoncePurpose nonce.Purpose = "approval"

// Statement is what an operator signs.
type Statement struct {
	signature.Claims
	Approves       string `json:"approves"`        // id of the matter
	ApprovesSHA256 string `json:"approves_sha256"` // hex, of the matter
}

// Matter is what is to be approved.
type Matter struct {
	ID       string
	SHA256   string      // hex; it fixes everything that approvers are shown
	Right    ca.Right    // that an approver must have
	Subjects []string    // names of operators whom it concerns: these persons do not approve, under whatever name
	Holder   ca.HolderID // whom it concerns beside them; "": nobody
}

// Challenge is what a statement has to say beside the matter.
type Challenge struct {
	Type     string `json:"type"`
	Audience string `json:"aud"`
	Nonce    string `json:"nonce"`
}

// Config is what a Desk needs. New says what is wrong.
type Config struct {
	Store    store.Store
	CA       *ca.Authority
	Verifier *signature.Verifier
	Nonces   *nonce.Source
	Audience string           // base URL of the portal, no slash at the end; statements name it
	Now      func() time.Time // nil: time.Now
}

// Desk takes approvals in. It is safe for concurrent use.
type Desk struct{ Config }

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("approval: no "+what))
		}
	}
	need(c.Store != nil, "store")
	need(c.CA != nil, "authority")
	need(c.Verifier != nil, "verifier")
	need(c.Nonces != nil, "nonces")
	need(c.Audience != "", "audience")
	return &Desk{c}, errors.Join(errs...)
}

func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }

// Challenge returns what the next statement has to say.
func (d *Desk) Challenge() Challenge {
	return Challenge{Type: StatementType, Audience: d.Audience, Nonce: d.Nonces.New(NoncePurpose)}
}

// Signed is a statement as it comes in: a JWS alone, or a CMS with the
// document it was made over where that is not inside.
type Signed struct {
	Signature []byte
	Document  []byte // nil: a JWS, or a CMS with its content
}

// Verify opens a signed statement of the kind typ. A JWS begins like one.
func Verify(ctx context.Context, v *signature.Verifier, s Signed, typ string) (signature.Signed, error) {
	raw := bytes.TrimSpace(s.Signature)
	if s.Document == nil && (bytes.HasPrefix(raw, []byte("eyJ")) || bytes.HasPrefix(raw, []byte("{"))) {
		return v.JWS(ctx, raw, typ)
	}
	return v.CMS(ctx, s.Signature, s.Document)
}

// Give takes an approval of m in: it is checked, counted and logged in one
// transaction. The same statement again changes nothing and is no error.
// check runs in that transaction before anything is counted, and refuses by
// its error; nil: nothing to check.
func (d *Desk) Give(ctx context.Context, m Matter, s Signed, check func(store.Tx) error) (Approval, error) {
	signed, err := Verify(ctx, d.Verifier, s, StatementType)
	if err != nil {
		return Approval{}, err
	}
	if a, err := d.again(ctx, m, signed); err == nil || !errors.Is(err, store.ErrNotFound) {
		return a, err
	}
	now := d.now()
	st, claims, err := signature.ParseClaims[Statement](signed, StatementType, d.Audience, now)
	if err != nil {
		return Approval{}, err
	}
	if st.Approves != m.ID || st.ApprovesSHA256 != m.SHA256 {
		return Approval{}, fault.New(fault.Conflict, "approval_differs", "the statement approves something else than what is here under this name; look at it again and sign what it is now")
	}
	use, err := d.Nonces.Redeemable(NoncePurpose, claims.Nonce)
	if err != nil {
		return Approval{}, err
	}
	var a Approval
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if check != nil {
			if err := check(tx); err != nil {
				return err
			}
		}
		var fresh bool
		if a, fresh, err = record(tx, m, signed, d.CA.Simulated, now); err != nil || !fresh {
			return err
		}
		return use.Use(tx)
	})
	return a, err
}

// again returns the approval of m that the same statement gave before, or
// store.ErrNotFound.
func (d *Desk) again(ctx context.Context, m Matter, signed signature.Signed) (a Approval, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		c := signed.Standing().Record()
		a, err = store.Load[Approval](tx, bucket, key(m.ID, c.Service, c.Serial))
		if err == nil && a.SHA256 != signed.SHA256() {
			err = store.ErrNotFound
		}
		return err
	})
	return a, err
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
