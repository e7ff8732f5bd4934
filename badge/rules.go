package badge

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// Rules is which rules judge, and their thresholds. It is data: a change is a
// new version, and each decision keeps the one it was made by.
type Rules struct {
	Version       string        `json:"version" yaml:"version"`
	Apply         []string      `json:"apply" yaml:"apply"`                           // names of rules, in order
	Levels        []Level       `json:"levels,omitempty" yaml:"levels"`               // by stars, upwards; none: one level that needs all
	Validity      time.Duration `json:"validity" yaml:"validity"`                     // of a badge, where there are no levels
	ChallengeLife time.Duration `json:"challenge_life" yaml:"challenge_life"`         // after this a request without proof of its domain is refused
	Quorum        int           `json:"quorum" yaml:"quorum"`                         // views of the domain that must agree
	LicenceTypes  []string      `json:"licence_types" yaml:"licence_types"`           // accepted; empty means any
	UnansweredFor time.Duration `json:"unanswered_for" yaml:"unanswered_for"`         // a complaint unanswered since it was served longer ago than this is an open duty
	RevokeAfter   time.Duration `json:"revoke_after,omitempty" yaml:"revoke_after"`   // of suspension; zero: never
	RenewWithin   time.Duration `json:"renew_within,omitempty" yaml:"renew_within"`   // before the end
	AppealWithin  time.Duration `json:"appeal_within,omitempty" yaml:"appeal_within"` // after a decision
	AppealAnswer  time.Duration `json:"appeal_answer,omitempty" yaml:"appeal_answer"` // after the appeal
}

// Level is a number of stars, what it needs and how long its badges hold.
type Level struct {
	Stars    int           `json:"stars" yaml:"stars"`
	Needs    []string      `json:"needs" yaml:"needs"` // of Rules.Apply
	Validity time.Duration `json:"validity" yaml:"validity"`
}

//go:embed rules.yaml
var defaultRules []byte

// DefaultRules are the rules that come with the program.
func DefaultRules() Rules {
	r, err := ParseRules(defaultRules)
	if err != nil {
		panic(fmt.Sprintf("badge: the built-in rules: %v", err)) // embedded: a constant
	}
	return r
}

// maxRules bounds a file of rules, octets.
const maxRules = 64 << 10

// ParseRules reads a file of rules: YAML, unknown keys refused.
func ParseRules(b []byte) (r Rules, err error) {
	if len(b) > maxRules {
		return r, fmt.Errorf("badge rules: longer than %d octets", maxRules)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("badge rules: %w", err)
	}
	return r, r.Validate()
}

// Validate reports all that keeps a set of rules from judging.
func (r Rules) Validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("badge rules %q: "+format, append([]any{r.Version}, args...)...))
		}
	}
	need(r.Version != "" && len(r.Version) <= 64, "no version, or one of more than 64 octets")
	need(len(r.Apply) > 0, "no rules to apply")
	need(r.Validity > 0 && r.ChallengeLife > 0 && r.Quorum >= 1, "validity, challenge life or quorum is missing")
	need(min(r.UnansweredFor, r.RevokeAfter, r.RenewWithin, r.AppealWithin, r.AppealAnswer) >= 0, "a negative length of time")
	for i, name := range r.Apply {
		_, ok := ruleOf(name)
		need(ok, "there is no rule %q", name)
		need(!slices.Contains(r.Apply[:i], name), "the rule %q is named twice", name)
	}
	for i, l := range r.Levels {
		need(len(l.Needs) > 0 && l.Validity > 0, "the level of %d stars needs nothing, or holds for no time", l.Stars)
		need(l.Stars >= 0 && l.Stars <= maxStars && (i == 0 || l.Stars > r.Levels[i-1].Stars), "levels go up from 0 to %d stars, each once", maxStars)
		for _, name := range l.Needs {
			need(slices.Contains(r.Apply, name), "the level of %d stars needs %q, which is not applied", l.Stars, name)
		}
	}
	return errors.Join(errs...)
}

// maxStars bounds a level.
const maxStars = 2

// Judge applies the rules to the facts, one finding each. It is pure.
func (r Rules) Judge(f Facts) []Finding {
	findings := make([]Finding, 0, len(r.Apply))
	for _, name := range r.Apply {
		judge, ok := ruleOf(name)
		if !ok {
			findings = append(findings, Finding{Rule: name, Result: Unknown, Why: "rule_unknown", WaitingFor: ForUs})
			continue
		}
		finding := judge(r, f)
		finding.Rule = name
		findings = append(findings, finding)
	}
	return findings
}

// Outcome is what findings come to.
type Outcome string

// The outcomes.
const (
	Grant  Outcome = "grant"
	Refuse Outcome = "refuse"
	Wait   Outcome = "wait"
)

// Verdict is what findings come to, and why.
type Verdict struct {
	Outcome    Outcome
	Why        Why     // of the first finding that decided
	WaitingFor []Party // where the outcome is Wait
	Level      int     // stars; counts where the outcome is Grant
}

// Decide joins the findings that the least level needs: one invalid refuses,
// else one unknown waits. had is the level the badge has, -1 for none: it is
// not lost by what is not known. It is pure.
func (r Rules) Decide(findings []Finding, least, had int) Verdict {
	v := Verdict{Outcome: Grant, Why: "all_checks_hold", Level: 1}
	counted := findings
	if len(r.Levels) > 0 {
		l, ok := r.level(least)
		if !ok {
			return Verdict{Outcome: Refuse, Why: "level_unknown"}
		}
		counted = l.of(findings)
		v.Level = r.reached(findings, least, had)
	}
	if len(counted) == 0 {
		return Verdict{Outcome: Wait, Why: "not_checked", WaitingFor: []Party{ForUs}}
	}
	for _, f := range counted {
		switch f.Result {
		case Valid:
		case Invalid:
			return Verdict{Outcome: Refuse, Why: f.Why}
		default:
			if v.Outcome == Grant {
				v.Outcome, v.Why = Wait, f.Why
			}
			if !slices.Contains(v.WaitingFor, f.WaitingFor) {
				v.WaitingFor = append(v.WaitingFor, f.WaitingFor)
			}
		}
	}
	return v
}

// level returns the level of so many stars.
func (r Rules) level(stars int) (Level, bool) {
	i := slices.IndexFunc(r.Levels, func(l Level) bool { return l.Stars == stars })
	if i < 0 {
		return Level{}, false
	}
	return r.Levels[i], true
}

// of returns the findings that the level needs.
func (l Level) of(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return !slices.Contains(l.Needs, f.Rule) })
}

// reached is the highest level whose needs hold, least at the lowest.
func (r Rules) reached(findings []Finding, least, had int) int {
	best := least
	for _, l := range r.Levels {
		holds := !slices.ContainsFunc(l.of(findings), func(f Finding) bool {
			return f.Result == Invalid || f.Result != Valid && l.Stars > had
		})
		if holds && l.Stars > best {
			best = l.Stars
		}
	}
	return best
}

// validity is how long a badge of so many stars holds.
func (r Rules) validity(stars int) time.Duration {
	if l, ok := r.level(stars); ok {
		return l.Validity
	}
	return r.Validity
}
