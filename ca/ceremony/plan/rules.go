package plan

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"mohr/hsm"
)

// Bounds of a plan.
const (
	maxAuthorities = 32
	maxCustodians  = 20
	maxSeries      = 60 // CRLs of one series: five years of monthly ones
)

// ub-common-name and ub-organization-name, RFC 5280 appendix A.1.
const maxText = 64

// reasons that an authority may be revoked for, with their codes (RFC 5280
// section 5.3.1).
var reasons = map[string]int{
	"unspecified": 0, "keyCompromise": 1, "cACompromise": 2, "affiliationChanged": 3, "superseded": 4, "cessationOfOperation": 5, "privilegeWithdrawn": 9,
}

// ReasonCode returns the CRLReason of a word, and whether an authority may be
// revoked for it.
func ReasonCode(reason string) (int, bool) {
	code, ok := reasons[reason]
	return code, ok
}

var (
	rootID   = regexp.MustCompile(`^root(-[2-9]|-[1-9][0-9])?$`)
	issuerID = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+){0,4}$`)
	hex256   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// IsRootID reports whether roots are named so: "root", "root-2".
func IsRootID(s string) bool { return rootID.MatchString(s) }

// IsIssuerID reports whether issuing CAs are named so.
func IsIssuerID(s string) bool {
	return issuerID.MatchString(s) && len(s) <= 32 && !strings.HasPrefix(s, "root")
}

// list collects what is wrong.
type list []error

func (l *list) need(ok bool, format string, args ...any) {
	if !ok {
		*l = append(*l, fmt.Errorf(format, args...))
	}
}

func (p *Plan) validate() error {
	var l list
	l.need(p.Kind == Kind, "kind is not %s", Kind)
	l.need(p.Title != "", "title is missing")
	l.need(p.Environment == Development || p.Environment == Production, "environment is neither %s nor %s", Development, Production)
	l.need(!p.Date.IsZero() && whole(p.Date), "date is missing or not of UTC and whole seconds: 2026-11-23T09:00:00Z")
	u, err := url.Parse(p.Publish)
	l.need(err == nil && u.Scheme == "http" && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && !strings.HasSuffix(p.Publish, "/"), "publish is not like http://pki.example.ir, without a slash at the end")
	p.Subject.check(&l)
	p.Custodians.check(&l, p.Environment)
	l.need(len(p.Roots)+len(p.Issuers)+len(p.Cross)+len(p.Revoke)+len(p.CRLs) > 0, "there is nothing to be made")
	l.need(len(p.Roots)+len(p.Issuers)+len(p.Cross)+len(p.Revoke)+len(p.CRLs) <= maxAuthorities, "there is more to be made than %d things", maxAuthorities)
	p.checkRoots(&l)
	p.checkIssuers(&l)
	p.checkRest(&l)
	return errors.Join(l...)
}

// whole reports whether t is in UTC and whole seconds.
func whole(t time.Time) bool {
	_, offset := t.Zone()
	return offset == 0 && t.Nanosecond() == 0
}

func (s Subject) check(l *list) {
	l.need(len(s.Country) == 2 && strings.ToUpper(s.Country) == s.Country, "subject.country is not two capital letters")
	l.need(isText(s.Organisation), "subject.organisation has not 1 to %d characters", maxText)
	l.need(s.OrganisationID == "" || isText(s.OrganisationID) && s.OrganisationID != s.Organisation, "subject.organisation_id is too long or the same as the organisation")
}

func isText(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= maxText && strings.TrimSpace(s) == s
}

// check wants two persons in production (dual control, EN 319 411-1 section
// 6.5.1), and an honest list.
func (c Custodians) check(l *list, environment string) {
	l.need(c.Need >= 0 && c.Need <= len(c.Keys) && len(c.Keys) <= maxCustodians, "custodians.need is above the %d custodians listed, or these are more than %d", len(c.Keys), maxCustodians)
	l.need(environment != Production || c.Need >= 2, "custodians.need is below 2, the least in production")
	seen := map[string]bool{}
	for _, k := range c.Keys {
		l.need(isText(k.Name) && !seen[k.Name], "the custodian %q has no name, a long one, or is there twice", k.Name)
		l.need(hex256.MatchString(k.CertificateSHA256) && !seen[k.CertificateSHA256], "certificate_sha256 of %s is not 64 lower-case hexadecimal digits, or is there twice", k.Name)
		seen[k.Name], seen[k.CertificateSHA256] = true, true
	}
}

func (p *Plan) checkRoots(l *list) {
	seen := map[string]bool{}
	for _, r := range p.Roots {
		l.need(IsRootID(r.ID) && !seen[r.ID], "the root %q is not named like root or root-2, or is there twice", r.ID)
		seen[r.ID] = true
		p.checkAuthority(l, r.ID, r.CommonName, r.Algorithm, r.Life, r.From)
	}
	l.need(len(p.Roots) <= 1, "there is more than one root; hold a ceremony for each")
}

func (p *Plan) checkIssuers(l *list) {
	seen := map[string]bool{}
	for _, i := range p.Issuers {
		l.need(IsIssuerID(i.ID) && !seen[i.ID], "the issuer %q is not named like sign-p256-2, or is there twice", i.ID)
		seen[i.ID] = true
		l.need(IsIssuerID(i.Serves()), "name of %s is not like sign-p256", i.ID)
		l.need(IsRootID(i.Root), "root of %s is not like root or root-2", i.ID)
		l.need(i.PathLength != nil && *i.PathLength == 0, "path_length of %s must be there and 0", i.ID)
		l.need(len(i.Policies) > 0, "policies of %s are missing", i.ID)
		for _, o := range i.Policies {
			_, err := x509.ParseOID(o)
			l.need(err == nil, "policy %q of %s is no object identifier", o, i.ID)
		}
		p.checkAuthority(l, i.ID, i.CommonName, i.Algorithm, i.Life, i.From)
	}
}

func (p *Plan) checkAuthority(l *list, id, commonName string, a hsm.Algorithm, life Life, from time.Time) {
	l.need(isText(commonName), "common_name of %s has not 1 to %d characters", id, maxText)
	l.need(a == hsm.P256 || a == hsm.P384 || a == hsm.RSA3072, "algorithm of %s is none of P-256, P-384, RSA-3072", id)
	l.need(!life.zero(), "life of %s is missing", id)
	l.need(from.IsZero() || whole(from) && !from.Before(p.Date), "from of %s is before date, or not of UTC and whole seconds", id)
}

func (p *Plan) checkRest(l *list) {
	seen := map[string]bool{}
	for _, c := range p.Cross {
		l.need(IsRootID(c.Subject) && IsRootID(c.By) && c.Subject != c.By && !seen[c.ID()], "cross: %s by %s are not two roots, or are there twice", c.Subject, c.By)
		seen[c.ID()] = true
	}
	for _, r := range p.Revoke {
		_, known := reasons[r.Reason]
		l.need(known, "revoke: %q is no reason for %s", r.Reason, r.ID)
		l.need(r.ID != "" && !IsRootID(r.ID) && !seen[r.ID], "revoke: %q is a root, or is there twice, or is made here", r.ID)
		seen[r.ID] = true
	}
	for _, s := range p.CRLs {
		l.need(IsRootID(s.Root) && !seen["crl "+s.Root], "crls: %q is no root, or is there twice", s.Root)
		seen["crl "+s.Root] = true
		l.need(s.Count >= 1 && s.Count <= maxSeries, "crls of %s: count is not 1 to %d", s.Root, maxSeries)
		l.need(!s.Every.zero() && !s.Life.zero() && s.Every.After(p.Date).Before(s.Life.After(p.Date)), "crls of %s: every and life are missing, or one CRL ends before the next is due", s.Root)
	}
	for _, r := range p.Roots {
		l.need(seen["crl "+r.ID], "crls of %s are missing", r.ID)
	}
}
