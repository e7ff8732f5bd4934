package badge

import (
	"context"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/nonce"
)

// RequestType is the type of a request, and its typ as a JWS.
const RequestType = "mohr-badge-request/1"

// Action is what a request asks for.
type Action string

// The actions.
const (
	ActionGrant      Action = "grant"
	ActionWithdrawal Action = "withdrawal"
)

// Ask is the payload of a request.
type Ask struct {
	signature.Claims
	JTI     string  `json:"jti"`     // the statement's own id
	Request string  `json:"request"` // the applicant's id for what is asked: the same in every try
	LegalID string  `json:"legal_id"`
	Domain  string  `json:"domain"`
	Licence Licence `json:"licence,omitzero"`
	Action  Action  `json:"action"`
}

// incoming is a request that passed every check on the request itself.
type incoming struct {
	ask      Ask
	business ca.BusinessID
	domain   Domain
	signed   signature.Signed
	document []byte // beside a detached CMS
	nonce    nonce.Checked
	at       time.Time // of receipt
}

func (in incoming) sum() string            { return in.signed.SHA256() }
func (in incoming) signer() ca.Certificate { return in.signed.Standing().Record() }

// id names the badge that the request will get. The hash covers the
// signature, so that nobody can choose it.
func (in incoming) id() ID { return ID("b-" + in.sum()[:32]) }

// open checks a request in the order of the specification: size, signature
// and chain, key usage, validity and revocation at receipt, the statement's
// binding, nonce, and authority. Each refusal is a fault and leaves nothing.
func (d *Desk) open(ctx context.Context, l Letter) (incoming, error) {
	in := incoming{at: d.now(), document: l.Document}
	var err error
	if in.signed, err = l.verify(ctx, d.Verifier); err != nil {
		return in, err
	}
	if err := mayAsk(in.signed.Standing()); err != nil {
		return in, err
	}
	if in.ask, _, err = signature.ParseClaims[Ask](in.signed, RequestType, d.Audience, in.at); err != nil {
		return in, err
	}
	if err := in.read(); err != nil {
		return in, err
	}
	if in.nonce, err = d.Nonces.Redeemable(NoncePurpose, in.ask.Nonce); err != nil {
		return in, err
	}
	return in, in.authority()
}

// mayAsk refuses certificates that are not for signing as a person, and those
// that are not good now.
func mayAsk(s ca.Standing) error {
	profile, _, _ := strings.Cut(s.Record().Profile, "@")
	const bits = x509.KeyUsageContentCommitment | x509.KeyUsageDigitalSignature
	if profile != ca.OrganisationSign && profile != ca.NaturalSign || s.Leaf().KeyUsage&bits == 0 {
		return fault.New(fault.Denied, "badge_certificate_usage", "a badge is asked for with a signature certificate; sign with yours")
	}
	return s.Fault()
}

// read checks the fields that only badge requests have.
func (in *incoming) read() (err error) {
	a := in.ask
	if !isName(a.JTI) || !isName(a.Request) {
		return fault.New(fault.Invalid, "badge_request_id_malformed", "jti and request are 1 to 64 letters, digits, '-', '_' or '.'; choose such ones")
	}
	if in.business, err = ca.ParseBusinessID(a.LegalID); err != nil {
		return err
	}
	if in.domain, err = ParseDomain(a.Domain); err != nil {
		return err
	}
	switch a.Action {
	case ActionWithdrawal:
		return nil
	case ActionGrant:
		if !isName(a.Licence.Type) || a.Licence.Number != "" && !isName(a.Licence.Number) {
			return fault.New(fault.Invalid, "badge_licence_missing", "the request names no licence; give its type, and its number if there are several")
		}
		return nil
	}
	return fault.New(fault.Invalid, "badge_action_unknown", "a request asks for \"grant\" or \"withdrawal\"; say which")
}

// authority refuses a certificate that acts for another business. One that
// acts for none is a person's own: whether it may bind the business is for
// the company registry to say, and is judged with the other facts.
func (in incoming) authority() error {
	acts := in.signer().Business
	if acts != "" && acts != in.business {
		return fault.New(fault.Denied, "badge_business_foreign", "this certificate does not act for the business that the request names; sign with one that does")
	}
	return nil
}

// asked is the hash of what the request wants, whatever the statement's
// nonce and times: two tries of one wish have the same.
func (in incoming) asked() (string, error) {
	return canonicalSHA256(struct {
		Business ca.BusinessID `json:"business"`
		Domain   string        `json:"domain"`
		Licence  Licence       `json:"licence"`
		Action   Action        `json:"action"`
	}{in.business, in.domain.ASCII, in.ask.Licence, in.ask.Action})
}

// isName reports whether s may be a key here: short, and of harmless letters.
func isName(s string) bool {
	return len(s) > 0 && len(s) <= 64 && !slices.ContainsFunc([]byte(s), func(c byte) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	})
}
