package cades

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca/document"
)

// Raise adds a time stamp over the value of each signature that has none, and
// then what source says of the chains of signers and stamping units: B-B
// becomes B-T and B-LT. A nil argument adds nothing.
func Raise(ctx context.Context, raw []byte, stamper document.Stamper, source document.Source) ([]byte, error) {
	if stamper == nil && source == nil {
		return raw, nil
	}
	m, err := parse(raw)
	if err != nil {
		return nil, err
	}
	if stamper != nil {
		if err := m.stamp(ctx, stamper); err != nil {
			return nil, err
		}
	}
	if source != nil {
		if err := m.keepValues(ctx, source); err != nil {
			return nil, err
		}
	}
	return m.encode()
}

// stamp adds a signature-time-stamp (EN 319 122-1 section 5.3) to each signer
// without one: over the octets of the signature value.
func (m *message) stamp(ctx context.Context, stamper document.Stamper) error {
	for n := range m.signers {
		s := &m.signers[n]
		if slices.ContainsFunc(s.unsigned, func(raw []byte) bool { return len(stampsOf(raw)) > 0 }) {
			continue
		}
		token, err := document.Stamp(ctx, stamper, s.signature)
		if err != nil {
			return err
		}
		raw, err := attribute{oidSignatureStamp, func(b *cryptobyte.Builder) { b.AddBytes(token) }}.der()
		if err != nil {
			return err
		}
		s.unsigned = append(s.unsigned, raw)
	}
	return nil
}

// keepValues adds what the source says (EN 319 122-1 section 6.3, B-LT).
func (m *message) keepValues(ctx context.Context, source document.Source) error {
	all := m.values()
	for _, s := range m.signers {
		one := s.described(all, document.Content{})
		v, err := document.Gather(ctx, source, one)
		if err != nil {
			return err
		}
		m.addCertificates(v.Certificates)
		for _, crl := range v.CRLs {
			m.addRevocation(crl)
		}
		for _, ocsp := range v.OCSPs {
			raw, err := build(func(b *cryptobyte.Builder) {
				b.AddASN1(tag1, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidOCSPResponse)
					b.AddBytes(ocsp)
				})
			})
			if err != nil {
				return err
			}
			m.addRevocation(raw)
		}
	}
	return nil
}

func (m *message) addRevocation(raw []byte) {
	if !slices.ContainsFunc(m.crls, func(other []byte) bool { return bytes.Equal(raw, other) }) {
		m.crls = append(m.crls, raw)
	}
}

// addCertificates adds those that are not there.
func (m *message) addCertificates(list []*x509.Certificate) {
	for _, c := range list {
		if !slices.ContainsFunc(m.certs, func(raw []byte) bool { return bytes.Equal(raw, c.Raw) }) {
			m.certs = append(m.certs, c.Raw)
		}
	}
}

// encode writes the message: what was read stays as it was, sets are ordered
// as DER has them.
func (m message) encode() ([]byte, error) {
	out, err := build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidSignedData)
			b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddASN1(der.SEQUENCE, m.add) })
		})
	})
	if err == nil && len(out) > MaxSize {
		return nil, fmt.Errorf("encode CAdES: %d octets are more than %d", len(out), MaxSize)
	}
	return out, err
}

// add adds the inside of the SignedData.
func (m message) add(b *cryptobyte.Builder) {
	b.AddASN1Int64(m.version())
	b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(m.digests) })
	b.AddBytes(m.encap)
	b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddBytes(sorted(m.certs)) })
	if len(m.crls) > 0 {
		b.AddASN1(tag1, func(b *cryptobyte.Builder) { b.AddBytes(sorted(m.crls)) })
	}
	var infos [][]byte
	for _, s := range m.signers {
		info, err := s.der()
		if err != nil {
			b.SetError(err)
		}
		infos = append(infos, info)
	}
	b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(sorted(infos)) })
}

// version is that of RFC 5652 section 5.1, for content of the type data: 5
// where there are revocation values of another kind than CRLs, 3 where a
// signer is named by its key, else 1.
func (m message) version() int64 {
	for _, raw := range m.crls {
		if in := cryptobyte.String(raw); !in.PeekASN1Tag(der.SEQUENCE) {
			return 5
		}
	}
	for _, s := range m.signers {
		if s.keyID != nil {
			return 3
		}
	}
	return 1
}

// der writes the SignerInfo.
func (s signer) der() ([]byte, error) {
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(s.signed)
			if len(s.unsigned) > 0 {
				b.AddASN1(tag1, func(b *cryptobyte.Builder) { b.AddBytes(sorted(s.unsigned)) })
			}
		})
	})
}

// sorted returns the elements of a SET OF as DER orders them.
func sorted(list [][]byte) []byte {
	list = slices.Clone(list)
	slices.SortFunc(list, bytes.Compare)
	return slices.Concat(list...)
}
