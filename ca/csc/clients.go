package csc

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"unicode/utf8"

	"mohr/ca/held"
)

// File is the part `csc` of the configuration.
type File struct {
	Clients []Client `yaml:"clients"`
}

// Client is software that may ask holders for signatures.
type Client struct {
	ID           string   `yaml:"id"`            // letters, digits, ". _ -"; 64 at most
	Name         Name     `yaml:"name"`          // as its users know it
	RedirectURIs []string `yaml:"redirect_uris"` // https, or http to a loopback address; compared octet by octet
	SecretSHA256 string   `yaml:"secret_sha256"` // hex, of a secret of 32 random octets at least; "": the client keeps none
}

// Name is a client's name in each language.
type Name struct {
	Fa string `yaml:"fa"`
	En string `yaml:"en"`
}

// Bounds of what a client is registered with.
const (
	maxName      = 80 // characters
	maxRedirects = 10
	maxRedirect  = 500 // octets
)

// Validate reports all faults at once.
func (f File) Validate() error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range f.Clients {
		if seen[c.ID] {
			errs = append(errs, fmt.Errorf("csc: the client %q is there twice", c.ID))
		}
		seen[c.ID] = true
		if err := c.validate(); err != nil {
			errs = append(errs, fmt.Errorf("csc: client %q: %w", c.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (c Client) validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	named := func(s string) bool { return s != "" && utf8.RuneCountInString(s) <= maxName && readable(s) }
	need(held.IsSoftware(c.ID), "id is not 1 to 64 letters, digits, dots, hyphens and underscores")
	need(named(c.Name.Fa) && named(c.Name.En), "name.fa or name.en is missing, too long or not to be read")
	need(len(c.RedirectURIs) > 0 && len(c.RedirectURIs) <= maxRedirects, fmt.Sprintf("redirect_uris has not 1 to %d addresses", maxRedirects))
	for _, u := range c.RedirectURIs {
		need(isRedirect(u), fmt.Sprintf("redirect_uris: %q is not https, nor http to 127.0.0.1 or [::1], or has a fragment", u))
	}
	hash, err := hex.DecodeString(c.SecretSHA256)
	need(c.SecretSHA256 == "" || err == nil && len(hash) == sha256.Size, "secret_sha256 is not the SHA-256 of a secret in hex")
	return errors.Join(errs...)
}

// isRedirect reports whether browsers may be sent to the address (RFC 6749
// section 3.1.2; loopback as RFC 8252 section 7.3 has it).
func isRedirect(address string) bool {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxRedirect || u.Host == "" || u.User != nil || u.Fragment != "" || u.String() != address {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && err == nil && ip.IsLoopback()
}

// in is the name in a language.
func (n Name) in(lang string) string {
	if lang == "fa" {
		return n.Fa
	}
	return n.En
}

// takes reports whether the address is one of the client's.
func (c Client) takes(redirect string) bool { return slices.Contains(c.RedirectURIs, redirect) }

// knows reports whether the secret is the client's: "" of one that keeps none.
func (c Client) knows(secret string) bool {
	if c.SecretSHA256 == "" {
		return secret == ""
	}
	want, err := hex.DecodeString(c.SecretSHA256)
	got := sha256.Sum256([]byte(secret))
	return err == nil && subtle.ConstantTimeCompare(want, got[:]) == 1
}
