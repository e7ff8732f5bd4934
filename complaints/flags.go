package complaints

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"mohr/internal/fault"
)

// FlagRules say which complaints an officer looks at before they are served.
// The zero value flags none.
type FlagRules struct {
	Version string     `yaml:"version"`
	Rules   []FlagRule `yaml:"rules"`
}

// FlagRule holds if all its conditions do. One that is zero is no condition;
// numbers are "at least".
type FlagRule struct {
	Name         string   `yaml:"name"`          // a-z and _
	SamePurchase int      `yaml:"same_purchase"` // other complaints of this contact about this order at this business
	ContactToday int      `yaml:"contact_today"` // complaints of this contact today, this one included
	Businesses   int      `yaml:"businesses"`    // named in this complaint
	Links        int      `yaml:"links"`         // in the text
	Rials        int64    `yaml:"rials"`
	Words        []string `yaml:"words"` // one of these is in the text, however it is spelled
}

// FlagFacts are what the rules are asked about.
type FlagFacts struct {
	SamePurchase, ContactToday, Businesses int
	Rials                                  int64
	Text                                   string
}

//go:embed rules/flags.yaml
var shippedFlags []byte

// ShippedFlagRules returns the rules that come with the program.
func ShippedFlagRules() (FlagRules, error) { return ParseFlagRules(shippedFlags) }

// maxRuleFile bounds a file of rules, maxRules how many are in it.
const (
	maxRuleFile = 64 << 10
	maxRules    = 64
)

var ruleName = regexp.MustCompile(`^[a-z][a-z_]{0,31}$`)

// ParseFlagRules reads a YAML file of rules. Unknown keys, names twice, a rule
// without a condition and a second document are Invalid.
func ParseFlagRules(b []byte) (r FlagRules, err error) {
	if err := decodeRules(b, &r); err != nil {
		return FlagRules{}, err
	}
	seen := map[string]bool{}
	for i, rule := range r.Rules {
		least := min(rule.SamePurchase, rule.ContactToday, rule.Businesses, rule.Links)
		switch {
		case !ruleName.MatchString(rule.Name) || seen[rule.Name]:
			return FlagRules{}, badRules(fmt.Sprintf("rule %d has no name of its own of a-z and _", i+1))
		case least < 0 || rule.Rials < 0:
			return FlagRules{}, badRules("a number is below zero")
		case rule.SamePurchase+rule.ContactToday+rule.Businesses+rule.Links == 0 && rule.Rials == 0 && len(rule.Words) == 0:
			return FlagRules{}, badRules(fmt.Sprintf("the rule %s has no condition", rule.Name))
		}
		seen[rule.Name] = true
	}
	if r.Version == "" || len(r.Rules) > maxRules {
		return FlagRules{}, badRules("there is no version, or there are too many rules")
	}
	return r, nil
}

// decodeRules reads one strict YAML document of a bounded size into v.
func decodeRules(b []byte, v any) error {
	if len(b) > maxRuleFile {
		return badRules("the file is too large")
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(v); err != nil {
		return badRules(err.Error())
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return badRules("there is more than one document in it")
	}
	return nil
}

// Rules are the rules of a service: which complaints are flagged, and what
// marks an answer as a placeholder.
type Rules struct {
	Flags        FlagRules
	Placeholders PlaceholderRules
}

// LoadRules reads the rules of two files; "" are those that come with the
// program. A file of other rules than these has a version of its own: each
// event names the version it was judged by.
func LoadRules(flags, placeholders string) (r Rules, err error) {
	if r.Flags, err = loadRules(flags, shippedFlags, ParseFlagRules, func(r FlagRules) string { return r.Version }); err != nil {
		return r, fmt.Errorf("rules for flags %s: %w", flags, err)
	}
	r.Placeholders, err = loadRules(placeholders, placeholderFile, ParsePlaceholderRules, func(r PlaceholderRules) string { return r.Version })
	if err != nil {
		return r, fmt.Errorf("rules for placeholder answers %s: %w", placeholders, err)
	}
	return r, nil
}

func loadRules[R any](file string, shipped []byte, parse func([]byte) (R, error), version func(R) string) (r R, err error) {
	if file == "" {
		return parse(shipped)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	if r, err = parse(b); err != nil {
		return r, err
	}
	known, err := parse(shipped)
	if err == nil && version(r) == version(known) && !bytes.Equal(b, shipped) {
		err = badRules("the version " + version(r) + " is that of the rules that come with the program; give the file one of its own")
	}
	return r, err
}

func badRules(why string) error {
	return fault.New(fault.Invalid, "complaint_rules_invalid", "the rules cannot be used: %[1]s; mend the file", why)
}

// Judge returns the names of the rules that hold, in their order. It is pure.
func (r FlagRules) Judge(f FlagFacts) (held []string) {
	text := fold(f.Text)
	links := strings.Count(text, "http") + strings.Count(text, "www")
	for _, rule := range r.Rules {
		if f.SamePurchase >= rule.SamePurchase && f.ContactToday >= rule.ContactToday && f.Businesses >= rule.Businesses &&
			links >= rule.Links && f.Rials >= rule.Rials && (len(rule.Words) == 0 || hasAny(text, rule.Words)) {
			held = append(held, rule.Name)
		}
	}
	return held
}

// hasAny reports whether a folded text has one of the phrases as whole words.
func hasAny(text string, phrases []string) bool {
	for _, p := range phrases {
		if strings.Contains(" "+text+" ", " "+fold(p)+" ") {
			return true
		}
	}
	return false
}
