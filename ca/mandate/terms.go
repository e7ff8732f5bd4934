package mandate

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mohr/ca/evidence"
	"mohr/internal/fault"
)

// Scope is something that a mandate lets a person do for a legal person.
type Scope string

// The scopes.
const (
	Sign            Scope = "sign"             // have a signature certificate that names it
	BadgeRequest    Scope = "badge-request"    // ask for and give back trust badges
	ComplaintAnswer Scope = "complaint-answer" // answer complaints and see them
	Administer      Scope = "administer"       // let others act for it, and end that
)

// Scopes are all scopes there are.
func Scopes() []Scope { return []Scope{Sign, BadgeRequest, ComplaintAnswer, Administer} }

const (
	maxLife  = 3 * 366 * 24 * time.Hour // of a mandate
	maxAhead = 366 * 24 * time.Hour     // of its beginning
	maxTitle = 64                       // characters: ub-title of RFC 5280, appendix A.1
)

// ID names a mandate: "m-" and 32 hex digits of the hash of its terms.
type ID string

// GrantTerms is what those who give a mandate sign: each of them the same.
type GrantTerms struct {
	// Reference is 32 hex digits chosen at random: without it, who has the
	// mandate's public id could try national codes until one fits.
	Reference    string    `json:"reference"`
	LegalID      string    `json:"legal_id"`
	NationalCode string    `json:"national_code"` // of the person who is to act
	Title        string    `json:"title"`         // as certificates will say it
	Scopes       []Scope   `json:"scopes"`
	Delegate     bool      `json:"delegate,omitzero"` // an administrator who may appoint others
	Under        ID        `json:"under,omitzero"`    // the administrator's own mandate; "": given as a signatory
	ValidFrom    time.Time `json:"valid_from"`
	ValidTo      time.Time `json:"valid_to"` // not included
}

func errTerms(what string) error {
	return fault.New(fault.Invalid, "mandate_terms", "the mandate's %[1]s is not right; see what the terms of a mandate have to be and sign them anew", what)
}

// checked returns the terms in their one form, or what is wrong with them.
func (t GrantTerms) checked(now time.Time) (GrantTerms, error) {
	var err error
	if t.LegalID, err = evidence.ParseLegalID(t.LegalID); err != nil {
		return t, err
	}
	if t.NationalCode, err = evidence.ParseNationalCode(t.NationalCode); err != nil {
		return t, err
	}
	title, err := evidence.ParseName(t.Title)
	if err != nil {
		return t, err
	}
	t.Title = title.Normal()
	t.ValidFrom, t.ValidTo = t.ValidFrom.UTC().Truncate(time.Second), t.ValidTo.UTC().Truncate(time.Second)
	t.Scopes = slices.Sorted(slices.Values(t.Scopes))
	switch unknown := func(s Scope) bool { return !slices.Contains(Scopes(), s) }; {
	case !isHex(t.Reference, 32):
		err = errTerms("reference")
	case t.Title == "" || len([]rune(t.Title)) > maxTitle:
		err = errTerms("title")
	case len(t.Scopes) == 0 || slices.ContainsFunc(t.Scopes, unknown) || len(slices.Compact(slices.Clone(t.Scopes))) < len(t.Scopes):
		err = errTerms("scopes")
	case t.Delegate && (t.Under != "" || !slices.Contains(t.Scopes, Administer)):
		err = errTerms("delegate")
	case t.Under != "" && !t.Under.valid():
		err = errTerms("under")
	case t.ValidFrom.IsZero() || t.ValidFrom.After(now.Add(maxAhead)):
		err = errTerms("valid_from")
	case !t.ValidTo.After(now) || !t.ValidTo.After(t.ValidFrom) || t.ValidTo.Sub(t.ValidFrom) > maxLife:
		err = errTerms("valid_to")
	}
	return t, err
}

// id names the mandate that checked terms make.
func (t GrantTerms) id() (ID, error) {
	sum, err := canonicalSHA256(t)
	if err != nil {
		return "", err
	}
	return ID("m-" + sum[:32]), nil
}

func (i ID) valid() bool { return len(i) == 34 && i[:2] == "m-" && isHex(string(i[2:]), 32) }

// canonicalSHA256 is the hex SHA-256 of v as canonical JSON (RFC 8785).
func canonicalSHA256(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	c := jsontext.Value(b)
	if err := c.Canonicalize(); err != nil {
		return "", err
	}
	return hexSHA256(c), nil
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// isHex reports whether s is n lower-case hex digits.
func isHex(s string, n int) bool {
	return len(s) == n && !slices.ContainsFunc([]byte(s), func(c byte) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
}
