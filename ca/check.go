package ca

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"mohr/ca/evidence"
	"mohr/internal/fault"
)

// check is step 1: everything about an order that can be known before a
// transaction. The rooms above have asked the same; it is asked again here.
func (a *Authority) check(o Order) (profile, *issuer, error) {
	if o.Request == "" || o.CSR.key == nil {
		return profile{}, nil, fmt.Errorf("order %q: no request id or no key", o.Request)
	}
	if a.isAuthorityKey(o.CSR) {
		return profile{}, nil, errKeyInUse()
	}
	name := o.Service.Profile
	if name == "" {
		name = o.Decision.Profile()
	}
	p, err := profileOf(name)
	if err != nil {
		return p, nil, err
	}
	if p.of.decided() {
		err = a.checkDecision(o, p)
	} else {
		err = o.checkService(p)
	}
	if err != nil {
		return p, nil, err
	}
	if name := a.issuerOf(p); name != "" {
		i, err := a.issuerFor(name)
		if err != nil {
			return p, nil, fmt.Errorf("order %s of profile %s: %w", o.Request, p, err)
		}
		return p, i, nil
	}
	i, ok := a.issuers[o.Service.Issuer]
	if !ok {
		return p, nil, fmt.Errorf("order %s: issuer %q of profile %s is not here", o.Request, o.Service.Issuer, p)
	}
	return p, i, nil
}

// isAuthorityKey reports whether the key is that of a CA, which signs
// certificates and CRLs and nothing else.
func (a *Authority) isAuthorityKey(key CSR) bool {
	for _, i := range a.issuers {
		if bytes.Equal(i.Certificate.RawSubjectPublicKeyInfo, key.spki) {
			return true
		}
	}
	return slices.ContainsFunc(a.Anchors(), func(r *x509.Certificate) bool { return bytes.Equal(r.RawSubjectPublicKeyInfo, key.spki) })
}

// issuerOf returns the name of the CA for the profile; "" where the order's
// Service names it.
func (c *Config) issuerOf(p profile) IssuerID {
	if id, ok := c.IssuerOf[p.name]; ok {
		return id
	}
	return p.issuer
}

// issuerFaults says what is wrong with IssuerOf. A CA signs for one kind of
// subject, which its name begins with: who trusts signatures need not trust
// our TLS.
func (c *Config) issuerFaults() (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(c.IssuerOf)) {
		id := c.IssuerOf[name]
		p, err := profileOf(name)
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Sprintf("an issuer is chosen for %q, which is no profile", name))
		case p.issuer == "":
			wrong = append(wrong, fmt.Sprintf("an issuer is chosen for %s, which is issued by the CA that it answers for", name))
		case id.kind() != p.issuer.kind():
			wrong = append(wrong, fmt.Sprintf("%s cannot issue %s; a CA whose name begins with %q can", id, name, p.issuer.kind()))
		case !slices.ContainsFunc(c.Issuers, func(i Issuer) bool { return i.name() == id }):
			wrong = append(wrong, fmt.Sprintf("issuer %s, chosen for %s, is not here", id, name))
		}
	}
	return wrong
}

// kind is what a CA's name begins with: "sign-".
func (i IssuerID) kind() string {
	kind, _, _ := strings.Cut(string(i), "-")
	return kind + "-"
}

// checkDecision refuses an order that no current approval stands behind.
// Simulated evidence, a development hierarchy and a test policy only ever meet
// each other.
func (a *Authority) checkDecision(o Order, p profile) error {
	d := o.Decision
	if o.Service.Profile != "" || d.Outcome() != evidence.Approved {
		return errUnapproved()
	}
	if s := o.Service; s.CommonName != "" || s.Issuer != "" || s.Business != "" || len(s.DNSNames)+len(s.IPs) > 0 {
		return fmt.Errorf("order %s: names of a service beside a decision about a person", o.Request)
	}
	if age := a.Now().Sub(d.At()); age > decisionLife || age < -decisionLife {
		return fault.New(fault.Denied, "approval_expired", "the approval is too old; the evidence has to be judged again")
	}
	test := evidence.IsTestPolicy(d.PolicyOID())
	if test != (d.Environment() == evidence.Simulated) || test != a.Simulated {
		return fault.New(fault.Denied, "evidence_simulated", "simulated evidence, development keys and test policies stand for each other and for nothing else; use the evidence and the policy of this service's environment")
	}
	if err := a.checkHome(o); err != nil {
		return err
	}
	id := d.Identity()
	if id.NationalCode == "" || id.GivenName == "" || id.Surname == "" {
		return fmt.Errorf("order %s: an approved decision without an identity", o.Request)
	}
	if organised := id.LegalID != ""; organised != p.of.organised() {
		return fmt.Errorf("order %s: the organisation does not fit profile %s", o.Request, d.Profile())
	}
	return nil
}

func errUnapproved() error {
	return fault.New(fault.Denied, "order_unapproved", "no approval stands behind this order; apply first, and order once the application is approved")
}

// checkService refuses a service's order that says anything of a person, or
// whose profile is not named by the order itself.
func (o Order) checkService(p profile) error {
	if o.Service.Profile == "" {
		return errUnapproved()
	}
	if o.Decision.Outcome() == evidence.Approved {
		return fmt.Errorf("order %s: a decision about a person under the service profile %s", o.Request, p)
	}
	if err := o.Service.checkBusiness(p); err != nil {
		return fmt.Errorf("order %s: %w", o.Request, err)
	}
	names := len(o.Service.DNSNames) + len(o.Service.IPs)
	if p.san != (names > 0) || names > maxNames {
		return errServiceName()
	}
	for _, n := range o.Service.DNSNames {
		if !isHost(n) {
			return errServiceName()
		}
	}
	for _, ip := range o.Service.IPs {
		if net.ParseIP(ip) == nil {
			return errServiceName()
		}
	}
	return nil
}

// checkBusiness wants a business where the profile is for its servers, which
// are known by host names, the first of them the common name; and none elsewhere.
func (s Service) checkBusiness(p profile) error {
	if p.of != ofServer {
		if s.Business != "" {
			return fmt.Errorf("a business under the profile %s", p)
		}
		return nil
	}
	id, err := ParseBusinessID(string(s.Business))
	if err != nil || id != s.Business {
		return fmt.Errorf("a server of business %q", s.Business)
	}
	if len(s.IPs) > 0 || !slices.Contains(s.DNSNames, s.CommonName) {
		return errServiceName()
	}
	return nil
}

// maxNames bounds the hosts and addresses of one certificate.
const maxNames = 100

func errServiceName() error {
	return fault.New(fault.Invalid, "service_name_invalid", "the host names or addresses of this service's certificate are missing, too many or wrong; name 1 to %[1]d hosts in ASCII letters, digits, dots and hyphens without wildcards, or IP addresses, and none where the profile has no place for them", maxNames)
}

// isHost reports whether s is a host name in the preferred syntax of RFC 1034
// section 3.5 with the digits of RFC 1123 section 2.1, as RFC 5280 section
// 4.2.1.6 wants it. A wildcard is none.
func isHost(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) < 1 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
				return false
			}
		}
	}
	return true
}

// record is what the ledger of certificates will say of the order.
func (a *Authority) record(p profile, i *issuer, o Order, t *template, shard int) Certificate {
	c := Certificate{
		Serial: SerialText(t.SerialNumber), Issuer: i.ID, Profile: p.String(), State: Pending,
		PolicyOID: p.policy(o), Request: o.Request, SPKISHA256: o.CSR.SPKISHA256(),
		NotBefore: t.Validity.NotBefore, NotAfter: t.Validity.NotAfter, Replaces: o.Replaces, Version: 1, Business: o.Service.Business, Service: o.Service.CommonName, Shard: shard,
	}
	if d := o.Decision; p.of.decided() {
		id := d.Identity()
		c.Holder, c.Business = a.Holder(id.NationalCode), BusinessID(id.LegalID)
		c.Home, c.Environment, c.Policy = d.Home(), d.Environment(), d.PolicyVersion()
		c.Depth, c.ProofAt, c.Evidence, c.Mandate = d.Depth(), d.ProofAt(), d.Evidence(), d.Mandate()
	}
	return c
}

// profileName cuts the version off: "natural-sign@1".
func profileName(s string) string {
	name, _, _ := strings.Cut(s, "@")
	return name
}
