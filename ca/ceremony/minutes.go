package ceremony

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mohr/ca"
	"mohr/ca/ceremony/plan"
	"mohr/internal/store"
)

// MinutesKind says what minutes are.
const MinutesKind = "mohr-ceremony-minutes/1"

// Minutes say who made what, when and with which keys. Their canonical JSON
// (RFC 8785) is what the custodians sign and what is stamped.
type Minutes struct {
	Kind        string           `json:"kind"`
	Title       string           `json:"title"`
	Environment string           `json:"environment"`
	PlanSHA256  string           `json:"plan_sha256"`
	Begun       time.Time        `json:"begun"`
	Ended       time.Time        `json:"ended"`
	Version     string           `json:"version"` // of the program
	Need        int              `json:"need"`    // custodians that had to sign
	Custodians  []plan.Custodian `json:"custodians"`
	Authorities []MadeAuthority  `json:"authorities"`
	Revoked     []plan.Revoke    `json:"revoked"`
	CRLs        []MadeCRL        `json:"crls"`
	Lints       []string         `json:"lints"`
}

// MadeAuthority is one CA certificate of a ceremony.
type MadeAuthority struct {
	ID                string        `json:"id"`
	Kind              ca.MemberKind `json:"kind"`
	Subject           string        `json:"subject"`
	Issuer            string        `json:"issuer"`
	Serial            string        `json:"serial"`
	NotBefore         time.Time     `json:"not_before"`
	NotAfter          time.Time     `json:"not_after"`
	Algorithm         string        `json:"algorithm"`
	KeySHA256         string        `json:"key_sha256"` // of the SubjectPublicKeyInfo
	KeyHome           string        `json:"key_home"`   // without what opens it
	CertificateSHA256 string        `json:"certificate_sha256"`
	At                time.Time     `json:"at"`
}

// MadeCRL is one CRL of a ceremony.
type MadeCRL struct {
	Root       string    `json:"root"`
	Number     int64     `json:"number"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	Entries    int       `json:"entries"`
	SHA256     string    `json:"sha256"`
}

// lints are what everything passed.
func lints() []string {
	return []string{"certificates before and after signing: mohr/ca/lint Authority", "CRLs before and after signing: mohr/ca/lint CRL"}
}

// finish writes the minutes, once, and returns the record.
func (h *hall) finish(ctx context.Context) ([]byte, error) {
	record, _, err := h.state(ctx)
	if err != nil {
		return nil, err
	}
	r, err := h.record(ctx, record)
	if err != nil {
		return nil, err
	}
	if r.Minutes == nil {
		if r.Minutes, err = h.minutes(r, record); err != nil {
			return nil, err
		}
		err := h.Store.Update(ctx, func(tx store.Tx) error {
			had, _, err := loadHeld(tx, h.hash)
			if err != nil {
				return err
			}
			if had.Minutes != nil {
				r.Minutes = had.Minutes
				return nil
			}
			had.Minutes = r.Minutes
			return store.Save(tx, heldBucket, h.hash, had)
		})
		if err != nil {
			return nil, err
		}
	}
	return r.encode()
}

// minutes says what is in the record.
func (h *hall) minutes(r Record, record held) ([]byte, error) {
	custodians, err := h.plan.Custodians.Count(h.plan.Raw(), h.plan.Custodians.Known(h.plan.Raw(), record.Approvals))
	if err != nil {
		return nil, err
	}
	m := Minutes{
		Kind: MinutesKind, Title: h.plan.Title, Environment: h.plan.Environment, PlanSHA256: h.hash,
		Begun: record.Begun, Ended: h.now(), Version: h.Version, Need: h.plan.Custodians.Need,
		Custodians: list(custodians), Revoked: list(h.plan.Revoke), Lints: lints(),
	}
	if m.Authorities, m.CRLs, err = r.made(h.plan); err != nil {
		return nil, err
	}
	return canonical(m)
}

// list is s, and an empty array in JSON where it is empty.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// made describes the certificates and CRLs of the record.
func (r Record) made(p *plan.Plan) ([]MadeAuthority, []MadeCRL, error) {
	authorities, crls := []MadeAuthority{}, []MadeCRL{}
	for _, m := range r.Members {
		c, err := x509.ParseCertificate(m.DER)
		if err != nil {
			return nil, nil, fmt.Errorf("certificate of %s: %w", m.ID, err)
		}
		authorities = append(authorities, MadeAuthority{
			ID: m.ID, Kind: m.Kind, Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: c.SerialNumber.Text(16),
			NotBefore: c.NotBefore, NotAfter: c.NotAfter, Algorithm: publicOf(c), KeySHA256: sum(c.RawSubjectPublicKeyInfo),
			KeyHome: home(p, m), CertificateSHA256: sum(c.Raw), At: m.At,
		})
	}
	for _, l := range r.CRLs {
		crl, err := x509.ParseRevocationList(l.DER)
		if err != nil {
			return nil, nil, fmt.Errorf("CRL of %s: %w", l.Root, err)
		}
		crls = append(crls, MadeCRL{
			Root: l.Root, Number: crl.Number.Int64(), ThisUpdate: crl.ThisUpdate, NextUpdate: crl.NextUpdate,
			Entries: len(crl.RevokedCertificateEntries), SHA256: sum(crl.Raw),
		})
	}
	return authorities, crls, nil
}

// home is where the key lives, without what opens it.
func home(p *plan.Plan, m ca.Member) string {
	uri := p.Keys.Issuers
	switch m.Kind {
	case ca.RootMember:
		uri = p.Keys.Roots
	case ca.CrossMember:
		return "of " + strings.Replace(m.ID, ".by-", ", signed by ", 1)
	}
	uri, _, _ = strings.Cut(uri, "?")
	return uri
}

// canonical is v as canonical JSON (RFC 8785).
func canonical(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	c := jsontext.Value(b)
	if err := c.Canonicalize(); err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	return c, nil
}

// parseMinutes reads minutes, which must be canonical: one text has one writing.
func parseMinutes(b []byte) (m Minutes, err error) {
	if err := json.Unmarshal(b, &m, json.RejectUnknownMembers(true)); err != nil {
		return m, err
	}
	again, err := canonical(m)
	if err == nil && (m.Kind != MinutesKind || !bytes.Equal(again, b)) {
		err = errors.New("not minutes in canonical form")
	}
	return m, err
}

// sum is the hex SHA-256 of b.
func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
