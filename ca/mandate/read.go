package mandate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

// The types of statements, and what binds nonces to each.
const (
	StatementType = "mohr-mandate/1"
	RevokeType    = "mohr-mandate-revoke/1"
	QueryType     = "mohr-mandate-query/1"

	GiveNonce   nonce.Purpose = "mandate"
	RevokeNonce nonce.Purpose = "mandate-revoke"
	QueryNonce  nonce.Purpose = "mandate-query"
)

// purposes are the nonces' by type of statement.
var purposes = map[string]nonce.Purpose{StatementType: GiveNonce, RevokeType: RevokeNonce, QueryType: QueryNonce}

// Statement is what somebody signs who gives a mandate.
type Statement struct {
	signature.Claims
	GrantTerms
}

// MaxStatement bounds a statement with its signature, in octets.
const MaxStatement = 64 << 10

// incoming is a statement whose signature and form are good.
type incoming[T any] struct {
	T      T
	signed signature.Signed
	nonce  nonce.Checked
	at     time.Time
}

func (in incoming[T]) signer() ca.Certificate { return in.signed.Standing().Record() }

// open verifies the signature over a statement of the kind typ.
func (d *Desk) open(ctx context.Context, s approval.Signed, typ string) (signature.Signed, error) {
	if len(s.Signature)+len(s.Document) > MaxStatement {
		return signature.Signed{}, fault.New(fault.Invalid, "mandate_statement_too_large", "a signed statement about a mandate has at most %[1]d octets; send it and its signature alone", MaxStatement)
	}
	return approval.Verify(ctx, d.Verifier, s, typ)
}

// read checks a signed statement of the kind typ: what the certificate is for
// and its standing, the statement's binding, the nonce. It uses nothing up.
func read[T any](d *Desk, signed signature.Signed, typ string) (in incoming[T], err error) {
	in.signed, in.at = signed, d.now()
	if err := mayBind(signed.Standing()); err != nil {
		return in, err
	}
	var claims signature.Claims
	if in.T, claims, err = signature.ParseClaims[T](in.signed, typ, d.Audience, in.at); err != nil {
		return in, err
	}
	in.nonce, err = d.Nonces.Redeemable(purposes[typ], claims.Nonce)
	return in, err
}

// binding are the profiles of certificates by which a person commits to what
// is signed.
var binding = []string{ca.NaturalSign, ca.NaturalSignB, ca.NaturalSignShort, ca.OrganisationSign}

// commits reports whether the certificate is one by which a person commits to
// what is signed.
func commits(c ca.Certificate) bool {
	profile, _, _ := strings.Cut(c.Profile, "@")
	return c.Holder != "" && slices.Contains(binding, profile)
}

// mayBind refuses certificates by which no person commits to anything, and
// those that are not good now.
func mayBind(s ca.Standing) error {
	if !commits(s.Record()) {
		return fault.New(fault.Denied, "mandate_certificate_usage", "statements about mandates are signed by a person with a signature certificate; sign with yours")
	}
	return s.Fault()
}

// again is mayBind once more, in the transaction of the deed.
func (in incoming[T]) again(tx store.Tx) error {
	s, err := ca.StandingIn(tx, in.signed.Standing().Leaf(), in.at)
	if err != nil {
		return err
	}
	return mayBind(s)
}

// errTaken says that the same statement was taken in before.
var errTaken = errors.New("mandate: this statement was taken before")

// fresh is errTaken for a statement that was taken in before.
func (in incoming[T]) fresh(tx store.Tx) error {
	had, err := store.Has(tx, statementBucket, in.signed.SHA256())
	if err == nil && had {
		err = errTaken
	}
	return err
}

// taken returns the mandate that the same signed bytes were about before;
// NotFound if they never came.
func (d *Desk) taken(ctx context.Context, signed signature.Signed) (m Mandate, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		kept, err := store.Load[statement](tx, statementBucket, signed.SHA256())
		if errors.Is(err, store.ErrNotFound) {
			return errUnknown()
		}
		if err != nil {
			return err
		}
		m, err = load(tx, kept.Mandate)
		return err
	})
	return m, err
}

// keep seals a statement as it was received, with the register's answer that
// the deed rests on; c is nil where none was asked.
func (d *Desk) keep(signed signature.Signed, id ID, c *company, at time.Time) (s statement, err error) {
	s = statement{Mandate: id, At: at}
	name := signed.SHA256()
	if s.Raw, err = d.Seal.Seal(statementBucket, name, "raw", signed.Raw()); err != nil {
		return s, err
	}
	if s.Document, err = d.Seal.Seal(statementBucket, name, "document", signed.Payload()); err != nil || c == nil {
		return s, err
	}
	s.Answer, err = d.Seal.Seal(statementBucket, name, "answer", c.raw)
	return s, err
}
