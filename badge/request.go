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
	ActionRenewal    Action = "renewal" // a grant's fields, for the badge that there is
	ActionAppeal     Action = "appeal"  // against what was decided; with reasons
)

// Ask is the payload of a request.
type Ask struct {
	signature.Claims
	JTI     string  `json:"jti"`      // the statement's own id
	Request string  `json:"request"`  // the applicant's id for what is asked: the same in every try
	LegalID string  `json:"legal_id"` // empty: the signer is a sole trader
	Domain  string  `json:"domain"`
	Licence Licence `json:"licence,omitzero"`
	Action  Action  `json:"action"`

	Licences []Licence `json:"licences,omitempty"` // further ones
	Level    *int      `json:"level,omitempty"`    // stars taken at the lowest; absent: 1
	Contact  string    `json:"contact,omitempty"`  // path of the contact page; absent: /contact
	Reasons  string    `json:"reasons,omitempty"`  // of an appeal
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
	if err := d.read(&in); err != nil {
		return in, err
	}
	if in.nonce, err = d.Nonces.Redeemable(NoncePurpose, in.ask.Nonce); err != nil {
		return in, err
	}
	return in, d.authority(in)
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
func (d *Desk) read(in *incoming) (err error) {
	a := in.ask
	if !isName(a.JTI) || !isName(a.Request) {
		return fault.New(fault.Invalid, "badge_request_id_malformed", "jti and request are 1 to 64 letters, digits, '-', '_' or '.'; choose such ones")
	}
	if a.LegalID == "" {
		in.business = d.CA.Trader(in.signer().Holder)
	} else if in.business, err = ca.ParseBusinessID(a.LegalID); err != nil {
		return err
	}
	if in.domain, err = ParseDomain(a.Domain); err != nil {
		return err
	}
	switch a.Action {
	case ActionWithdrawal:
		return nil
	case ActionGrant, ActionRenewal:
		return a.checkWish()
	case ActionAppeal:
		if a.Reasons == "" || len(a.Reasons) > maxReasons {
			return errReasons()
		}
		return nil
	}
	return fault.New(fault.Invalid, "badge_action_unknown", "a request asks for \"grant\", \"renewal\", \"withdrawal\" or \"appeal\"; say which")
}

// maxLicences bounds the licences of one request: each is asked for.
const maxLicences = 5

// checkWish checks what a grant asks for.
func (a Ask) checkWish() error {
	if a.Level != nil && (*a.Level < 0 || *a.Level > maxStars) {
		return fault.New(fault.Invalid, "badge_level_unknown", "there are levels of 0 to %[1]d stars; name one of them, or none for 1", maxStars)
	}
	if !isContact(a.Contact) {
		return fault.New(fault.Invalid, "badge_contact_malformed", "the contact page is named by its path alone, like /contact; write it so")
	}
	list := a.Licences
	if temporary := a.Level != nil && *a.Level == 0; a.Licence.Type != "" || !temporary || len(list) > 0 {
		list = append([]Licence{a.Licence}, list...)
	}
	seen := map[string]bool{}
	for _, l := range list {
		if !isName(l.Type) || l.Number != "" && !isName(l.Number) {
			return fault.New(fault.Invalid, "badge_licence_missing", "the request names no licence; give its type, and its number if there are several")
		}
		if seen[l.Type] || len(list) > maxLicences {
			return fault.New(fault.Invalid, "badge_licences_many", "a request names each kind of licence once, and %[1]d at most; leave the others out", maxLicences)
		}
		seen[l.Type] = true
	}
	return nil
}

// authority refuses a certificate that acts for another business, and the
// opaque id of another sole trader. A certificate that acts for no business is
// a person's own: whether it may bind a company is for the company registry to
// say, and is judged with the other facts.
func (d *Desk) authority(in incoming) error {
	acts := in.signer().Business
	foreign := isSole(in.business) && in.business != d.CA.Trader(in.signer().Holder)
	if foreign || acts != "" && acts != in.business {
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
		Licences []Licence     `json:"licences,omitempty"`
		Level    *int          `json:"level,omitempty"`
		Contact  string        `json:"contact,omitempty"`
		Reasons  string        `json:"reasons,omitempty"`
	}{in.business, in.domain.ASCII, in.ask.Licence, in.ask.Action, in.ask.Licences, in.ask.Level, in.ask.Contact, in.ask.Reasons})
}

// isSole reports whether the business is a sole trader's opaque id.
func isSole(b ca.BusinessID) bool { return strings.HasPrefix(string(b), "s-") }

// isName reports whether s may be a key here: short, and of harmless letters.
func isName(s string) bool {
	return len(s) > 0 && len(s) <= 64 && !slices.ContainsFunc([]byte(s), func(c byte) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	})
}
