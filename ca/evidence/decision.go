package evidence

import (
	"time"

	"mohr/hsm/attest"
)

// Case is everything Evaluate looks at.
type Case struct {
	Profile string   // profile asked for
	Home    KeyHome  // home of the key
	Records []Record // all evidence of the session, or of the renewal, in any order
	Renewal *Renewal // nil at enrollment
}

// Renewal is what a renewal rests on (ETSI EN 319 411-1, REG-6.3.6).
type Renewal struct {
	Depth    int       // renewals since the last full proofing, this one included
	ProofAt  time.Time // when that proofing was
	Previous Identity  // what the old certificate says
}

// Step is one line of a decision's trace.
type Step struct {
	Rule    string `json:"rule"`    // "civil_registry.fresh"
	Outcome string `json:"outcome"` // "pass", "fail", "wait", "review"
	Why     string `json:"why"`     // English; names no person
}

// Outcome is what a decision comes to.
type Outcome string

// The outcomes.
const (
	Approved Outcome = "approved"
	Rejected Outcome = "rejected"
	Waiting  Outcome = "waiting" // evidence is missing, stale or unavailable
	Review   Outcome = "review"  // a person must look
)

// Decision is what the policy says of a case. Only Policy.Evaluate makes one;
// the zero value approves nothing.
type Decision struct {
	outcome     Outcome
	profile     string
	home        KeyHome
	policyOID   string
	policy      string
	environment Environment
	identity    Identity
	validity    time.Duration
	qc          QC
	attested    string
	attestedBy  attest.Format
	mandate     string
	proofAt     time.Time
	depth       int
	evidence    []string
	missing     []Type
	trace       []Step
	at          time.Time
}

// Outcome returns what the decision comes to; the zero Decision is Rejected.
func (d Decision) Outcome() Outcome {
	if d.outcome == "" {
		return Rejected
	}
	return d.outcome
}

// Profile returns the profile the decision is for.
func (d Decision) Profile() string { return d.profile }

// Home returns the key home the decision is for.
func (d Decision) Home() KeyHome { return d.home }

// PolicyOID returns the certificate policy, in dots.
func (d Decision) PolicyOID() string { return d.policyOID }

// PolicyVersion returns the version of the policy that decided.
func (d Decision) PolicyVersion() string { return d.policy }

// Environment returns Simulated if the policy is for tests or any evidence
// counted was simulated.
func (d Decision) Environment() Environment { return d.environment }

// Identity returns what the evidence proved; meaningful when approved.
func (d Decision) Identity() Identity { return d.identity }

// Validity returns how long a certificate may be valid.
func (d Decision) Validity() time.Duration { return d.validity }

// QC returns what the certificate states (EN 319 412-5). Only the key that
// AttestedKey names may be stated to live in a signature creation device.
func (d Decision) QC() QC { return d.qc }

// AttestedKey returns the hex SHA-256 of the SubjectPublicKeyInfo that a
// counted device_attestation is about, or "".
func (d Decision) AttestedKey() string { return d.attested }

// AttestedBy returns how a device vouched for that key, or "".
func (d Decision) AttestedBy() attest.Format { return d.attestedBy }

// Mandate returns the id of the mandate by which the person acts for the
// organisation, or "" where its register lets the person bind it alone.
func (d Decision) Mandate() string { return d.mandate }

// ProofAt returns the time of the full proofing the decision rests on.
func (d Decision) ProofAt() time.Time { return d.proofAt }

// Depth returns the renewals since that proofing: 0 at enrollment.
func (d Decision) Depth() int { return d.depth }

// Evidence returns the hex SHA-256 of each record counted, as canonical JSON.
func (d Decision) Evidence() []string { return d.evidence }

// Missing returns the types that would complete the case, in the order of the
// policy's set; empty unless Waiting.
func (d Decision) Missing() []Type { return d.missing }

// Trace returns the rules in the order they were asked.
func (d Decision) Trace() []Step { return d.trace }

// At returns the instant of the decision.
func (d Decision) At() time.Time { return d.at }
