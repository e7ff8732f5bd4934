package ca

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"

	"mohr/internal/fault"
)

// serialRandom is the number of random octets of a serial: 136 bits, above the
// 64 that RFC 5280 practice asks for. With the prefix a serial has 18 octets,
// below the limit of 20 (RFC 5280 section 4.1.2.2), and is always positive.
const serialRandom = 17

// newSerial returns a fresh serial that begins with the node's prefix.
func newSerial(prefix byte) *big.Int {
	b := make([]byte, 1+serialRandom)
	b[0] = prefix
	rand.Read(b[1:]) // never fails (crypto/rand)
	return new(big.Int).SetBytes(b)
}

// SerialText is how records and URLs write a serial: lower-case hex.
func SerialText(n *big.Int) string { return n.Text(16) }

// ParseSerial reads a serial as people and tools write it, in hex of either
// case with or without leading zeros, and returns it as SerialText does. What
// is no serial of at most 20 octets (RFC 5280 section 4.1.2.2) is Invalid.
func ParseSerial(s string) (string, error) {
	text := strings.TrimLeft(strings.ToLower(s), "0")
	if len(s) > 2*20 || text == "" || strings.Trim(text, "0123456789abcdef") != "" {
		return "", fault.New(fault.Invalid, "serial_malformed", "this is not a serial number; write it in hexadecimal digits, as the certificate shows it")
	}
	return text, nil
}

// CRLPath is the path of a CRL shard below the publication URL.
func CRLPath(i IssuerID, shard int) string { return fmt.Sprintf("/crl/%s/%d.crl", i, shard) }

// newShard is the CRL shard of every new certificate: one is enough so far.
const newShard = 0

// template fills in everything a certificate will say: subject from the
// order, extensions from the profile, the key from the request.
func (a *Authority) template(p profile, i *issuer, o Order, serial *big.Int, now time.Time) (*x509.Certificate, error) {
	t := &x509.Certificate{
		SerialNumber:          serial,
		NotBefore:             now,
		NotAfter:              now.Add(p.lifetime(o) - time.Second), // both ends count (RFC 5280 section 4.1.2.5)
		KeyUsage:              p.keyUsage,
		SignatureAlgorithm:    i.algorithm(),
		IssuingCertificateURL: []string{fmt.Sprintf("%s/ca/%s.cer", a.Publish, i.ID)},
		DNSNames:              o.Service.DNSNames,
	}
	if !t.NotBefore.Before(t.NotAfter.Add(time.Second)) {
		return nil, fmt.Errorf("certificate of %s would end before it begins", p)
	}
	if t.NotBefore.Before(i.Certificate.NotBefore) || t.NotAfter.After(i.Certificate.NotAfter) {
		return nil, fault.New(fault.Unavailable, "issuer_out_of_time", "the issuing authority's own certificate does not cover the life of a new one; the operator has to look at the clock or put a new authority in place")
	}
	for _, ip := range o.Service.IPs {
		t.IPAddresses = append(t.IPAddresses, net.ParseIP(ip))
	}
	if !p.noCheck {
		t.CRLDistributionPoints = []string{a.Publish + CRLPath(i.ID, newShard)}
		t.OCSPServer = []string{fmt.Sprintf("%s/ocsp/%s", a.Publish, i.ID)}
	}
	var err error
	if t.RawSubject, err = p.subject(o); err != nil {
		return nil, fmt.Errorf("subject: %w", err)
	}
	if t.SubjectKeyId, err = keyIdentifier(o.CSR.spki); err != nil {
		return nil, fmt.Errorf("key identifier: %w", err)
	}
	policy, err := parsePolicyOID(p.policy(o))
	if err != nil {
		return nil, err
	}
	t.Policies = []x509.OID{policy}
	t.ExtraExtensions, err = a.extraExtensions(p, t)
	return t, err
}

func (a *Authority) extraExtensions(p profile, t *x509.Certificate) ([]pkix.Extension, error) {
	eku, err := extKeyUsage(p)
	if err != nil {
		return nil, fmt.Errorf("extended key usage: %w", err)
	}
	list := []pkix.Extension{eku}
	if p.noCheck {
		list = append(list, noCheck())
	}
	if p.qc {
		qc, err := qcStatements(a.Portal)
		if err != nil {
			return nil, fmt.Errorf("qcStatements: %w", err)
		}
		list = append(list, qc)
	}
	if p.keyPeriod {
		period, err := privateKeyUsage(t.NotBefore, t.NotBefore.Add(p.keyLife(t.NotAfter.Sub(t.NotBefore))))
		if err != nil {
			return nil, fmt.Errorf("private key usage period: %w", err)
		}
		list = append(list, period)
	}
	return list, nil
}

func (p profile) subject(o Order) ([]byte, error) {
	if p.person {
		return personSubject(o.Decision.Identity())
	}
	return serviceSubject(o.Service)
}

func (p profile) policy(o Order) string {
	if p.person {
		return o.Decision.PolicyOID()
	}
	return p.policyOID
}

func (p profile) lifetime(o Order) time.Duration {
	if p.person {
		return o.Decision.Validity()
	}
	return p.validity
}

func parsePolicyOID(s string) (x509.OID, error) {
	oid, err := x509.ParseOID(s)
	if err != nil {
		return oid, fmt.Errorf("policy OID %q: %w", s, err)
	}
	return oid, nil
}

// hexOf is the lower-case hex of b.
func hexOf(b []byte) string { return hex.EncodeToString(b) }
