package cades

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca"
	"mohr/ca/document"
	"mohr/ca/document/suite"
	"mohr/ca/signature"
)

// Options say how to sign.
type Options struct {
	MIME    string           // kind of the document; "" only within a PDF, which says so itself
	States  bool             // within a PDF: what is attached to it is a statement, and it no document (signature.Verifier.PDF)
	Time    time.Time        // that the signer claims; zero: none, as PAdES wants it
	Enclose bool             // the document inside
	Stamper document.Stamper // nil: no time stamp, level B-B
	Source  document.Source  // nil: no revocation values; with Stamper, level B-LT
}

// Sign signs a document: ECDSA or PKCS #1 v1.5 with SHA-256 (SHA-384 on
// P-384), the chain, and the signed attributes content-type, message-digest,
// signing-certificate-v2 and, as o says, signing-time and mime-type. Only its
// digest need be known where it is not to be enclosed.
func Sign(ctx context.Context, key ca.SigningKey, c document.Content, o Options) ([]byte, error) {
	d, err := Prepare(key.Certificate, key.Chain, c, o)
	if err != nil {
		return nil, err
	}
	sig, err := d.algorithm.Sign(key.Signer, key.Certificate.PublicKey, d.Input())
	if err != nil {
		return nil, fmt.Errorf("sign CAdES: %w", err)
	}
	raw, err := d.Finish(sig)
	if err != nil {
		return nil, err
	}
	return Raise(ctx, raw, o.Stamper, o.Source)
}

// Draft is a signature without its value, for keys that sign elsewhere. The
// same arguments of Prepare make the same Draft.
type Draft struct {
	leaf      *x509.Certificate
	chain     []*x509.Certificate
	content   []byte // nil: detached
	attrs     []byte // elements, in DER's order
	algorithm suite.Algorithm
}

// Prepare returns the Draft of a signature by leaf's key.
func Prepare(leaf *x509.Certificate, chain []*x509.Certificate, c document.Content, o Options) (Draft, error) {
	if leaf == nil || len(chain) >= maxElements {
		return Draft{}, errors.New("sign CAdES: no certificate, or too long a chain")
	}
	d := Draft{leaf: leaf, chain: chain}
	var err error
	if d.algorithm, err = suite.For(leaf.PublicKey, false); err != nil {
		return Draft{}, fmt.Errorf("sign CAdES: %w", err)
	}
	digest := c.Digest(d.algorithm.Hash)
	if digest == nil {
		return Draft{}, fmt.Errorf("sign CAdES: the digest of the document under %s is not known", d.algorithm.Hash)
	}
	if o.Enclose {
		if d.content = c.Bytes(); d.content == nil {
			return Draft{}, errors.New("sign CAdES: the document to be enclosed is not there")
		}
	}
	if len(o.MIME) > maxMIME {
		return Draft{}, fmt.Errorf("sign CAdES: the type of the document has more than %d octets", maxMIME)
	}
	d.attrs, err = d.attributes(digest, o)
	return d, err
}

// Input returns what the value is over: a key that wants a digest hashes it
// with the hash that goes with the key.
func (d Draft) Input() []byte { return setOf(d.attrs) }

// Finish returns the CMS (DER) with the value, which must hold.
func (d Draft) Finish(sig []byte) ([]byte, error) {
	if !d.algorithm.Verify(d.leaf.PublicKey, d.Input(), sig) {
		return nil, errors.New("sign CAdES: the value does not hold under the certificate's key")
	}
	signed, err := build(func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(d.leaf.RawIssuer)
			b.AddASN1BigInt(d.leaf.SerialNumber)
		})
		suite.AddHash(b, d.algorithm.Hash)
		b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddBytes(d.attrs) })
		d.algorithm.AddSignature(b)
		b.AddASN1OctetString(sig)
	})
	if err != nil {
		return nil, err
	}
	m := message{signers: []signer{{signed: signed}}}
	if m.digests, err = build(func(b *cryptobyte.Builder) { suite.AddHash(b, d.algorithm.Hash) }); err != nil {
		return nil, err
	}
	m.encap, err = build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidData)
			if d.content != nil {
				b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(d.content) })
			}
		})
	})
	if err != nil {
		return nil, err
	}
	m.addCertificates(append([]*x509.Certificate{d.leaf}, d.chain...))
	return m.encode()
}

// build returns what write adds.
func build(write func(*cryptobyte.Builder)) ([]byte, error) {
	var b cryptobyte.Builder
	write(&b)
	out, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode CAdES: %w", err)
	}
	return out, nil
}

// attributes returns the elements of the signed attributes, in DER's order.
func (d Draft) attributes(digest []byte, o Options) ([]byte, error) {
	list := []attribute{
		{oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData) }},
		{oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest) }},
		{oidSigningCertificateV2, d.addSigningCertificate},
	}
	if !o.Time.IsZero() {
		list = append(list, attribute{oidSigningTime, func(b *cryptobyte.Builder) { addTime(b, o.Time) }})
	}
	if o.MIME != "" {
		list = append(list, attribute{oidMIMEType, func(b *cryptobyte.Builder) {
			b.AddASN1(der.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(o.MIME)) })
		}})
	}
	if o.States {
		list = append(list, attribute{signature.CommitmentType, func(b *cryptobyte.Builder) { b.AddBytes(signature.CommitmentValue) }})
	}
	var all [][]byte
	for _, a := range list {
		raw, err := a.der()
		if err != nil {
			return nil, err
		}
		all = append(all, raw)
	}
	slices.SortFunc(all, bytes.Compare)
	return slices.Concat(all...), nil
}

// attribute is a type with the writer of its single value.
type attribute struct {
	oid   asn1.ObjectIdentifier
	value func(*cryptobyte.Builder)
}

func (a attribute) der() ([]byte, error) {
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(a.oid)
			b.AddASN1(der.SET, a.value)
		})
	})
}

// addTime adds UTCTime through 2049, then GeneralizedTime (RFC 5652 section 11.3).
func addTime(b *cryptobyte.Builder, t time.Time) {
	t = t.UTC().Truncate(time.Second)
	if t.Year() < 2050 {
		b.AddASN1UTCTime(t)
		return
	}
	b.AddASN1GeneralizedTime(t)
}

// addSigningCertificate adds a SigningCertificateV2 with one entry (RFC 5035
// section 3), by SHA-256, which DER leaves out as the default.
func (d Draft) addSigningCertificate(b *cryptobyte.Builder) {
	hash := suite.Digest(crypto.SHA256, d.leaf.Raw)
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(hash)
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(der.Tag(4).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(d.leaf.RawIssuer) })
					})
					b.AddASN1BigInt(d.leaf.SerialNumber)
				})
			})
		})
	})
}
