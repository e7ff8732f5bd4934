package complaints

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"gopkg.in/yaml.v3"

	"mohr/internal/fault"
)

// Policy is a window with the day it came into force.
type Policy struct {
	Version string    // kept with each complaint filed under it: "single-96h/1"
	From    time.Time // in force for complaints filed at or after it
	Window  Window
}

// Policies are the window policies over time, oldest first. A complaint is
// judged by the one in force when it was filed, for ever. The first holds
// from the beginning of time.
type Policies []Policy

// At returns the policy in force at t. Without any policy it is the default,
// single(96h).
func (p Policies) At(t time.Time) Policy {
	if len(p) == 0 {
		return Policy{Version: "single-96h/1", Window: Window{hours: [maxStages]uint16{96}, n: 1}}
	}
	in := p[0]
	for _, next := range p[1:] {
		if next.From.After(t) {
			break
		}
		in = next
	}
	return in
}

// Names of the policies that come with the program.
const (
	DefaultPolicies = "default" // single(96h)
	CentrePolicies  = "centre"  // the public centre's: three times 96 h, then 72, 48 and 24 h
)

//go:embed policies/*.yaml
var policyFiles embed.FS

// ShippedPolicies returns policies that come with the program; Invalid for
// an unknown name.
func ShippedPolicies(name string) (Policies, error) {
	b, err := policyFiles.ReadFile("policies/" + name + ".yaml")
	if err != nil {
		return nil, fault.New(fault.Invalid, "complaint_policy_unknown", "there are no window policies of the name %q; use %q or %q", name, DefaultPolicies, CentrePolicies)
	}
	return ParsePolicies(b)
}

// LoadPolicies returns policies that come with the program or are in a file.
func LoadPolicies(name string) (Policies, error) {
	if name == DefaultPolicies || name == CentrePolicies {
		return ShippedPolicies(name)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("window policies: neither default nor centre, nor a file: %w", err)
	}
	return ParsePolicies(b)
}

// maxPolicyFile bounds a policy file.
const maxPolicyFile = 64 << 10

// policyEntry is one line of a policy file.
type policyEntry struct {
	Version string    `yaml:"version"`
	From    time.Time `yaml:"from"`
	Window  string    `yaml:"window"`
}

// ParsePolicies reads a policy file: a YAML list of {version, from, window},
// oldest first, the first without from. Unknown keys, a second document,
// repeated versions and dates out of order are Invalid.
func ParsePolicies(b []byte) (Policies, error) {
	bad := func(why string) error {
		return fault.New(fault.Invalid, "complaint_policy_invalid", "the window policies cannot be used: %s; mend the file", why)
	}
	if len(b) > maxPolicyFile {
		return nil, bad("the file is too large")
	}
	var entries []policyEntry
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&entries); err != nil {
		return nil, bad(err.Error())
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, bad("there is more than one document in it")
	}
	if len(entries) == 0 {
		return nil, bad("there is no policy in it")
	}
	policies := make(Policies, 0, len(entries))
	seen := map[string]bool{}
	for i, e := range entries {
		from := e.From.UTC().Truncate(time.Second)
		w, err := ParseWindow(e.Window)
		switch {
		case err != nil:
			return nil, err
		case e.Version == "" || seen[e.Version]:
			return nil, bad(fmt.Sprintf("policy %d has no version of its own", i+1))
		case i == 0 && !from.IsZero():
			return nil, bad("the first policy has a date, but it holds from the beginning")
		case i > 0 && !from.After(policies[i-1].From):
			return nil, bad(fmt.Sprintf("policy %d does not begin after the one before it", i+1))
		}
		seen[e.Version] = true
		policies = append(policies, Policy{Version: e.Version, From: from, Window: w})
	}
	return policies, nil
}
