package narrow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/hsm/attest"
	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// Renewals says what a renewal rests on, by what this node knows itself.
type Renewals interface {
	// Proven returns that for the intent of a renewal to the key (hex SHA-256 of
	// its SubjectPublicKeyInfo).
	Proven(ctx context.Context, c ca.Certificate, p ca.Papers, key string) (Renewal, error)
}

// Renewal is what a renewal rests on.
type Renewal struct {
	evidence.Renewal
	Old string // hex SHA-256 of the DER of the certificate to be replaced
	// Of the statement by which the old key asked for it; "" where the papers
	// have none.
	Statement string // hex SHA-256 of what was signed
	Nonce     string // that it is over
}

// Judge decides again what another node has decided. It believes what a
// register, an old key or a device has signed, and the other node's word for the
// kinds of evidence in Word and for nothing else. It is safe for concurrent use.
type Judge struct {
	Policy   *evidence.Policy
	Registry *gateway.Client // has the register's key
	Renewals Renewals
	Devices  *attest.Verifier // whose devices this node believes; nil: none
	Audience string           // base URL of the portal, which devices speak of
	Word     []evidence.Type
	Now      func() time.Time // nil: time.Now
}

// Decide is for ca.Apart: the order behind the intent that c is the record of.
func (j *Judge) Decide(ctx context.Context, c ca.Certificate, p ca.Papers) (ca.Order, []ca.Use, error) {
	none := ca.Order{}
	csr, err := p.Form.Parse(p.CSR)
	if err != nil {
		return none, nil, err
	}
	if !j.mayLiveIn(c.Home) {
		return none, nil, errUnsigned(evidence.DeviceAttestation)
	}
	profile, _, _ := strings.Cut(c.Profile, "@")
	about := evidence.Case{Profile: profile, Home: c.Home, Records: p.Records}
	var r Renewal
	if c.Replaces != "" {
		if r, err = j.Renewals.Proven(ctx, c, p, csr.SPKISHA256()); err != nil {
			return none, nil, err
		}
		about.Renewal = &r.Renewal
	}
	d := j.Policy.Evaluate(about, j.now())
	if d.Outcome() != evidence.Approved {
		return none, nil, errShort(d)
	}
	uses, err := j.uses(d, p, r.Statement, csr.SPKISHA256())
	if err != nil {
		return none, nil, err
	}
	if about.Renewal != nil && r.Statement == "" && !slices.Contains(j.Word, evidence.CertSignature) {
		return none, nil, errUnsigned(evidence.CertSignature)
	}
	o := ca.Order{Decision: d, CSR: csr, Replaces: c.Replaces}
	if c.Home != evidence.Software {
		o.Attested, err = j.attested(d, c, p, r)
	}
	return o, uses, err
}

func (j *Judge) now() time.Time {
	if j.Now == nil {
		return time.Now()
	}
	return j.Now()
}

// uses holds every record that the decision counted against the signature on
// it, and returns what is used up.
func (j *Judge) uses(d evidence.Decision, p ca.Papers, statement, key string) (uses []ca.Use, err error) {
	if d.Mandate() != "" {
		return nil, errUnsigned(evidence.Mandate)
	}
	for i, r := range p.Records {
		if !slices.Contains(d.Evidence(), r.Hash()) {
			continue
		}
		if r.Type == evidence.DeviceAttestation && d.Home() != evidence.Software {
			continue // attested asks; it serves the one request that it names
		}
		if r.Type == evidence.CertSignature && statement != "" {
			if r.RawSHA256 != statement || r.Claims.SPKISHA256 != key {
				return nil, errAltered(r.Type)
			}
			uses = append(uses, ca.Use{Mark: statement})
			continue
		}
		switch err := evidence.Proven(j.Registry, r, p.Answers[i]); {
		case err == nil:
			sum := sha256.Sum256(r.Signed.Signature)
			uses = append(uses, ca.Use{Mark: hex.EncodeToString(sum[:]), Twice: r.Earlier != ""})
		case !errors.Is(err, evidence.ErrUnsigned):
			return nil, errAltered(r.Type)
		case !slices.Contains(j.Word, r.Type):
			return nil, errUnsigned(r.Type)
		}
	}
	return uses, nil
}

// errShort names the rules that speak against the case, which are no secret:
// who sent the papers has asked the same.
func errShort(d evidence.Decision) error {
	var rules []string
	for _, s := range d.Trace() {
		if s.Outcome != "pass" {
			rules = append(rules, s.Rule)
		}
	}
	return fault.New(fault.Denied, "evidence_short", "by the policy of the node with the keys the evidence does not do (%[1]s); compare the policies and the clocks of both nodes", strings.Join(rules, ", "))
}

func errUnsigned(t evidence.Type) error {
	return fault.New(fault.Denied, "evidence_unsigned", "nobody has signed the evidence %[1]s, and the node with the keys does not take it on the word of another (issuing.word)", t)
}

func errAltered(t evidence.Type) error {
	return fault.New(fault.Denied, "evidence_altered", "the evidence %[1]s is not what its source has signed", t)
}
