package ca

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/bits"
	"net"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// extensions writes all extensions of a certificate that begins at from.
func (a *Authority) extensions(p profile, i *issuer, o Order, shard int, from time.Time, life time.Duration) ([]pkix.Extension, error) {
	ski, err := keyIdentifier(o.CSR.spki)
	if err != nil {
		return nil, fmt.Errorf("key identifier: %w", err)
	}
	var e extensions
	e.add(oidKeyUsage, true, keyUsage(p.keyUsage))
	e.add(oidExtKeyUsage, p.ekuCritical, sequence(objectIDs(p.extKeyUsage...)))
	e.add(oidSKI, false, octets(cryptobyte_asn1.OCTET_STRING, ski))
	e.add(oidAKI, false, sequence(octets(implicit(0), i.Certificate.SubjectKeyId)))
	e.add(oidPolicies, false, certificatePolicies(p.policy(o)))
	e.add(oidAIA, false, a.access(p, i.ID))
	if p.listed() {
		e.add(oidCRLDP, false, distributionPoint(a.Publish+CRLPath(i.ID, shard)))
	}
	if p.noCheck {
		e.add(oidOCSPNoCheck, false, null)
	}
	if p.short {
		e.add(oidShortTerm, false, null)
		e.add(oidNoRevAvail, false, null)
	}
	if p.semantics != nil {
		qc, err := a.qcStatements(p, o)
		if err != nil {
			return nil, err
		}
		e.add(oidQCStatements, false, qc)
	}
	if p.keyPeriod {
		e.add(oidPrivateKeyUsage, false, privateKeyUsage(from, from.Add(p.keyLife(life-time.Second))))
	}
	if p.san {
		e.add(oidSAN, false, subjectNames(o.Service))
	}
	return e.list, e.err
}

// extensions collects extensions and the first error.
type extensions struct {
	list []pkix.Extension
	err  error
}

// fill writes one DER value.
type fill func(*cryptobyte.Builder)

func (e *extensions) add(id asn1.ObjectIdentifier, critical bool, value fill) {
	var b cryptobyte.Builder
	value(&b)
	der, err := b.Bytes()
	if err != nil && e.err == nil {
		e.err = fmt.Errorf("extension %v: %w", id, err)
	}
	e.list = append(e.list, pkix.Extension{Id: id, Critical: critical, Value: der})
}

func tagged(tag cryptobyte_asn1.Tag, parts ...fill) fill {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(tag, func(b *cryptobyte.Builder) {
			for _, part := range parts {
				part(b)
			}
		})
	}
}

func sequence(parts ...fill) fill { return tagged(cryptobyte_asn1.SEQUENCE, parts...) }

func octets(tag cryptobyte_asn1.Tag, content []byte) fill {
	return tagged(tag, func(b *cryptobyte.Builder) { b.AddBytes(content) })
}

func text(tag cryptobyte_asn1.Tag, s string) fill { return octets(tag, []byte(s)) }

func objectIDs(list ...asn1.ObjectIdentifier) fill {
	return func(b *cryptobyte.Builder) {
		for _, id := range list {
			b.AddASN1ObjectIdentifier(id)
		}
	}
}

// implicit is a context-specific tag for a primitive, explicit one for what
// holds others.
func implicit(n uint8) cryptobyte_asn1.Tag { return cryptobyte_asn1.Tag(n).ContextSpecific() }
func explicit(n uint8) cryptobyte_asn1.Tag { return implicit(n).Constructed() }

// uri is the uniformResourceIdentifier [6] of a GeneralName.
func uri(s string) fill { return text(implicit(6), s) }

func null(b *cryptobyte.Builder) { b.AddBytes(asn1.NullBytes) }

// keyIdentifier is the SHA-256 of the public key's bits, cut to 160 bits
// (RFC 7093 section 2, method 1).
func keyIdentifier(spki []byte) ([]byte, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(info.Key.Bytes)
	return sum[:20], nil
}

// keyUsage writes KeyUsage ::= BIT STRING, bit 0 first, zero bits at the end
// left out (X.690 section 11.2.2). The usages of end entities are in the
// first octet.
func keyUsage(u x509.KeyUsage) fill {
	octet := bits.Reverse8(uint8(u))
	return octets(cryptobyte_asn1.BIT_STRING, []byte{byte(bits.TrailingZeros8(octet)), octet})
}

// certificatePolicies writes one policy without qualifiers, as RFC 5280
// section 4.2.1.4 recommends: the disclosure statements lead to the papers.
func certificatePolicies(policy string) fill {
	return sequence(sequence(dotted(policy)))
}

// access writes AuthorityInfoAccessSyntax (RFC 5280 section 4.2.2.1): where
// the issuer's certificate is, and OCSP where a revocation can show there.
func (a *Authority) access(p profile, id IssuerID) fill {
	issuer := sequence(objectIDs(oidCAIssuers), uri(fmt.Sprintf("%s/ca/%s.cer", a.Publish, id)))
	if !p.revocable() {
		return sequence(issuer)
	}
	return sequence(sequence(objectIDs(oidOCSP), uri(fmt.Sprintf("%s/ocsp/%s", a.Publish, id))), issuer)
}

// distributionPoint writes CRLDistributionPoints with one URL:
//
//	SEQUENCE OF SEQUENCE { distributionPoint [0] CHOICE { fullName [0] GeneralNames } }
func distributionPoint(url string) fill {
	return sequence(sequence(tagged(explicit(0), tagged(explicit(0), uri(url)))))
}

// subjectNames writes SubjectAltName: dNSName [2], iPAddress [7].
func subjectNames(s Service) fill {
	var list []fill
	for _, n := range s.DNSNames {
		list = append(list, text(implicit(2), n))
	}
	for _, n := range s.IPs {
		ip := net.ParseIP(n)
		if v4 := ip.To4(); v4 != nil {
			ip = v4
		}
		list = append(list, octets(implicit(7), ip))
	}
	return sequence(list...)
}

// privateKeyUsage writes privateKeyUsagePeriod (RFC 3280 section 4.2.1.4):
//
//	PrivateKeyUsagePeriod ::= SEQUENCE {
//	    notBefore [0] GeneralizedTime OPTIONAL, notAfter [1] GeneralizedTime OPTIONAL }
func privateKeyUsage(from, to time.Time) fill {
	const layout = "20060102150405Z"
	return sequence(text(implicit(0), from.UTC().Format(layout)), text(implicit(1), to.UTC().Format(layout)))
}

// revocable reports whether a revocation of such a certificate shows in OCSP.
func (p profile) revocable() bool { return !p.noCheck && !p.short }

// listed reports whether the profile's certificates name a CRL.
func (p profile) listed() bool { return p.revocable() }
