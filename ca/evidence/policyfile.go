package evidence

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"mohr/hsm/attest"
	"mohr/internal/fault"
)

// maxPolicy bounds a policy file, octets.
const maxPolicy = 64 << 10

// file is a policy as YAML. policy.yaml shows every key.
type file struct {
	Version     string             `yaml:"version"`
	Environment Environment        `yaml:"environment"`
	Profiles    map[string]profile `yaml:"profiles"`
}

type profile struct {
	Level        Level              `yaml:"level"`
	PolicyOIDs   map[KeyHome]string `yaml:"policy_oids"`
	Evidence     asked              `yaml:"evidence"`
	Validity     span               `yaml:"validity"`
	Renewal      renewal            `yaml:"renewal"`
	ApprovedFor  span               `yaml:"approved_for"`
	TermsVersion string             `yaml:"terms_version"`
	QC           statements         `yaml:"qc"`

	Attestation map[KeyHome][]attest.Format `yaml:"attestation"`
}

type asked struct {
	AnyOf     [][]Type      `yaml:"any_of"`
	MaxAge    map[Type]span `yaml:"max_age"`
	Known     map[Type]span `yaml:"known"`
	FaceScore int           `yaml:"face_score"`
	Officers  int           `yaml:"officers"`
	SIMQuiet  span          `yaml:"sim_quiet"`
	Stamp     span          `yaml:"stamp_within"`

	ChipUnproven chipOutcome `yaml:"chip_unproven"`
	ChipCopied   chipOutcome `yaml:"chip_copied"`
}

type renewal struct {
	OpensBefore span   `yaml:"opens_before"`
	ClosesAfter span   `yaml:"closes_after"`
	Overlap     span   `yaml:"overlap"`
	MaxDepth    int    `yaml:"max_depth"`
	MaxAge      span   `yaml:"max_age"`
	Evidence    []Type `yaml:"evidence"`
}

const day = 24 * time.Hour

// span is a duration: Go's form, or whole days as "365d".
type span time.Duration

// UnmarshalYAML reads a span.
func (s *span) UnmarshalYAML(n *yaml.Node) error {
	if days, ok := strings.CutSuffix(n.Value, "d"); ok {
		v, err := strconv.ParseInt(days, 10, 16)
		if err != nil {
			return fmt.Errorf("line %d: %q is no number of days", n.Line, n.Value)
		}
		*s = span(time.Duration(v) * day)
		return nil
	}
	v, err := time.ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %q is no duration; write 365d, 12h or 30m", n.Line, n.Value)
	}
	*s = span(v)
	return nil
}

//go:embed policy.yaml
var defaultPolicy []byte

// DefaultPolicy returns the policy for simulated evidence that comes with the
// program.
func DefaultPolicy() (*Policy, error) { return ParsePolicy(defaultPolicy) }

// ParsePolicy reads a policy file (YAML). Unknown keys, and a set of evidence
// without a binding one at a signing level (R5), are refused as Invalid.
func ParsePolicy(b []byte) (*Policy, error) {
	if len(b) > maxPolicy {
		return nil, errPolicyUnreadable(fmt.Errorf("longer than %d octets", maxPolicy))
	}
	var f file
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return nil, errPolicyUnreadable(err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errPolicyUnreadable(errors.New("a second document follows"))
	}
	if wrong := f.faults(); len(wrong) > 0 {
		return nil, fault.New(fault.Invalid, "policy_refused", "the assurance policy is refused: %[1]s; mend it and load it again", strings.Join(wrong, "; "))
	}
	p := &Policy{version: f.Version, environment: f.Environment, rules: map[string]Rules{}}
	for name, pr := range f.Profiles {
		p.rules[name] = pr.rules(f.Environment)
	}
	return p, nil
}

func errPolicyUnreadable(err error) error {
	return fault.New(fault.Invalid, "policy_unreadable", "the assurance policy cannot be read: %[1]v; mend the file", err)
}

func durations(spans map[Type]span) map[Type]time.Duration {
	ages := map[Type]time.Duration{}
	for t, a := range spans {
		ages[t] = time.Duration(a)
	}
	return ages
}

// heldAge is how long the service believes its own statement about a key that
// it holds, where the file does not say: it may have been destroyed since.
const heldAge = time.Hour

func (p profile) rules(e Environment) Rules {
	ages := durations(p.Evidence.MaxAge)
	if _, ok := ages[DeviceAttestation]; !ok && p.PolicyOIDs[HSM] != "" {
		ages[DeviceAttestation] = heldAge
	}
	return Rules{
		Level:        p.Level,
		PolicyOIDs:   maps.Clone(p.PolicyOIDs),
		Environment:  e,
		Validity:     time.Duration(p.Validity),
		OpensBefore:  time.Duration(p.Renewal.OpensBefore),
		ClosesAfter:  time.Duration(p.Renewal.ClosesAfter),
		Overlap:      time.Duration(p.Renewal.Overlap),
		MaxDepth:     p.Renewal.MaxDepth,
		MaxAge:       time.Duration(p.Renewal.MaxAge),
		ApprovedFor:  time.Duration(p.ApprovedFor),
		TermsVersion: p.TermsVersion,
		AnyOf:        p.Evidence.AnyOf,
		RenewalAsks:  p.Renewal.Evidence,
		EvidenceAges: ages,
		KnownAges:    durations(p.Evidence.Known),
		FaceScore:    p.Evidence.FaceScore,
		Officers:     p.Evidence.Officers,
		ChipUnproven: p.Evidence.ChipUnproven.or(Review),
		ChipCopied:   p.Evidence.ChipCopied.or(Rejected),
		StampWithin:  time.Duration(p.Evidence.Stamp),
		SIMQuiet:     time.Duration(p.Evidence.SIMQuiet),
		QC:           p.QC.rules(),
		Attestation:  p.attestation(),
	}
}

// faults returns all that is wrong, in a fixed order.
func (f file) faults() []string {
	var wrong []string
	if !isVersion(f.Version) {
		wrong = append(wrong, "version is not 1 to 32 letters, digits, dots or hyphens")
	}
	if f.Environment != Simulated && f.Environment != Production {
		wrong = append(wrong, "environment is neither simulated nor production")
	}
	if len(f.Profiles) == 0 {
		wrong = append(wrong, "there is no profile")
	}
	levels := map[string]string{} // OID -> level and key home it stands for
	for _, name := range slices.Sorted(maps.Keys(f.Profiles)) {
		p := f.Profiles[name]
		c := check{profile: name}
		c.level(p)
		c.oids(p, f.Environment, levels)
		c.sets(p)
		c.attestation(p)
		c.ages(p)
		c.known(p)
		c.times(p)
		c.renewal(p)
		c.statements(p, f.Environment)
		wrong = append(wrong, c.wrong...)
	}
	return wrong
}

func isVersion(s string) bool {
	return len(s) >= 1 && len(s) <= 32 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-')
	})
}
