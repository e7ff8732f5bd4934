package signature

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// CMS returns a detached CAdES-B signature over content, as DER: ECDSA or
// PKCS #1 v1.5 with SHA-256 (SHA-384 on P-384), the chain, and the signed
// attributes content-type, signing-time, message-digest and
// signing-certificate-v2.
func (s Signer) CMS(content []byte) ([]byte, error) { return s.signCMS(content, true, false, nil) }

// EnclosedCMS is CMS with the content inside.
func (s Signer) EnclosedCMS(content []byte) ([]byte, error) {
	return s.signCMS(content, false, false, nil)
}

func (s Signer) signCMS(content []byte, detached, old bool, more []Attribute) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("sign CMS: %w", err)
	}
	leaf := s.Key.Certificate
	own, err := ownScheme(leaf.PublicKey, false)
	if err != nil {
		return nil, fmt.Errorf("sign CMS: %w", err)
	}
	own.old = old
	attrs, err := own.ownAttributes(leaf, content, s.now(), more)
	if err != nil {
		return nil, fmt.Errorf("sign CMS: %w", err)
	}
	sig, err := own.sign(s.Key.Signer, leaf.PublicKey, setOf(attrs))
	if err != nil {
		return nil, fmt.Errorf("sign CMS: %w", err)
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSignedData)
		b.AddASN1(tag0, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1) // RFC 5652 section 5.1: id-data and only certificates of X.509
				b.AddASN1(der.SET, own.addDigest)
				addContent(b, content, detached)
				b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddBytes(sortedDER(s.chain())) })
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) { own.addSigner(b, leaf, attrs, sig) })
			})
		})
	})
	out, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode CMS: %w", err)
	}
	return out, nil
}

// addContent adds an EncapsulatedContentInfo (RFC 5652 section 5.2).
func addContent(b *cryptobyte.Builder, content []byte, detached bool) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidData)
		if !detached {
			b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(content) })
		}
	})
}

// sortedDER returns the certificates as the elements of a SET OF in DER.
func sortedDER(certs []*x509.Certificate) []byte {
	var list [][]byte
	for _, c := range certs {
		list = append(list, c.Raw)
	}
	slices.SortFunc(list, bytes.Compare)
	return slices.Concat(list...)
}

// addSigner adds a SignerInfo (RFC 5652 section 5.3), version 1.
func (s scheme) addSigner(b *cryptobyte.Builder, leaf *x509.Certificate, attrs, sig []byte) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(leaf.RawIssuer)
			b.AddASN1BigInt(leaf.SerialNumber)
		})
		s.addDigest(b)
		b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddBytes(attrs) })
		b.AddASN1(der.SEQUENCE, s.addSignatureAlgorithm)
		b.AddASN1OctetString(sig)
	})
}

// addDigest adds the DigestAlgorithmIdentifier; parameters absent (RFC 5754 section 2).
func (s scheme) addDigest(b *cryptobyte.Builder) {
	oid := oidSHA256
	if s.hash == crypto.SHA384 {
		oid = oidSHA384
	}
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) })
}

// addSignatureAlgorithm adds the inside of the SignatureAlgorithmIdentifier.
func (s scheme) addSignatureAlgorithm(b *cryptobyte.Builder) {
	named := s.hash
	if s.old && s.rsa {
		named = 0
	}
	for _, a := range signatureAlgorithms() {
		if a.hash != named || a.null != s.rsa {
			continue
		}
		b.AddASN1ObjectIdentifier(a.oid)
		if a.null {
			b.AddASN1(der.NULL, func(*cryptobyte.Builder) {})
		}
		return
	}
	b.SetError(fmt.Errorf("no name for a signature with %v", s.hash))
}

// ownAttributes returns the elements of the signed attributes, in DER's order.
func (s scheme) ownAttributes(leaf *x509.Certificate, content []byte, now time.Time, more []Attribute) ([]byte, error) {
	digest, certHash := s.digest(content), s.digest(leaf.Raw)
	list := []attribute{
		{oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData) }},
		{oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest) }},
		{oidSigningTime, func(b *cryptobyte.Builder) { addTime(b, now) }},
		{oidSigningCertificateV2, func(b *cryptobyte.Builder) { s.addSigningCertificate(b, leaf, certHash) }},
	}
	for _, m := range more {
		list = append(list, attribute{m.Type, func(b *cryptobyte.Builder) { b.AddBytes(m.Value) }})
	}
	var elements [][]byte
	for _, a := range list {
		var b cryptobyte.Builder
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(a.oid)
			b.AddASN1(der.SET, a.value)
		})
		element, err := b.Bytes()
		if err != nil {
			return nil, fmt.Errorf("encode attribute %s: %w", a.oid, err)
		}
		elements = append(elements, element)
	}
	slices.SortFunc(elements, bytes.Compare)
	return slices.Concat(elements...), nil
}

// attribute is a type with the writer of its single value.
type attribute struct {
	oid   asn1.ObjectIdentifier
	value func(*cryptobyte.Builder)
}

// addTime adds UTCTime through 2049, then GeneralizedTime (RFC 5652 section 11.3).
func addTime(b *cryptobyte.Builder, t time.Time) {
	if t.Year() < 2050 {
		b.AddASN1UTCTime(t)
		return
	}
	b.AddASN1GeneralizedTime(t)
}

// addSigningCertificate adds a SigningCertificateV2 with one entry (RFC 5035
// section 3). DER leaves out the hash where it is the default, SHA-256.
func (s scheme) addSigningCertificate(b *cryptobyte.Builder, leaf *x509.Certificate, certHash []byte) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				if s.hash != crypto.SHA256 {
					s.addDigest(b)
				}
				b.AddASN1OctetString(certHash)
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { addIssuerSerial(b, leaf) })
			})
		})
	})
}

// addIssuerSerial adds the inside of an IssuerSerial.
func addIssuerSerial(b *cryptobyte.Builder, leaf *x509.Certificate) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.Tag(4).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(leaf.RawIssuer) })
	})
	b.AddASN1BigInt(leaf.SerialNumber)
}
