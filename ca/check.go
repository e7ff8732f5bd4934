package ca

import (
	"crypto/x509"
	"fmt"
	"net"
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
	name := o.Service.Profile
	if name == "" {
		name = o.Decision.Profile()
	}
	p, err := profileOf(name)
	if err != nil {
		return p, nil, err
	}
	if p.person {
		err = a.checkDecision(o)
	} else {
		err = o.checkService(p)
	}
	if err != nil {
		return p, nil, err
	}
	id := p.issuer
	if id == "" {
		id = o.Service.Issuer
	}
	i, ok := a.issuers[id]
	if !ok {
		return p, nil, fmt.Errorf("order %s: issuer %q of profile %s is not here", o.Request, id, p)
	}
	return p, i, nil
}

// checkDecision refuses an order that no current approval stands behind.
// Simulated evidence, a development hierarchy and a test policy only ever meet
// each other.
func (a *Authority) checkDecision(o Order) error {
	d := o.Decision
	if o.Service.Profile != "" || d.Outcome() != evidence.Approved {
		return errUnapproved()
	}
	if s := o.Service; s.CommonName != "" || s.Issuer != "" || len(s.DNSNames)+len(s.IPs) > 0 {
		return fmt.Errorf("order %s: names of a service beside a decision about a person", o.Request)
	}
	if age := a.Now().Sub(d.At()); age > decisionLife || age < -decisionLife {
		return fault.New(fault.Denied, "approval_expired", "the approval is too old; the evidence has to be judged again")
	}
	test := evidence.IsTestPolicy(d.PolicyOID())
	if test != (d.Environment() == evidence.Simulated) || test != a.Simulated {
		return fault.New(fault.Denied, "evidence_simulated", "simulated evidence, development keys and test policies stand for each other and for nothing else; use the evidence and the policy of this service's environment")
	}
	id := d.Identity()
	if id.NationalCode == "" || id.GivenName == "" || id.Surname == "" {
		return fmt.Errorf("order %s: an approved decision without an identity", o.Request)
	}
	if organised := id.LegalID != ""; organised != (d.Profile() == OrganisationSign) {
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
func (a *Authority) record(p profile, i *issuer, o Order, t *x509.Certificate) Certificate {
	c := Certificate{
		Serial: SerialText(t.SerialNumber), Issuer: i.ID, Profile: p.String(), State: Pending,
		PolicyOID: p.policy(o), Request: o.Request, SPKISHA256: o.CSR.SPKISHA256(),
		NotBefore: t.NotBefore, NotAfter: t.NotAfter, Replaces: o.Replaces, Version: 1, Service: o.Service.CommonName, Shard: newShard,
	}
	if d := o.Decision; p.person {
		id := d.Identity()
		c.Holder, c.Business = a.Holder(id.NationalCode), BusinessID(id.LegalID)
		c.Home, c.Environment, c.Policy = d.Home(), d.Environment(), d.PolicyVersion()
		c.Depth, c.ProofAt, c.Evidence = d.Depth(), d.ProofAt(), d.Evidence()
	}
	return c
}

// profileName cuts the version off: "natural-sign@1".
func profileName(s string) string {
	name, _, _ := strings.Cut(s, "@")
	return name
}
