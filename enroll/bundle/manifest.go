package bundle

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mohr/ca/evidence"
	"mohr/internal/fault"
)

// ManifestType is the type that every manifest states.
const ManifestType = "mohr-evidence-bundle/1"

// Manifest says what a certificate rests on. Times are UTC, whole seconds;
// hashes are SHA-256 in lower-case hex.
type Manifest struct {
	Type        string               `json:"type"`
	Application string               `json:"application"`
	Profile     string               `json:"profile"` // with its version, as issued
	Home        evidence.KeyHome     `json:"home"`
	Environment evidence.Environment `json:"environment"`
	Evidence    []Evidence           `json:"evidence"`
	Decision    Decision             `json:"decision"`
	Agreement   Agreement            `json:"agreement"`
	Officer     string               `json:"officer,omitempty"` // who decided a review, opaque
	SPKI        string               `json:"spki_sha256"`
	Certificate string               `json:"certificate_sha256"`
	Serial      string               `json:"serial"`
	CreatedAt   time.Time            `json:"created_at"`
	ConsentedAt time.Time            `json:"consented_at"`
	KeyBoundAt  time.Time            `json:"key_bound_at"`
	IssuedAt    time.Time            `json:"issued_at"`
}

// Evidence is one evidence.Record by its hash.
type Evidence struct {
	ID          string               `json:"id"`
	Type        evidence.Type        `json:"type"`
	Source      string               `json:"source"`
	Environment evidence.Environment `json:"environment"`
	Result      evidence.Result      `json:"result"`
	SHA256      string               `json:"sha256"` // of the record as canonical JSON
	RawSHA256   string               `json:"raw_sha256,omitempty"`
	CheckedAt   time.Time            `json:"checked_at"`
}

// Decision is what the policy said.
type Decision struct {
	Outcome   evidence.Outcome `json:"outcome"`
	At        time.Time        `json:"at"`
	Policy    string           `json:"policy"` // its version
	PolicyOID string           `json:"policy_oid"`
	Evidence  []string         `json:"evidence"` // hashes of the records counted
	Trace     []evidence.Step  `json:"trace"`
}

// Agreement is the applicant's agreement to the terms.
type Agreement struct {
	At           time.Time `json:"at"`
	TermsVersion string    `json:"terms_version"`
	SHA256       string    `json:"sha256"` // of the agreement as canonical JSON
}

// Canonical returns the manifest's bytes, as they are signed (RFC 8785).
func (m Manifest) Canonical() ([]byte, error) { return canonical(m) }

func canonical(v any) ([]byte, error) {
	b, err := stdjson.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode JSON: %w", err)
	}
	c := jsontext.Value(b)
	if err := c.Canonicalize(); err != nil {
		return nil, fmt.Errorf("canonicalise JSON: %w", err)
	}
	return c, nil
}

// strict reads canonical JSON into v and refuses, as Invalid, unknown and
// double members and any other way of writing the same.
func strict(b []byte, v any, what string) error {
	if err := json.Unmarshal(b, v, json.RejectUnknownMembers(true)); err != nil {
		return fault.New(fault.Invalid, "bundle_malformed", "the %[1]s of this bundle is not well-formed; fetch the bundle again", what)
	}
	again, err := canonical(v)
	if err != nil || !bytes.Equal(again, b) {
		return fault.New(fault.Invalid, "bundle_malformed", "the %[1]s of this bundle is not well-formed; fetch the bundle again", what)
	}
	return nil
}

// check refuses a manifest that contradicts itself.
func (m Manifest) check() error {
	known := map[string]Evidence{}
	for _, e := range m.Evidence {
		known[e.SHA256] = e
	}
	counted := len(m.Decision.Evidence) > 0
	for _, h := range m.Decision.Evidence {
		e, ok := known[h]
		counted = counted && ok && e.Result == evidence.Match && (e.Environment == m.Environment || m.Environment == evidence.Simulated)
	}
	inOrder := !m.ConsentedAt.Before(m.CreatedAt) && !m.KeyBoundAt.Before(m.ConsentedAt) && !m.IssuedAt.Before(m.KeyBoundAt)
	if m.Type != ManifestType || m.Decision.Outcome != evidence.Approved || !counted || !inOrder {
		return fault.New(fault.Invalid, "bundle_contradiction", "the manifest of this bundle contradicts itself; it is not from this service")
	}
	return nil
}
