package ca

import (
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"mohr/internal/fault"
)

// serialRandom is the number of random octets of a serial: 136 bits, above the
// 64 that RFC 5280 practice asks for. With the prefix a serial has 18 octets,
// below the limit of 20 (RFC 5280 section 4.1.2.2), and is always positive.
const serialRandom = 17

// newSerial returns a fresh serial that begins with the node's prefix: two
// nodes with different prefixes never make the same one.
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

// template is a TBSCertificate (RFC 5280 section 4.1) in the order of its
// parts. We write it ourselves, not through x509.CreateCertificate: nothing
// gets in that is not listed here, and no signature is needed to see the bytes.
// Times before 2050 become UTCTime, later ones GeneralizedTime (section
// 4.1.2.5), by encoding/asn1.
type template struct {
	Version      int `asn1:"explicit,tag:0"`
	SerialNumber *big.Int
	Algorithm    asn1.RawValue
	Issuer       asn1.RawValue
	Validity     struct{ NotBefore, NotAfter time.Time }
	Subject      asn1.RawValue
	Key          asn1.RawValue
	Extensions   []pkix.Extension `asn1:"explicit,tag:3"`
}

const version3 = 2

// template fills in everything a certificate will say: subject from the
// order, extensions from the profile, the key from the request.
//
// A certificate begins now, never before: its record, its leaf in the log and
// what it says of itself agree on one instant, and no signature can be dated
// into a time in which the key was not certified. A relying party whose clock
// is behind by more than the way takes has to wait or to set its clock.
func (a *Authority) template(p profile, i *issuer, o Order, serial *big.Int, shard int, now time.Time) (*template, error) {
	t := &template{
		Version:      version3,
		SerialNumber: serial,
		Algorithm:    asn1.RawValue{FullBytes: i.scheme.der},
		Issuer:       asn1.RawValue{FullBytes: i.Certificate.RawSubject},
		Key:          asn1.RawValue{FullBytes: o.CSR.spki},
	}
	life, err := p.lifetime(o)
	if err != nil {
		return nil, err
	}
	t.Validity.NotBefore, t.Validity.NotAfter = now, now.Add(life-time.Second) // both ends count (RFC 5280 section 4.1.2.5)
	if !i.Within(t.Validity.NotBefore) || !i.Within(t.Validity.NotAfter) {
		return nil, fault.New(fault.Unavailable, "issuer_out_of_time", "the issuing authority's own certificate does not cover the life of a new one; the operator has to look at the clock or put a new authority in place")
	}
	subject, err := p.subject(o)
	if err != nil {
		return nil, fmt.Errorf("subject: %w", err)
	}
	t.Subject = asn1.RawValue{FullBytes: subject}
	t.Extensions, err = a.extensions(p, i, o, shard, t.Validity.NotBefore, life)
	return t, err
}

func (p profile) subject(o Order) ([]byte, error) {
	switch p.of {
	case ofPerson, ofMember:
		return personSubject(o.Decision.Identity())
	case ofLegal:
		return legalSubject(o.Decision.Identity())
	case ofServer:
		return serverSubject(o.Service)
	}
	return serviceSubject(o.Service)
}

func (p profile) policy(o Order) string {
	if p.of.decided() {
		return o.Decision.PolicyOID()
	}
	return p.policyOID
}

// lifetime returns how long the certificate is to be valid, within what the
// profile allows.
func (p profile) lifetime(o Order) (time.Duration, error) {
	life := p.life
	if p.of.decided() {
		life = o.Decision.Validity()
	}
	if life < time.Second || life > p.life {
		return 0, fmt.Errorf("a life of %v for %s, which has %v at most", life, p, p.life)
	}
	return life, nil
}

// hexOf is the lower-case hex of b.
func hexOf(b []byte) string { return hex.EncodeToString(b) }
