package eid

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"mohr/internal/gateway"
)

// File is a provider as the configuration says it (YAML); docs/eid.md explains
// each key.
type File struct {
	Name        string            `yaml:"name"` // name@version: the source of the evidence
	Issuer      string            `yaml:"issuer"`
	Environment string            `yaml:"environment"` // "simulated" or "production"
	ClientID    string            `yaml:"client_id"`
	SecretFile  string            `yaml:"secret_file"` // client_secret_basic; else
	KeyFile     string            `yaml:"key_file"`    // private_key_jwt: PEM
	KeyID       string            `yaml:"key_id"`      // of the key at the provider
	Scopes      []string          `yaml:"scopes"`      // beside openid
	ACR         map[string]string `yaml:"acr"`         // acr value -> low, substantial or high
	Claims      map[string]string `yaml:"claims"`      // name -> expression over token
	Algorithms  []string          `yaml:"algorithms"`  // of ID tokens; none: ES256, ES384, PS256, RS256, EdDSA
	MaxAge      time.Duration     `yaml:"max_age"`     // how long ago the login may be; zero: 5 minutes
	Timeout     time.Duration     `yaml:"timeout"`     // of one attempt; zero: 5 seconds
	RootFile    string            `yaml:"root_file"`   // PEM; "": the machine's
	Allow       []string          `yaml:"allow"`       // prefixes that are dialled although they are private
}

// The claims that a login may have.
const (
	claimCode  = "national_code"
	claimFirst = "first_name"
	claimLast  = "last_name"
	claimBirth = "birth_date"
)

// levels are what acr values may stand for.
var levels = []string{"high", "substantial", "low"}

// asymmetric are the algorithms that an ID token may be signed with: only
// those by which nobody but the provider can sign (RFC 8725, 3.1 and 3.2).
var asymmetric = []string{"ES256", "ES384", "PS256", "RS256", "EdDSA", "ES512", "PS384", "PS512", "RS384", "RS512"}

const (
	longestAge     = time.Hour
	defaultAge     = 5 * time.Minute
	longestTimeout = 30 * time.Second
	defaultTimeout = 5 * time.Second
)

var sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}@[a-z0-9.]{1,16}$`)

// Check reports all faults at once. Files are looked at by New.
func (f *File) Check() error {
	var errs []error
	need := func(ok bool, what string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("eid: "+what, args...))
		}
	}
	need(sourceName.MatchString(f.Name), "%q is no name@version", f.Name)
	need(gateway.Reaches(f.Issuer), "issuer is no https address")
	need(f.Environment == "simulated" || f.Environment == "production", "environment is neither simulated nor production")
	need(f.ClientID != "", "client_id is missing")
	need((f.SecretFile == "") != (f.KeyFile == ""), "name secret_file or key_file, and not both")
	need(f.KeyID == "" || f.KeyFile != "", "key_id goes with key_file")
	need(len(f.ACR) > 0, "acr maps no value to a level, so no login would count")
	for _, value := range slices.Sorted(maps.Keys(f.ACR)) {
		need(value != "" && slices.Contains(levels, f.ACR[value]), "acr: %q is not mapped to low, substantial or high", value)
	}
	need(f.Claims[claimCode] != "", "claims.national_code is an expression, and needed")
	for name := range f.Claims {
		need(slices.Contains([]string{claimCode, claimFirst, claimLast, claimBirth}, name), "there is no claim %q", name)
	}
	for _, a := range f.Algorithms {
		need(slices.Contains(asymmetric, a), "algorithm %q is none that only the provider can sign with", a)
	}
	need(f.MaxAge >= 0 && f.MaxAge <= longestAge, "max_age is above %v", longestAge)
	need(f.Timeout >= 0 && f.Timeout <= longestTimeout, "timeout is above %v", longestTimeout)
	for _, s := range f.Allow {
		_, err := netip.ParsePrefix(s)
		need(err == nil, "allow: %q is no prefix of addresses", s)
	}
	return errors.Join(errs...)
}

func (f *File) algorithms() []string {
	if len(f.Algorithms) == 0 {
		return asymmetric[:5]
	}
	return f.Algorithms
}

func (f *File) maxAge() time.Duration {
	if f.MaxAge == 0 {
		return defaultAge
	}
	return f.MaxAge
}

func (f *File) timeout() time.Duration {
	if f.Timeout == 0 {
		return defaultTimeout
	}
	return f.Timeout
}

// wantedACR are the acr values to ask for, the best first.
func (f *File) wantedACR() []string {
	list := slices.Sorted(maps.Keys(f.ACR))
	slices.SortStableFunc(list, func(a, b string) int {
		return slices.Index(levels, f.ACR[a]) - slices.Index(levels, f.ACR[b])
	})
	return list
}
