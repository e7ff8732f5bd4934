package evidence

import (
	"maps"
	"slices"
	"strings"
	"time"

	"mohr/hsm/attest"
)

// Rules is what the policy says of one profile. What a caller gets is a copy.
type Rules struct {
	Level        Level // identity level reached
	PolicyOIDs   map[KeyHome]string
	Environment  Environment   // Simulated: only under the test policy OID
	Validity     time.Duration // of a certificate
	OpensBefore  time.Duration // renewal opens this long before notAfter
	ClosesAfter  time.Duration // renewal closes this long after notAfter; 0 is the default
	Overlap      time.Duration // the old certificate lives on this long after renewal
	MaxDepth     int           // renewals since the last full proofing; 0: no renewal
	MaxAge       time.Duration // age of that proofing at issuance
	ApprovedFor  time.Duration // how long an approval stands; 30 minutes is usual
	TermsVersion string

	AnyOf        [][]Type               // at enrollment one of these sets must be complete
	RenewalAsks  []Type                 // asked again at each renewal
	EvidenceAges map[Type]time.Duration // how old a record of the type may be
	KnownAges    map[Type]time.Duration // how old one from an earlier application may be; none of a type that is not in it
	FaceScore    int                    // least percent of a face match
	Officers     int                    // persons who must sign what they decide of a case at review; 0: nobody may
	ChipUnproven Outcome                // of a chip that has no key to prove that it is no copy: Review or Rejected
	ChipCopied   Outcome                // of one that did not prove it: Rejected or Review
	StampWithin  time.Duration          // an evidence bundle has its time stamp this long after issuance; 0: nothing is issued while there is none to be had
	SIMQuiet     time.Duration          // the SIM must not have changed for this long; 0: not asked
	QC           QC                     // what the certificates state

	// Attestation has, by the home of the key, what kinds of statements show
	// that it lives there; one of them is asked for in each set.
	Attestation map[KeyHome][]attest.Format
}

// Asks reports whether a set of the profile's, or its renewal, asks for t.
func (r Rules) Asks(t Type) bool {
	return slices.Contains(r.RenewalAsks, t) || slices.ContainsFunc(r.AnyOf, func(set []Type) bool { return slices.Contains(set, t) })
}

// Level is how surely the person is known (eIDAS, article 8).
type Level string

// The levels. Low never reaches a signature.
const (
	Low         Level = "low"
	Substantial Level = "substantial"
	High        Level = "high"
)

// signs reports whether certificates of this level sign; R5 holds for these.
func (l Level) signs() bool { return l == Substantial || l == High }

// Profiles that have rules of their own, by the names ca has for them.
const (
	naturalAuth      = "natural-auth"
	naturalShort     = "natural-sign-short"
	organisationSign = "organisation-sign"
	organisationSeal = "organisation-seal"
)

// signing are the profiles whose certificates stand behind signatures and seals.
var signing = []string{"natural-sign", "natural-sign-b", "natural-sign-c", naturalShort, organisationSign, organisationSeal}

// natural reports whether the profile names a person alone.
func natural(profile string) bool { return strings.HasPrefix(profile, "natural-") }

// organised reports whether the profile names a legal person.
func organised(profile string) bool {
	return profile == organisationSign || profile == organisationSeal
}

// TestPolicyArc is the object identifier above every test policy, below the
// example arc of ITU-T X.660. No production policy lies in {2 999}.
const TestPolicyArc = "2.999.1"

// exampleArc is {2 999}, joint-iso-itu-t example.
const exampleArc = "2.999"

// IsTestPolicy reports whether oid, in dots, is a test policy: all that
// simulated evidence may come under.
func IsTestPolicy(oid string) bool { return strings.HasPrefix(oid, TestPolicyArc+".") }

// binding reports whether evidence of type t ties the person at the other end
// to the identity (ETSI TS 119 461, 8.4). Registers and codes do not, however
// many there are.
func (t Type) binding() bool { return t == FaceMatch || t == DocumentVideo || t == EIDOIDC }

// scored reports whether evidence of type t is as good as the likeness of a face.
func (t Type) scored() bool { return slices.Contains(scoredTypes(), t) }

// scoredTypes are those that say how alike a face is.
func scoredTypes() []Type { return []Type{FaceMatch, DocumentVideo} }

// types are the closed set.
var types = []Type{CivilRegistry, MobileOwnership, OTPSMS, FaceMatch, DocumentVideo, EIDOIDC, LegalRegistry, Mandate, CertSignature, DeviceAttestation, OfficerReview, EMRTDChip}

// known reports whether t is one of the closed set.
func (t Type) known() bool { return slices.Contains(types, t) }

// Policy is a checked policy file. It is immutable and safe for concurrent use.
type Policy struct {
	version     string
	environment Environment
	rules       map[string]Rules
}

// Version returns the policy's version; it goes into every bundle.
func (p *Policy) Version() string { return p.version }

// Environment says which evidence the policy is made for.
func (p *Policy) Environment() Environment { return p.environment }

// Profiles returns the names of the profiles the policy knows, in order.
func (p *Policy) Profiles() []string { return slices.Sorted(maps.Keys(p.rules)) }

// Rules returns what the policy says of the profile, and whether it knows it.
func (p *Policy) Rules(profile string) (Rules, bool) {
	r, ok := p.rules[profile]
	r.PolicyOIDs = maps.Clone(r.PolicyOIDs)
	r.EvidenceAges = maps.Clone(r.EvidenceAges)
	r.KnownAges = maps.Clone(r.KnownAges)
	r.RenewalAsks = slices.Clone(r.RenewalAsks)
	r.QC = r.QC.clone()
	r.Attestation = cloneAttestation(r.Attestation)
	r.AnyOf = slices.Clone(r.AnyOf)
	for i, set := range r.AnyOf {
		r.AnyOf[i] = slices.Clone(set)
	}
	return r, ok
}
