package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"mohr/ca"
	"mohr/internal/fault"
)

const (
	// freshness is how far a statement's iat may lie from our clock, either way.
	freshness = 5 * time.Minute
	// maxLife bounds exp - iat: what must be kept against replay stays small.
	maxLife = 24 * time.Hour
	// maxStatement bounds the JSON of a statement, in octets.
	maxStatement = 64 << 10
)

// Kinds of statements that not only holders make.
const (
	ApprovalType = "mohr-approval/1" // operators, and nobody else
	RevokeType   = "mohr-revoke/1"   // whoever has a key says that it has ended
)

// Claims is what every statement of a holder says. A kind's own statement
// embeds it and adds its fields.
type Claims struct {
	Type              string `json:"type"`               // "mohr-renew/1"
	Audience          string `json:"aud"`                // base URL of the portal
	CertificateSHA256 string `json:"certificate_sha256"` // hex, of the signer's certificate in DER
	Nonce             string `json:"nonce"`              // from this service
	IssuedAt          int64  `json:"iat"`                // seconds since 1970 UTC
	Expires           int64  `json:"exp"`                // seconds since 1970 UTC
}

// DraftClaims are those of a statement that the owner of the certificate (DER)
// signs elsewhere, from now on and within five minutes.
func DraftClaims(kind, aud, nonce string, certificate []byte, now time.Time) Claims {
	sum := sha256.Sum256(certificate)
	return Claims{
		Type: kind, Audience: aud, CertificateSHA256: hex.EncodeToString(sum[:]), Nonce: nonce,
		IssuedAt: now.Unix(), Expires: now.Add(2 * freshness).Unix(),
	}
}

// ParseClaims reads the payload of s as a T, which embeds Claims, and checks
// what all statements share: the type is kind, the audience is aud, the
// certificate is the signer's, iat lies within 5 minutes of now, exp after
// now and within a day of iat. Unknown and duplicate keys, and anything after
// the object, are refused. The nonce is not looked at: that is the desk's.
func ParseClaims[T any](s Signed, kind, aud string, now time.Time) (T, Claims, error) {
	var t T
	var c Claims
	malformed := fault.New(fault.Invalid, "statement_malformed", "the statement is not one JSON object with exactly the fields of its kind; make it anew")
	if len(s.payload) > maxStatement {
		return t, c, malformed
	}
	if err := json.Unmarshal(s.payload, &t, json.RejectUnknownMembers(true)); err != nil {
		return t, c, malformed
	}
	if err := json.Unmarshal(s.payload, &c); err != nil {
		return t, c, malformed
	}
	return t, c, c.check(s, kind, aud, now)
}

func (c Claims) check(s Signed, kind, aud string, now time.Time) error {
	if err := s.maySay(kind); err != nil {
		return err
	}
	switch {
	case c.Type != kind:
		return fault.New(fault.Invalid, "statement_type", "the statement is not of the type %s; sign one of that type", kind)
	case aud == "" || c.Audience != aud:
		return fault.New(fault.Denied, "statement_audience", "the statement is meant for another service than %s; sign one for this service", aud)
	case c.CertificateSHA256 == "" || c.CertificateSHA256 != s.CertificateSHA256():
		return fault.New(fault.Denied, "statement_certificate", "the statement names another certificate than the one that signed it; name your own")
	}
	if c.IssuedAt <= 0 || c.IssuedAt > maxTime || c.Expires <= 0 || c.Expires > maxTime {
		return errStatementTime()
	}
	issued, expires := time.Unix(c.IssuedAt, 0), time.Unix(c.Expires, 0)
	if now.Sub(issued).Abs() > freshness || !expires.After(now) || expires.Sub(issued) > maxLife {
		return errStatementTime()
	}
	return nil
}

// maySay keeps operators and holders apart: what one approves in office is not
// said as a holder, and the other way round.
func (s Signed) maySay(kind string) error {
	profile := s.standing.Record().Profile
	operator := strings.HasPrefix(profile, ca.OperatorAuth+"@")
	if kind == RevokeType || operator == (kind == ApprovalType) {
		return nil
	}
	return fault.New(fault.Denied, "statement_signer", "a certificate of the profile %s signs no statement of the type %s; use a certificate made for it", profile, kind)
}

func errStatementTime() error {
	return fault.New(fault.Denied, "statement_time", "the statement is out of its time; sign one now, with an end within a day, and check your clock")
}
