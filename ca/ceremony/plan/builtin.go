package plan

import (
	_ "embed"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

//go:embed default.yaml
var builtin []byte

// Example is a plan for production with all there is to say, to begin from.
//
//go:embed example.yaml
var Example []byte

// maxName bounds an operator's name, in characters: with what follows it a
// common name has 64 at most.
const maxName = 40

// Builtin returns the plan of a development hierarchy for an operator of that
// name, who publishes at the base URL.
func Builtin(name, publish string, date time.Time) (*Plan, error) {
	p, err := Parse(builtin)
	if err != nil {
		return nil, err
	}
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName {
		return nil, errPlan(errors.New("the operator's name has not 1 to 40 characters"))
	}
	p.builtin = true
	p.Date, p.Publish = date.UTC().Truncate(time.Second), publish
	fill := func(s *string) { *s = strings.ReplaceAll(*s, "NAME", name) }
	fill(&p.Subject.Organisation)
	for n := range p.Roots {
		fill(&p.Roots[n].CommonName)
	}
	for n := range p.Issuers {
		fill(&p.Issuers[n].CommonName)
	}
	if err := p.validate(); err != nil {
		return nil, errPlan(err)
	}
	return p, nil
}

// IsBuiltin reports whether Builtin made the plan.
func (p *Plan) IsBuiltin() bool { return p.builtin }
